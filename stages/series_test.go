package stages

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"deeprc/collective"
)

func TestSeriesRanksAgreeBitForBit(t *testing.T) {
	rowsStep := dataConfig()
	rowsStep.Step = "rows"
	for name, c := range map[string]struct {
		cfg *DataConfig
		raw *rawRows
	}{
		"wide":              {dataConfig(), wideRows(1, 5, 200, false)},
		"wide with gaps":    {dataConfig(), wideRows(2, 3, 300, true)},
		"wide, rows":        {rowsStep, wideRows(2, 3, 300, true)},
		"wide, three rows":  {dataConfig(), wideRows(9, 1, 3, false)},
		"long":              {dataConfig(), longRows(3, []int{80, 33, 120, 60}, false)},
		"long, interleaved": {dataConfig(), longRows(4, []int{80, 33, 120, 60}, true)},
		"long, rows":        {rowsStep, longRows(4, []int{80, 33, 120, 60}, true)},
	} {
		t.Run(name, func(t *testing.T) {
			one, err := build(c.cfg, c.raw)
			if err != nil {
				t.Fatal(err)
			}
			n := len(c.raw.ts)
			for _, cuts := range [][]int{{n / 2}, {1}, {0}, {n}, {n / 3, n / 2}, {0, 0, n / 5, n - 1}, {1, 2, 3, 3, 3, 3}} {
				got, err := build(c.cfg, c.raw, cuts...)
				if err == nil {
					err = sameSeries(one, got)
				}
				if err != nil {
					t.Errorf("cut at %v: %v", cuts, err)
				}
			}
		})
	}
}

// TestSeriesInterleavedIsSorted: the order of the rows of different series in the file changes the order of the series only.
func TestSeriesInterleavedIsSorted(t *testing.T) {
	a, err := build(dataConfig(), longRows(4, []int{80, 33, 120}, false), 40)
	if err != nil {
		t.Fatal(err)
	}
	b, err := build(dataConfig(), longRows(4, []int{80, 33, 120}, true), 40)
	if err != nil {
		t.Fatal(err)
	}
	for g, id := range a.Channels {
		k := slices.Index(b.Channels, id)
		x, y := a.Groups[g], b.Groups[k]
		if x.N != y.N || x.T0 != y.T0 || x.Bounds != y.Bounds || a.Mean[g] != b.Mean[k] || a.Std[g] != b.Std[k] ||
			!slices.Equal(bits32(a.Data.Target[x.Start[0]:][:x.N]), bits32(b.Data.Target[y.Start[0]:][:y.N])) {
			t.Errorf("series %s differs", id)
		}
	}
}

// TestSeriesRowsAsSteps: with step = "rows" uneven times are no error, no gap is filled, and each step keeps its time.
func TestSeriesRowsAsSteps(t *testing.T) {
	raw := &rawRows{channels: []string{"a"}, values: [][]float64{nil}}
	at := int64(0)
	for i := range 100 {
		at += int64(1+i*i%7) * 1e6
		raw.ts, raw.values[0] = append(raw.ts, at), append(raw.values[0], float64(i))
	}
	cfg := dataConfig()
	cfg.Step = "rows"
	cfg.Split.Fractions = nil
	cfg.Split.Dates = []time.Time{time.UnixMicro(raw.ts[50]).UTC(), time.UnixMicro(raw.ts[80]).UTC()}
	s, err := build(cfg, raw, 30)
	if err != nil {
		t.Fatal(err)
	}
	if s.Gaps != 0 || s.Missing != 0 || s.Groups[0].N != 100 || s.Groups[0].Bounds != [3]int{50, 80, 100} || s.Mean[0] != 24.5 {
		t.Errorf("%+v", s)
	}
	for i, want := range raw.ts {
		if s.rawTime(0, i) != want || s.Time(0, i).UnixMicro() != want {
			t.Fatalf("step %d is at %d, want %d", i, s.rawTime(0, i), want)
		}
	}
	raw.plain = true
	cfg.Split = Split{Rows: []int{50, 30, 20}}
	if s, err = build(cfg, raw, 30); err != nil || s.Step != (Step{Micros: 1, Plain: true}) || s.rawTime(0, 7) != raw.ts[7] {
		t.Errorf("whole numbers: %+v, %v", s, err)
	}
}

