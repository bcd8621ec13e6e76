package stages

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestReportBest(t *testing.T) {
	nan := math.NaN()
	r := &ReportTable{Metrics: []string{"mse", "NSE", "bias", "coverage-90", "none"}, Rows: []ReportRow{
		{"a", "", []float64{0.30001, 0.7, -0.01, 0.9, nan}},
		{"b", "", []float64{0.30002, 0.8, 0.2, 0.91, math.Inf(-1)}},
		{"c", "", []float64{0.4, math.Inf(1), -0.3, 0.5, math.Inf(1)}},
		{"d", "", []float64{nan, nan, nan, nan, nan}},
	}}
	var got []string
	for _, l := range r.lines(nil, nil).Lines {
		row := ""
		for _, c := range l.Cells {
			row += " " + c.Text
			if c.Best {
				row += "*"
			}
		}
		got = append(got, row)
	}
	want := []string{
		" 0.3000* 0.7000 −0.0100* 0.9000 –", // the two mse agree as printed
		" 0.3000* 0.8000* 0.2000 0.9100 –",
		" 0.4000 – −0.3000 0.5000 –",
		" – – – – –",
	}
	if !slices.Equal(got, want) {
		t.Errorf("table\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestReportFormatColumn(t *testing.T) {
	for _, c := range []struct {
		in     []float64
		better string
		want   string
	}{
		{[]float64{0, 0}, "↓", "0.000 0.000"},
		{[]float64{12.3456, 123.456}, "↓", "12.35 123.46"},
		{[]float64{0.0123456, 1.5}, "↓", "0.01235 1.50000"},
		{[]float64{1234.5678, 99999}, "↓", "1235 99999"},
		{[]float64{1e9, -2.5e8}, "↓", "1.000e+09 −2.500e+08"},
		{[]float64{1e-9}, "↓", "1.000e−09"},
		{[]float64{-5, math.NaN()}, "↓", "−5.000 –"},
		{[]float64{-0.0021, 0.0119, 0.0153, 0.0005}, "→0", "−0.00210 0.01190 0.01530 0.00050"},
		{[]float64{0.412345, 0.387654, 1.5e12}, "↓", "0.4123 0.3877 1.500e+12"},
	} {
		if got := strings.Join(formatColumn(c.in, c.better), " "); got != c.want {
			t.Errorf("%v: %q, want %q", c.in, got, c.want)
		}
	}
}
