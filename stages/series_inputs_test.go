package stages

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"deeprc/collective"
)

// withInputs adds a historic column with holes, a future one and a static one, which is id·id, to long rows.
func withInputs(r *rawRows) (*DataConfig, *rawRows) {
	cfg := dataConfig()
	cfg.Hist, cfg.Future, cfg.Static = []string{"p"}, []string{"f"}, []string{"a"}
	seen := map[string]int{}
	var p, f, a []float64
	for i := range r.ts {
		id := r.id(i)
		if _, ok := seen[id]; !ok {
			seen[id] = len(seen)
		}
		k := seen[id]
		v := float64((i*37)%101) * math.Pow(10, float64(k))
		if i%9 == 0 {
			v = nan
		}
		p, f, a = append(p, v), append(f, float64(r.ts[i]/3600e6%24)), append(a, float64(k*k))
	}
	r.values = append(r.values, p, f, a)
	return cfg, r
}

func TestSeriesInputs(t *testing.T) {
	for _, scaler := range scalerNames {
		cfg, raw := withInputs(longRows(3, []int{80, 33, 120, 60}, true))
		cfg.Scaler, cfg.InputScaler = scaler, scaler
		s, err := build(cfg, raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, cuts := range [][]int{{len(raw.ts) / 2}, {0, 7, 8}} {
			got, err := build(cfg, raw, cuts...)
			if err == nil {
				err = sameSeries(s, got)
			}
			if err != nil {
				t.Errorf("%s, cut at %v: %v", scaler, cuts, err)
			}
		}
		if len(s.Inputs) != 3 || s.Data.Hist != 1 || s.Data.Future != 1 || s.Data.Static != 1 || s.Filled == 0 {
			t.Fatalf("%+v", s.Inputs)
		}
		of := func(k int) map[string]map[int64]float64 { // value by series and time
			m := map[string]map[int64]float64{}
			for i := range raw.ts {
				id := raw.id(i)
				if m[id] == nil {
					m[id] = map[int64]float64{}
				}
				m[id][raw.ts[i]] = raw.values[k][i]
			}
			return m
		}
		y, p := of(0), of(1)
		ws := &windowSet{s: s, stride: 1, first: make([]int, 4), through: []int{1, 2, 3, 4}}
		at := make([]int64, 4)
		for g, id := range s.Channels {
			ws.Offsets(at, g)
			grp, in := s.Groups[g], s.Inputs[0]
			r := g % len(in.Mean)
			last := nan
			for i := range grp.N {
				v, ok := p[id][s.rawTime(g, i)]
				if ok && v == v {
					last = v
				}
				got := float64(s.Data.Inputs[at[1]+int64(i)])*in.Std[r] + in.Mean[r]
				if last == last && math.Abs(got-last) > 1e-5*(math.Abs(last)+in.Std[r]) {
					t.Fatalf("%s: hist of %s at %d is %g, want %g", scaler, id, i, got, last)
				}
				v, ok = y[id][s.rawTime(g, i)]
				got = float64(s.Data.Target[at[0]+int64(i)])*s.Std[g] + s.Mean[g]
				if (ok && v == v) != (got == got) || got == got && math.Abs(got-v) > 1e-5*(math.Abs(v)+s.Std[g]) {
					t.Fatalf("%s: target of %s at %d is %g, want %g", scaler, id, i, got, v)
				}
			}
			// mean 3.5 and sample deviation √(Σ(k²−3.5)²/3) of 0, 1, 4, 9
			want := (float64(g*g) - 3.5) / math.Sqrt(49./3)
			if got := float64(s.Data.Inputs[at[3]]); math.Abs(got-want) > 1e-6 {
				t.Errorf("static of %s is %g, want %g", id, got, want)
			}
		}
	}
}

func TestScalings(t *testing.T) {
	col := []float64{5, 1, nan, 2, 4, 9}
	for method, want := range map[string][2]float64{"standard": {4.2, math.Sqrt(7.76)}, "minmax": {1, 8}, "robust": {4, 2}, "robust-iqr": {4, 3}, "none": {0, 1}} {
		err := collective.RunLocal(2, func(c collective.Comm) error {
			s, err := fitScaling(c, method, [][]float64{col[3*c.Rank():][:3]}, 2, func(_, i int) int { return 0 })
			if err == nil && (math.Abs(s.shift[0]-want[0]) > 1e-12 || math.Abs(s.scale[0]-want[1]) > 1e-12 || s.mean[0] != 4.2 || s.count[0] != 5) {
				err = fmt.Errorf("%s: %+v, want %v", method, s, want)
			}
			if err == nil && (s.count[1] != 0 || s.scale[1] != 1 || s.shift[1] != 0) {
				err = fmt.Errorf("%s: a row without values: %+v", method, s)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestSeriesInputsErrors(t *testing.T) {
	for name, c := range map[string]struct {
		change func(cfg *DataConfig, raw *rawRows)
		want   string
	}{
		"static that changes": {func(_ *DataConfig, r *rawRows) { r.values[3][5] += 1 }, "a static is one value a series; name the column in data.hist or data.future"},
		"static without a value": {func(_ *DataConfig, r *rawRows) {
			for i := range r.values[3] {
				r.values[3][i] = nan
			}
		}, "data.static: every value of a is missing"},
		"no row of a series": {func(cfg *DataConfig, r *rawRows) {
			cfg.StaticTable, r.statics = "attributes", &statics{row: map[string]int{}}
		},
			`data.static_table = "attributes" has no row of series`},
		"too large": {func(_ *DataConfig, r *rawRows) { r.values[1][1], r.values[1][2] = math.MaxFloat64, -math.MaxFloat64 }, "too large to standardise"},
	} {
		cfg, raw := withInputs(longRows(3, []int{80, 60}, false))
		c.change(cfg, raw)
		if _, err := build(cfg, raw, 20); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// TestSeriesInputUntrained: a series without any input in the train part is an error where it has windows.
func TestSeriesInputUntrained(t *testing.T) {
	cfg, raw := withInputs(longRows(3, []int{80, 60}, false))
	for i := range 78 { // rows of the first series
		if raw.code[i] == 0 {
			raw.values[1][i] = nan
		}
	}
	s, err := build(cfg, raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := splitWindows(s, WindowsConfig{4, 2, 1, false}); err == nil || !strings.Contains(err.Error(), `no value in the train part of p of series "id:0 ü"`) {
		t.Errorf("got %v", err)
	}
}
