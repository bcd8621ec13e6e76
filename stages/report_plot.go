package stages

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A lineStyle is how a line looks, in a drawing and in its key. Width and dash are in points of the drawing.
type lineStyle struct {
	colour color.RGBA
	width  float64
	dash   []float64
}

// The colours that follow the page's light or dark scheme.
var (
	inkColour  = color.RGBA{A: 255}
	pastColour = color.RGBA{0x8b, 0x92, 0x9c, 255}
	gridColour = color.RGBA{0xe6, 0xe9, 0xee, 255}
	schemeVars = strings.NewReplacer("stroke:#000000", "stroke:var(--ink)", "stroke:#8B929C", "stroke:var(--past)",
		"stroke:#E6E9EE", "stroke:var(--grid)", "stroke:#0072B2", "stroke:var(--blue)", "stroke:#56B4E9", "stroke:var(--sky)")
)

// modelColours are those of Okabe and Ito (2008), "Color Universal Design", less yellow, which is faint on white, and
// black, which is the actual series.
var modelColours = []color.RGBA{
	{0x00, 0x72, 0xb2, 255}, {0xd5, 0x5e, 0x00, 255}, {0x00, 0x9e, 0x73, 255},
	{0xcc, 0x79, 0xa7, 255}, {0x56, 0xb4, 0xe9, 255}, {0xe6, 0x9f, 0x00, 255},
}

var (
	pastStyle   = lineStyle{colour: pastColour, width: 1}
	actualStyle = lineStyle{colour: inkColour, width: 1.3}
	lossStyles  = [2]lineStyle{{colour: pastColour, width: 0.7}, {colour: modelColours[0], width: 2}} // training, validation
	bestColour  = modelColours[1]
)

// modelStyle is the style of the i-th model: after the colours come dashes.
func modelStyle(i int) lineStyle {
	dashes := [][]float64{nil, {5, 3}, {1.2, 2.6}}
	return lineStyle{
		colour: modelColours[i%len(modelColours)],
		width:  1.4,
		dash:   dashes[i/len(modelColours)%len(dashes)],
	}
}

// svgHex is the colour as vgsvg writes it.
func svgHex(c color.RGBA) string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) }

// swatch is a short piece of the line.
func swatch(s lineStyle) template.HTML {
	style := fmt.Sprintf("fill:none;stroke:%s;stroke-width:%g", svgHex(s.colour), s.width*1.3)
	if s.dash != nil {
		style += ";stroke-dasharray:" + strings.Trim(strings.ReplaceAll(fmt.Sprint(s.dash), " ", ","), "[]")
	}
	return template.HTML(schemeVars.Replace(
		`<svg class="key" viewBox="0 0 26 10" aria-hidden="true"><path d="M1 5H25" style="` + style + `"/></svg>`))
}

var bestSwatch = template.HTML(
	`<svg class="key" viewBox="0 0 26 10" aria-hidden="true"><circle cx="13" cy="5" r="4" fill="` + svgHex(bestColour) + `"/></svg>`)

// lossFigure draws one model's losses; on a logarithmic axis where they span more than a factor 20.
func lossFigure(c ReportCurve, points int) (reportFigure, error) {
	fig := reportFigure{Name: c.Model}
	lo, hi := finiteRange(c.TrainLoss, c.ValLoss)
	x0, x1 := finiteRange(c.TrainStep, c.ValStep)
	if lo > hi || x0 > x1 {
		return fig, nil
	}
	if i := slices.Index(c.ValStep, c.BestStep); i >= 0 && finite(c.ValLoss[i]) {
		fig.Detail = fmt.Sprintf("best validation %.4g at step %s", c.ValLoss[i], formatTick(c.BestStep, 1))
	}

	p := newReportPlot()
	p.X.Label.Text, p.Y.Label.Text = "step", "loss"
	p.X.Min, p.X.Max = padRange(x0, x1, 0)
	p.X.Tick.Marker = plot.ConstantTicks(linearTicks(p.X.Min, p.X.Max, 6))
	if lo > 0 && hi/lo > 20 {
		p.Y.Scale = plot.LogScale{}
		p.Y.Min, p.Y.Max = lo/1.1, hi*1.1
		p.Y.Tick.Marker = plot.ConstantTicks(logTicks(p.Y.Min, p.Y.Max))
	} else {
		p.Y.Min, p.Y.Max = padRange(lo, hi, 0.05)
		p.Y.Tick.Marker = plot.ConstantTicks(linearTicks(p.Y.Min, p.Y.Max, 5))
	}
	p.Add(newBrokenLine(c.TrainStep, c.TrainLoss, lossStyles[0], points))
	p.Add(newBrokenLine(c.ValStep, c.ValLoss, lossStyles[1], points))
	if i := slices.Index(c.ValStep, c.BestStep); i >= 0 && finite(c.ValLoss[i]) {
		p.Add(dot{c.BestStep, c.ValLoss[i]})
	}
	svg, err := drawSVG(p, 380, 215)
	fig.SVG = svg
	return fig, err
}