// TestSeriesStandardises compares with the plain two-pass mean and deviation in float64, and the slab with its definition.
func TestSeriesStandardises(t *testing.T) {
	raw := wideRows(5, 4, 500, true)
	s, err := build(dataConfig(), raw, 100, 320)
	if err != nil {
		t.Fatal(err)
	}
	n := int(raw.ts[len(raw.ts)-1]/3600e6) + 1
	if s.Groups[0].N != n || s.Gaps != int64(n-len(raw.ts)) || s.Rows != int64(len(raw.ts)) || s.Gaps == 0 {
		t.Fatalf("%d steps, %d gaps, %d rows", s.Groups[0].N, s.Gaps, s.Rows)
	}
	if want := [3]int{int(.6 * float64(n)), n - int(.2*float64(n)), n}; s.Groups[0].Bounds != want {
		t.Errorf("bounds %v, want %v", s.Groups[0].Bounds, want)
	}
	missing := int64(0)
	for c, col := range raw.values {
		grid := slices.Repeat([]float64{nan}, n)
		for i, v := range col {
			grid[raw.ts[i]/3600e6] = v
		}
		var sum, count, squares float64
		for _, v := range grid[:s.Groups[0].Bounds[0]] {
			if v == v {
				sum, count = sum+v, count+1
			}
		}
		mean := sum / count
		for _, v := range grid[:s.Groups[0].Bounds[0]] {
			if v == v {
				squares += (v - mean) * (v - mean)
			}
		}
		std := math.Sqrt(squares / count)
		if math.Abs(s.Mean[c]-mean) > 1e-12*(math.Abs(mean)+std) || math.Abs(s.Std[c]-std) > 1e-12*std {
			t.Errorf("channel %d: %.17g ± %.17g, want %.17g ± %.17g", c, s.Mean[c], s.Std[c], mean, std)
		}
		for i, v := range grid {
			got := s.Data.Target[s.Groups[0].Start[c]+int64(i)]
			if v != v {
				missing++
			}
			if (v == v) != (got == got) || v == v && got != float32((v-s.Mean[c])/s.Std[c]) {
				t.Fatalf("channel %d, step %d: %g became %g", c, i, v, got)
			}
		}
	}
	if s.Missing != missing {
		t.Errorf("%d missing values, want %d", s.Missing, missing)
	}
}

// TestSeriesFillIsForward: what a forecast sees at a step is that step's value, else the last one before, else the train mean.
func TestSeriesFillIsForward(t *testing.T) {
	raw := &rawRows{channels: []string{"a"}, values: [][]float64{{nan, nan, 1, nan, 3, nan, nan, 5, 7, nan}}}
	for i := range 10 {
		raw.ts = append(raw.ts, int64(i)*3600e6)
	}
	raw.ts[9] += 2 * 3600e6 // two rows are not there
	s, err := build(dataConfig(), raw, 4)
	if err != nil {
		t.Fatal(err)
	}
	if s.Mean[0] != 2 { // of 1 and 3, in the first seven of twelve steps
		t.Fatalf("mean %g", s.Mean[0])
	}
	for i, want := range []float64{2, 2, 1, 1, 3, 3, 3, 5, 7, 7, 7, 7} {
		if got := float64(s.Data.Past[i])*s.Std[0] + s.Mean[0]; math.Abs(got-want) > 1e-6 {
			t.Errorf("step %d: %g, want %g", i, got, want)
		}
	}
	if s.Missing != 8 || s.Gaps != 2 {
		t.Errorf("%d missing, %d gaps", s.Missing, s.Gaps)
	}
	complete, err := build(dataConfig(), wideRowsWithoutHoles())
	if err != nil || complete.Missing != 0 || &complete.Data.Past[0] != &complete.Data.Target[0] {
		t.Errorf("series without holes are held twice, or %v", err)
	}
}

// TestSeriesNoLeakFromTheFuture changes every value after a step, also to missing, and finds all before it as it was.
func TestSeriesNoLeakFromTheFuture(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for trial := range 40 {
		a, b := wideRows(uint64(trial), 2, 60, true), wideRows(uint64(trial), 2, 60, true)
		cfg := dataConfig()
		cfg.Split = Split{Rows: []int{30, 15, 15}}
		from := slices.IndexFunc(a.ts, func(t int64) bool { return t >= 30*3600e6 }) + rnd.IntN(20)
		for c := range b.values {
			for i := from; i < len(b.ts); i++ {
				b.values[c][i] = []float64{nan, 1e9, -5}[rnd.IntN(3)]
			}
		}
		x, err := build(cfg, a)
		if err != nil {
			t.Fatal(err)
		}
		y, err := build(cfg, b)
		if err != nil {
			t.Fatal(err)
		}
		step := int(a.ts[from] / 3600e6)
		for c, at := range x.Groups[0].Start {
			if !slices.Equal(bits32(x.Data.Past[at:][:step]), bits32(y.Data.Past[at:][:step])) || x.Mean[c] != y.Mean[c] || x.Std[c] != y.Std[c] {
				t.Fatalf("trial %d, channel %d: values from step %d on change what was before", trial, c, step)
			}
		}
	}
}

