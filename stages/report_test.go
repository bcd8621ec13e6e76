package stages

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// sampleReport has all sections, from synthetic series.
func sampleReport() *Report {
	s := Synth{Series: 4, Hours: 5000, Seed: 2}
	nan := math.NaN()
	r := &Report{
		Title: "Synthetic load, 24 h ahead", Version: "0.1.0", Created: time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC),
		Facts: [][2]string{{"data", "data/synth.csv"}, {"rows", "5 000"}, {"channels", "4"}, {"windows", "3 201 train, 801 validation, 802 test"},
			{"lookback, horizon", "168 h, 24 h"}, {"ranks", "4 (CPU)"}, {"seed", "2"}},
		Tables: []ReportTable{{Title: "Metrics", Detail: "on the standardized scale", Metrics: []string{"mse", "mae", "nse", "bias"}, Rows: []ReportRow{
			{"nlinear", "", []float64{0.31277, 0.41209, 0.8123, -0.0021}},
			{"lstm", "2 layers, 64 units", []float64{0.30012, 0.40881, 0.8231, 0.0119}},
			{"patchtst", "", []float64{0.30012, 0.40213, 0.8188, 0.0153}},
			{"seasonal-naive-24", "not trained", []float64{0.58831, 0.57312, 0.6421, 0.0005}},
			{"transformer", "diverged", []float64{nan, math.Inf(1), nan, nan}},
		}}, {Title: "Cross-validation", Detail: "3 cutoffs", Metrics: []string{"mae"}, Rows: []ReportRow{{"nlinear", "", []float64{0.4}}, {"naive", "", []float64{0.7}}}}},
		Stages: []ReportStage{{"read", 1.82, 20000, 1_250_000}, {"clean", 0.21, 20000, 0}, {"train nlinear", 14.2, 0, 0},
			{"train lstm", 128.4, 0, 0}, {"train patchtst", 96.1, 0, 0}, {"evaluate", 3.4, 19248, 4_100_000}},
		Errors: []string{"transformer: rank 2: loss is NaN at step 812; lower the learning rate (now 0.01)"},
	}
	for m, model := range []string{"nlinear", "lstm", "patchtst"} {
		c := ReportCurve{Model: model, BestStep: nan}
		best := math.Inf(1)
		for i := range 3000 {
			x := float64(i + 1)
			l := 0.3 + 0.05*float64(m) + []float64{0.5, 8, 2}[m]*math.Exp(-x/300) + 0.06*s.bell(99, m, i)
			c.TrainStep, c.TrainLoss = append(c.TrainStep, x), append(c.TrainLoss, l)
			if i%150 == 149 {
				v := 0.35 + 0.05*float64(m) + []float64{0.5, 8, 2}[m]*math.Exp(-x/300) + 1e-8*math.Pow(max(x-1400, 0), 2)
				c.ValStep, c.ValLoss = append(c.ValStep, x), append(c.ValLoss, v)
				if v < best {
					best, c.BestStep = v, x
				}
			}
		}
		r.Curves = append(r.Curves, c)
	}
	for c, name := range s.Names() {
		start := 3000 + 311*c
		e := ReportExample{Series: name, Cutoff: s.Time(start + 167)}
		for h := start; h < start+168; h++ {
			e.PastTimes, e.Past = append(e.PastTimes, s.Time(h)), append(e.Past, s.Value(c, h))
		}
		for h := start + 168; h < start+192; h++ {
			e.Times, e.Actual = append(e.Times, s.Time(h)), append(e.Actual, s.Value(c, h))
		}
		for m, model := range []string{"nlinear", "lstm", "patchtst", "seasonal-naive-24"} {
			f := ReportForecast{Model: model}
			for h := start + 168; h < start+192; h++ {
				v := s.signal(c, h) + 0.5*s.bell(98, m, h/6)
				if m == 3 {
					v = s.Value(c, h-24)
				}
				f.Values = append(f.Values, v)
			}
			e.Forecasts = append(e.Forecasts, f)
		}
		r.Examples = append(r.Examples, e)
	}
	return r
}