// exampleFigure draws one window; of the past, three times the forecast's length, and 24 points at least.
func exampleFigure(e ReportExample, styles map[string]lineStyle, points int) (reportFigure, error) {
	fig := reportFigure{
		Name:   e.Series,
		Detail: fmt.Sprintf("%d steps after %s", len(e.Times), e.Cutoff.Format("2006-01-02 15:04")),
	}
	if len(e.Times) == 1 {
		fig.Detail = strings.Replace(fig.Detail, "steps", "step", 1)
	}
	from := max(0, len(e.Past)-max(3*len(e.Times), 24))
	past, pastX := e.Past[from:], unixSeconds(e.PastTimes[from:])
	actual, actualX := e.Actual, unixSeconds(e.Times)
	if n := len(past); n > 0 { // what was seen last and what came next are neighbours
		actual, actualX = slices.Insert(slices.Clone(actual), 0, past[n-1]), slices.Insert(actualX, 0, pastX[n-1])
	}
	forecastX := unixSeconds(e.Times)

	values := [][]float64{past, actual}
	for _, f := range e.Forecasts {
		values = append(values, f.Values)
	}
	lo, hi := finiteRange(values...)
	x0, x1 := finiteRange(pastX, forecastX)
	if lo > hi || x0 > x1 {
		return fig, nil
	}
	p := newReportPlot()
	p.X.Min, p.X.Max = x0, x1
	if x0 == x1 {
		p.X.Min, p.X.Max = x0-1800, x1+1800
	}
	p.X.Tick.Marker = plot.ConstantTicks(timeTicks(p.X.Min, p.X.Max, e.Cutoff.Location()))
	p.Y.Min, p.Y.Max = padRange(lo, hi, 0.05)
	p.Y.Tick.Marker = plot.ConstantTicks(linearTicks(p.Y.Min, p.Y.Max, 5))

	if cut := float64(e.Cutoff.Unix()); cut >= p.X.Min && cut <= p.X.Max {
		p.Add(newBrokenLine([]float64{cut, cut}, []float64{p.Y.Min, p.Y.Max},
			lineStyle{colour: pastColour, width: 0.7, dash: []float64{3, 3}}, points))
	}
	p.Add(newBrokenLine(pastX, past, pastStyle, points))
	p.Add(newBrokenLine(actualX, actual, actualStyle, points))
	for _, f := range e.Forecasts {
		p.Add(newBrokenLine(forecastX, f.Values, styles[f.Model], points))
	}
	svg, err := drawSVG(p, 420, 220)
	fig.SVG = svg
	return fig, err
}

// newReportPlot has the report's fonts, thin axes and a horizontal grid.
func newReportPlot() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		for _, s := range []*text.Style{&a.Tick.Label, &a.Label.TextStyle} {
			s.Font = font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, 9.5)
		}
		a.LineStyle = draw.LineStyle{Color: pastColour, Width: 0.6}
		a.Tick.LineStyle = a.LineStyle
		a.Tick.Length = 3
		a.Padding = 0
		a.Label.Padding = 2
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color = nil
	grid.Horizontal = draw.LineStyle{Color: gridColour, Width: 0.6}
	p.Add(grid)
	return p
}

// Fonts in a drawing are left to the page's style sheet, so that none need be embedded.
var svgFontStyle = regexp.MustCompile(`style="font-family:[^;"]*;font-variant:[^;"]*;font-weight:[^;"]*;font-style:[^;"]*;`)

// drawSVG draws the plot into an <svg> that scales with its figure; w and h are its viewBox, in points. Text of the plot
// is escaped by vgsvg.
func drawSVG(p *plot.Plot, w, h vg.Length) (template.HTML, error) {
	c := vgsvg.New(w, h)
	p.Draw(draw.Crop(draw.New(c), 1, -15, 1, -3))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", err
	}
	_, body, ok := strings.Cut(b.String(), `xmlns:xlink="http://www.w3.org/1999/xlink">`)
	if !ok {
		return "", fmt.Errorf("the SVG backend wrote an unknown header")
	}
	body = svgFontStyle.ReplaceAllLiteralString(body, `style="`)
	body = schemeVars.Replace(body)
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %g %g" aria-hidden="true">`, w.Points(), h.Points()) + body), nil
}

// A brokenLine is a line through the finite points, broken at the others. A point alone between two breaks is a dot.
type brokenLine struct {
	x, y  []float64
	style lineStyle
}

// newBrokenLine thins to about n points.
func newBrokenLine(x, y []float64, s lineStyle, n int) brokenLine {
	x, y = thinPoints(x, y, n)
	return brokenLine{x, y, s}
}