func TestSeriesConstantChannel(t *testing.T) {
	for _, v := range []float64{0, 1, .1, -1e-300, 1e300, 1. / 3, 123456.789} {
		for _, n := range []int{5, 10, 49, 101, 997} {
			raw := &rawRows{channels: []string{"flat", "other"}, values: make([][]float64, 2)}
			for i := range n {
				raw.ts = append(raw.ts, int64(i))
				raw.values[0] = append(raw.values[0], v)
				raw.values[1] = append(raw.values[1], float64(i))
			}
			raw.plain = true
			raw.values[0][n-1] = v + 1 // in the test part
			s, err := build(dataConfig(), raw, n/3)
			if err != nil {
				t.Fatal(err)
			}
			if s.Std[0] != 1 || !slices.Equal(s.Constant, []string{"flat"}) {
				t.Errorf("%d times %g: mean %.17g, deviation %g, constant %v", n, v, s.Mean[0], s.Std[0], s.Constant)
			}
		}
	}
	small := &rawRows{channels: []string{"a"}, plain: true, values: [][]float64{nil}}
	for i := range 100 {
		small.ts, small.values[0] = append(small.ts, int64(i)), append(small.values[0], 1e6+float64(i%2)*1e-8)
	}
	if s, err := build(dataConfig(), small); err != nil || len(s.Constant) > 0 || math.Abs(s.Std[0]-5e-9) > 1e-9 {
		t.Errorf("a small deviation is taken for none: %+v, %v", s, err)
	}
}

func TestSeriesErrors(t *testing.T) {
	rows := func(ids []string, ts ...int64) *rawRows {
		r := &rawRows{channels: []string{"a"}, ts: ts, values: [][]float64{make([]float64, len(ts))}}
		for i := range ts {
			r.values[0][i] = float64(i)
		}
		for _, id := range ids {
			r.add(id)
		}
		return r
	}
	const h = 3600e6
	const hint = `; if the file holds several series, one below the other, set data.id to the column that names them (now "unique_id")`
	dates := dataConfig()
	dates.Split = mustParse(t, synthText, "data.split=[2020-01-01, 2021-01-01]").Data.Split
	plain := rows(nil, 1, 2, 3)
	plain.plain = true
	plainTwice := rows(nil, 1, 2, 2)
	plainTwice.plain = true
	hollow := rows(nil, 0, h, 2*h, 3*h, 4*h)
	hollow.values[0] = []float64{nan, nan, nan, 1, 2}
	for _, c := range []struct {
		name string
		cfg  *DataConfig
		raw  *rawRows
		want string
	}{
		{"twice", dataConfig(), rows(nil, 0, h, h, 2*h), "t.csv: data row 3 repeats the timestamp 1970-01-01 01:00: remove the duplicate rows" + hint},
		{"twice, whole numbers", dataConfig(), plainTwice, "t.csv: data row 3 repeats the timestamp 2: remove the duplicate rows" + hint},
		{"unsorted", dataConfig(), rows(nil, 0, 2*h, h, 3*h),
			"t.csv: data row 3 has the timestamp 1970-01-01 01:00, which is before that of the row above it, 1970-01-01 02:00: sort the rows by time" + hint},
		{"twice in a series", dataConfig(), rows([]string{"a", "b", "a", "b", "a"}, 0, 0, h, h, h),
			`t.csv: data row 5 repeats the timestamp 1970-01-01 01:00 of series "a": remove the duplicate rows`},
		{"unsorted in a series", dataConfig(), rows([]string{"a", "a", "b", "a"}, 0, 2*h, 0, h),
			`t.csv: data row 4 has the timestamp 1970-01-01 01:00 of series "a", which is before that of the row above it in its series, 1970-01-01 02:00: sort the rows by time`},
		{"no value to learn from", dataConfig(), hollow, "no value in the train part of a: nothing can be learnt of it; leave it out, or move data.split"},
		{"dates of whole numbers", dates, plain, "t.csv: data.split gives dates, but the time column holds whole numbers: give fractions or row counts"},
		{"irregular", dataConfig(), rows(nil, 0, 1, 2, 1e12), "t.csv: the timestamps are not evenly spaced"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, cuts := range [][]int{nil, {1}, {2}, {1, 2}, {0, 3, 3}} {
				_, err := build(c.cfg, c.raw, cuts...)
				if err == nil {
					t.Fatalf("cut at %v: no error", cuts)
				}
				text := err.Error()
				if from := new(collective.RankError); errors.As(err, &from) {
					text = from.Text
				}
				if !strings.HasPrefix(text, c.want) || c.want[len(c.want)-1] != 'd' && text != c.want {
					t.Errorf("cut at %v: got  %s\nwant %s", cuts, text, c.want)
				}
			}
		})
	}
}
