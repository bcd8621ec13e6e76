package stages

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The SVG backend escapes the text of a plot; drawSVG relies on it.
func TestReportSVGEscapes(t *testing.T) {
	p := newReportPlot()
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.X.Label.Text = `<script>"&</text>`
	svg, err := drawSVG(p, 300, 200)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(svg), "<script") || !strings.Contains(string(svg), "&lt;script&gt;&#34;&amp;&lt;/text&gt;") {
		t.Error(svg)
	}
	if strings.Contains(string(svg), "font-family") {
		t.Error("fonts are named in the drawing")
	}
}

// A break in the data must be a break in the line.
func TestReportLineBreaks(t *testing.T) {
	p := newReportPlot()
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 6, 0, 6
	nan := math.NaN()
	p.Add(newBrokenLine([]float64{0, 1, 2, 3, 4, 5, 6}, []float64{1, 2, nan, 3, 4, nan, 5}, modelStyle(0), 100))
	svg, err := drawSVG(p, 300, 200)
	if err != nil {
		t.Fatal(err)
	}
	var moves []int
	for _, m := range regexp.MustCompile(`<path d="([^"]*)"[^>]*stroke:var\(--blue\)`).FindAllStringSubmatch(string(svg), -1) {
		moves = append(moves, strings.Count(m[1], "M"))
	}
	if !slices.Equal(moves, []int{1, 2}) { // one dot; two runs
		t.Errorf("pieces %v, want [1 2]", moves)
	}
}

func TestReportThin(t *testing.T) {
	var x, y []float64
	for i := range 10_000 {
		x, y = append(x, float64(i)), append(y, math.Sin(float64(i)/500))
	}
	y[4321] = 50 // a spike must stay
	for i := 7000; i < 7500; i++ {
		y[i] = math.NaN()
	}
	tx, ty := thinPoints(x, y, 400)
	if len(tx) != len(ty) || len(ty) > 400 || len(ty) < 350 {
		t.Fatalf("%d, %d points", len(tx), len(ty))
	}
	if !slices.IsSorted(tx) || !slices.Contains(ty, 50) || !slices.ContainsFunc(ty, math.IsNaN) {
		t.Error("order, spike or break is lost")
	}
}

func TestReportTimeTicks(t *testing.T) {
	start := time.Date(2019, 12, 30, 5, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		span time.Duration
		want string
	}{
		{20 * time.Second, "05:00:00|30 Dec 05:00:05 05:00:10 05:00:15 05:00:20"},
		{4 * time.Hour, "05:00|30 Dec 06:00 07:00 08:00 09:00"},
		{48 * time.Hour, "12:00|30 Dec 00:00|31 Dec 12:00 00:00|1 Jan"},
		{96 * time.Hour, "31 Dec|2019 1 Jan|2020 2 Jan 3 Jan"},
		{40 * 24 * time.Hour, "6 Jan|2020 13 Jan 20 Jan 27 Jan 3 Feb"},
		{150 * 24 * time.Hour, "Jan|2020 Feb Mar Apr May"},
		{4 * 365 * 24 * time.Hour, "2020 2021 2022 2023"},
		{40 * 365 * 24 * time.Hour, "2020 2030 2040 2050"},
	} {
		var got []string
		for _, tick := range timeTicks(float64(start.Unix()), float64(start.Add(c.span).Unix()), time.UTC) {
			got = append(got, strings.ReplaceAll(strings.TrimSuffix(tick.Label, "\n "), "\n", "|"))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%v: %q, want %q", c.span, s, c.want)
		}
		if n := len(got); n < 3 || n > 7 {
			t.Errorf("%v: %d ticks", c.span, n)
		}
	}
}

func TestReportNumberTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		log    bool
		want   string
	}{
		{0, 1, false, "0 0.2 0.4 0.6 0.8 1.0"},
		{-1.3, 1.2, false, "−1.0 −0.5 0 0.5 1.0"},
		{0, 61000, false, "0 20\u202f000 40\u202f000 60\u202f000"},
		{0.02, 3, true, "0.02 0.05 0.1 0.2 0.5 1 2"},
		{1e-4, 100, true, "0.0001 0.001 0.01 0.1 1 10 100"},
	} {
		ticks := linearTicks(c.lo, c.hi, 5)
		if c.log {
			ticks = logTicks(c.lo, c.hi)
		}
		var got []string
		for _, tick := range ticks {
			got = append(got, tick.Label)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%g to %g: %q, want %q", c.lo, c.hi, s, c.want)
		}
	}
}