// Plot implements plot.Plotter.
func (l brokenLine) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	var line, dots vg.Path
	ok := func(i int) bool { return i >= 0 && i < len(l.y) && finite(l.y[i]) && finite(l.x[i]) }
	for i := range l.y {
		if !ok(i) {
			continue
		}
		pt := vg.Point{X: tx(l.x[i]), Y: ty(l.y[i])}
		switch {
		case !ok(i-1) && !ok(i+1):
			dots.Move(pt)
			dots.Line(pt)
		case !ok(i - 1):
			line.Move(pt)
		default:
			line.Line(pt)
		}
	}
	style := draw.LineStyle{Color: l.style.colour, Width: vg.Length(l.style.width)}
	if len(dots) > 0 { // of no length: the style sheet's round caps make them dots
		style.Width = 4
		c.SetLineStyle(style)
		c.Stroke(dots)
	}
	for _, d := range l.style.dash {
		style.Dashes = append(style.Dashes, vg.Length(d))
	}
	style.Width = vg.Length(l.style.width)
	if len(line) > 0 {
		c.SetLineStyle(style)
		c.Stroke(line)
	}
}

// A dot marks the best loss.
type dot struct{ x, y float64 }

// Plot implements plot.Plotter.
func (d dot) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	c.DrawGlyph(draw.GlyphStyle{Color: bestColour, Radius: 4, Shape: draw.CircleGlyph{}}, vg.Point{X: tx(d.x), Y: ty(d.y)})
}

// thinPoints keeps the least and the greatest value of each of n/2 equal runs of points, so that spikes stay. A run with
// no finite value stays a break; breaks within a run go.
func thinPoints(x, y []float64, n int) (tx, ty []float64) {
	if len(y) <= n {
		return x, y
	}
	runs := n / 2
	for r := range runs {
		from, to := r*len(y)/runs, (r+1)*len(y)/runs
		lo, hi := -1, -1
		for i := from; i < to; i++ {
			if !finite(y[i]) {
				continue
			}
			if lo < 0 || y[i] < y[lo] {
				lo = i
			}
			if hi < 0 || y[i] > y[hi] {
				hi = i
			}
		}
		switch {
		case lo < 0:
			tx, ty = append(tx, x[from]), append(ty, math.NaN())
		case lo == hi:
			tx, ty = append(tx, x[lo]), append(ty, y[lo])
		default:
			a, b := min(lo, hi), max(lo, hi)
			tx, ty = append(tx, x[a], x[b]), append(ty, y[a], y[b])
		}
	}
	return tx, ty
}

// finiteRange is the least and the greatest finite value; +Inf, −Inf where there is none.
func finiteRange(lists ...[]float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, l := range lists {
		for _, v := range l {
			if finite(v) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	return lo, hi
}

// padRange widens a range by a share of itself, and an empty one by a tenth of its value.
func padRange(lo, hi, share float64) (float64, float64) {
	if lo == hi {
		d := max(math.Abs(lo)*0.1, 1e-6)
		return lo - d, hi + d
	}
	d := (hi - lo) * share
	return lo - d, hi + d
}

// linearTicks are at most about n round numbers in the range.
func linearTicks(lo, hi float64, n int) (ticks []plot.Tick) {
	raw := (hi - lo) / float64(n)
	if !finite(raw) || raw <= 0 {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*step >= raw*0.999 {
			step *= m
			break
		}
	}
	first := math.Ceil(lo/step - 1e-9)
	for i := range n + 2 {
		if v := (first + float64(i)) * step; v <= hi+step*1e-9 {
			ticks = append(ticks, plot.Tick{Value: v, Label: formatTick(v, step)})
		}
	}
	return ticks
}

// logTicks are 1, 2 and 5 times the powers of ten in the range, or fewer where that is more than seven.
func logTicks(lo, hi float64) (ticks []plot.Tick) {
	first, last := int(math.Floor(math.Log10(lo))), int(math.Ceil(math.Log10(hi)))
	each := 1 + (last-first)/7
	for _, factors := range [][]float64{{1, 2, 5}, {1}} {
		ticks = nil
		for e := first; e <= last; e++ {
			for _, f := range factors {
				v := f * math.Pow(10, float64(e))
				if v >= lo && v <= hi && e%each == 0 {
					ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 3, 64)})
				}
			}
		}
		if len(ticks) <= 7 {
			break
		}
	}
	return ticks
}

// formatTick has the decimals that ticks of this step need.
func formatTick(v, step float64) string {
	if math.Abs(v) < step*1e-6 {
		return "0"
	}
	if step < 1e-4 || math.Abs(v) >= 1e9 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	s := strconv.FormatFloat(math.Abs(v), 'f', max(0, -int(math.Floor(math.Log10(step)+1e-9))), 64)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 10000 {
		s = groupDigits(n)
	}
	if v < 0 {
		s = "−" + s
	}
	return s
}

func unixSeconds(ts []time.Time) []float64 {
	out := make([]float64, len(ts))
	for i, t := range ts {
		out[i] = float64(t.UnixMilli()) / 1000
	}
	return out
}