func reportHTML(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// reportElements counts the page's elements, and fails where they are not well nested.
func reportElements(t *testing.T, page string) map[string]int {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	count := map[string]int{}
	var open []string
	for {
		tok, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := tok.(type) {
		case xml.StartElement:
			count[e.Name.Local]++
			if !slices.Contains([]string{"meta"}, e.Name.Local) {
				open = append(open, e.Name.Local)
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != e.Name.Local {
				t.Fatalf("</%s> closes %v", e.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("left open: %v", open)
	}
	return count
}

func TestReportSections(t *testing.T) {
	page := reportHTML(t, sampleReport())
	n := reportElements(t, page)
	if n["figure"] != 3+4 || n["table"] != 3 || n["script"] != 0 || n["img"] != 0 || n["link"] != 0 {
		t.Errorf("elements %v", n)
	}
	for _, want := range []string{
		"<title>Synthetic load, 24 h ahead</title>", "on the standardized scale", "diverged", "rank 2: loss is NaN",
		"<h2>Cross-validation <span class=\"soft\">3 cutoffs</span></h2>", "<td>naive</td>", "2 min 08 s", "1.2 MB", "best validation 0.4", "24 steps after 2020-", "<b>s001</b>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if len(page) > 300_000 {
		t.Errorf("%d bytes", len(page))
	}
}

// Nothing may be loaded from anywhere: no address, no import, no font.
func TestReportSelfContained(t *testing.T) {
	page := reportHTML(t, sampleReport())
	for _, bad := range []string{"http:", "https:", "url(", "@import", "@font-face", "src=", "href", "Liberation Serif", "<?xml"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

func TestReportEscapes(t *testing.T) {
	const evil = `<script>alert("x")</script>'"&</svg></style></title>`
	r := sampleReport()
	r.Title, r.Version, r.Tables[0].Title, r.Tables[0].Detail = evil, evil, evil, evil
	r.Facts, r.Errors = [][2]string{{evil, evil}}, []string{evil}
	r.Tables[0].Metrics[0], r.Tables[0].Rows[0].Model, r.Tables[0].Rows[0].Note = evil, evil, evil
	r.Curves[0].Model, r.Examples[0].Series = evil, evil
	r.Examples[0].Forecasts[0].Model, r.Stages[0].Name = evil, evil
	page := reportHTML(t, r)
	n := reportElements(t, page)
	if n["script"] != 0 || n["title"] != 1 || n["style"] != 1 || strings.Contains(strings.ToLower(page), "<script") {
		t.Errorf("unescaped: %v", n)
	}
	if strings.Count(page, "&lt;script&gt;") < 13 {
		t.Errorf("only %d of the strings are shown", strings.Count(page, "&lt;script&gt;"))
	}
}

// Pages of missing, single and constant values are drawn, or say that there is nothing to draw.
func TestReportDegenerate(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	at := func(n int) (ts []time.Time) {
		for i := range n {
			ts = append(ts, time.Date(2020, 1, 1, i, 0, 0, 0, time.UTC))
		}
		return ts
	}
	r := &Report{
		Curves: []ReportCurve{
			{Model: "nothing", BestStep: nan},
			{Model: "all NaN", TrainStep: []float64{1, 2}, TrainLoss: []float64{nan, inf}, BestStep: 2},
			{Model: "one", TrainStep: []float64{1}, TrainLoss: []float64{3}, BestStep: 1},
			{Model: "constant", TrainStep: []float64{1, 2}, TrainLoss: []float64{0, 0}, ValStep: []float64{2}, ValLoss: []float64{0}, BestStep: 2},
			{Model: "negative", TrainStep: []float64{1, 2}, TrainLoss: []float64{-5, 1e6}, ValStep: []float64{2}, ValLoss: []float64{nan}, BestStep: 2},
			{Model: "huge", TrainStep: []float64{1, 2}, TrainLoss: []float64{1e-300, 1e300}, BestStep: nan},
			{Model: "widest", TrainStep: []float64{1, 2}, TrainLoss: []float64{-math.MaxFloat64, math.MaxFloat64}, BestStep: nan},
		},
		Examples: []ReportExample{
			{Series: "empty"},
			{Series: "gone", Cutoff: at(3)[2], PastTimes: at(3), Past: []float64{nan, nan, nan}, Times: at(1), Actual: []float64{nan}},
			{Series: "one step, no past", Cutoff: at(1)[0], Times: at(1), Actual: []float64{1}, Forecasts: []ReportForecast{{"m", []float64{nan}}}},
			{Series: "broken", Cutoff: at(5)[4], PastTimes: at(5), Past: []float64{1, nan, 2, nan, inf}, Times: at(7)[5:], Actual: []float64{nan, 3},
				Forecasts: []ReportForecast{{"m", []float64{1, -inf}}}},
		},
		Stages: []ReportStage{{"x", nan, 0, 0}, {"y", -1, -1, -1}, {"z", 0, 0, 0}},
	}
	page := reportHTML(t, r)
	reportElements(t, page)
	if n := strings.Count(page, "no finite values to draw"); n != 5 {
		t.Errorf("%d figures say that there is nothing to draw, want 5", n)
	}
	if bad := regexp.MustCompile(`[ML,"]([-+]?(NaN|Inf))`).FindString(page); bad != "" {
		t.Errorf("the drawings have %q", bad)
	}
	reportElements(t, reportHTML(t, &Report{}))
}

func TestReportStaysSmall(t *testing.T) {
	r := &Report{Title: "large"}
	var step, loss []float64
	for i := range 20_000 {
		step, loss = append(step, float64(i)), append(loss, 1+math.Sin(float64(i*7919)))
	}
	var times []time.Time
	for i := range 2000 {
		times = append(times, time.Date(2020, 1, 1, i, 0, 0, 0, time.UTC))
	}
	for m := range 20 {
		r.Curves = append(r.Curves, ReportCurve{Model: fmt.Sprint("m", m), TrainStep: step, TrainLoss: loss, ValStep: step, ValLoss: loss})
	}
	for i := range 300 {
		e := ReportExample{Series: fmt.Sprint("s", i), Cutoff: times[999], PastTimes: times[:1000], Past: loss[:1000], Times: times[1000:], Actual: loss[1000:2000]}
		for m := range 20 {
			e.Forecasts = append(e.Forecasts, ReportForecast{fmt.Sprint("m", m), loss[m*100 : m*100+1000]})
		}
		r.Examples = append(r.Examples, e)
	}
	page := reportHTML(t, r)
	if len(page) > 2_000_000 {
		t.Errorf("%d bytes", len(page))
	}
	if !strings.Contains(page, "more examples are left out") {
		t.Error("examples are left out without a word")
	}
	t.Logf("%d bytes, %d figures", len(page), strings.Count(page, "<figure>"))
}

func TestReportUnequalLengths(t *testing.T) {
	for want, change := range map[string]func(*Report){
		"5 values for 4 metrics":      func(r *Report) { r.Tables[0].Rows[1].Values = make([]float64, 5) },
		"3000 training steps with 2 ": func(r *Report) { r.Curves[2].TrainLoss = []float64{1, 2} },
		"168 past times with 1 ":      func(r *Report) { r.Examples[0].Past = []float64{1} },
		"has 3 values at 24 times":    func(r *Report) { r.Examples[3].Forecasts[1].Values = make([]float64, 3) },
	} {
		r := sampleReport()
		change(r)
		if err := r.WriteHTML(io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	if err := sampleReport().WriteHTML(fullDisk{}); !errors.Is(err, errFullDisk) {
		t.Errorf("a failing writer: %v", err)
	}
}
