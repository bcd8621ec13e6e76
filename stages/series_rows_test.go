package stages

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"

	"deeprc/collective"
)

// part is rows lo ≤ i < hi of r.
func (r *rawRows) part(lo, hi int) *rawRows {
	p := &rawRows{channels: r.channels, ts: r.ts[lo:hi], plain: r.plain, statics: r.statics}
	if r.long() {
		p.names = []string{}
		for i := lo; i < hi; i++ {
			p.add(r.id(i))
		}
	}
	for _, v := range r.values {
		p.values = append(p.values, v[lo:hi])
	}
	return p
}

// id is the series of row i.
func (r *rawRows) id(i int) string { return r.names[r.code[i]] }

// add gives one more row its series.
func (r *rawRows) add(id string) {
	k := slices.Index(r.names, id)
	if k < 0 {
		k, r.names = len(r.names), append(r.names, id)
	}
	r.code = append(r.code, int32(k))
}

// build builds the series on n ranks that hold the rows up to the given cuts, and checks that all ranks have the same.
func build(cfg *DataConfig, r *rawRows, cuts ...int) (*Series, error) {
	cuts = append(append([]int{0}, cuts...), len(r.ts))
	n := len(cuts) - 1
	out := make([]*Series, n)
	err := collective.RunLocal(n, func(c collective.Comm) (err error) {
		out[c.Rank()], err = buildSeries(c, cfg, r.part(cuts[c.Rank()], cuts[c.Rank()+1]), nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	for rank, s := range out {
		if err := sameSeries(out[0], s); err != nil {
			return nil, fmt.Errorf("rank %d: %w", rank, err)
		}
	}
	return out[0], nil
}

func bits64(v []float64) (b []uint64) {
	for _, x := range v {
		b = append(b, math.Float64bits(x))
	}
	return b
}

func bits32(v []float32) (b []uint32) {
	for _, x := range v {
		if x != x {
			x = float32(math.NaN()) // any NaN is missing
		}
		b = append(b, math.Float32bits(x))
	}
	return b
}

// sameSeries compares bit by bit.
func sameSeries(a, b *Series) error {
	for _, c := range []struct {
		what string
		same bool
	}{
		{"channels", slices.Equal(a.Channels, b.Channels)},
		{"mean", slices.Equal(bits64(a.Mean), bits64(b.Mean))},
		{"std", slices.Equal(bits64(a.Std), bits64(b.Std))},
		{"past", slices.Equal(bits32(a.Data.Past), bits32(b.Data.Past))},
		{"target", slices.Equal(bits32(a.Data.Target), bits32(b.Data.Target))},
		{"counts", a.Rows == b.Rows && a.Gaps == b.Gaps && a.Missing == b.Missing && a.Step == b.Step && a.Long == b.Long},
		{"inputs", slices.Equal(bits32(a.Data.Inputs), bits32(b.Data.Inputs)) && a.Data.Columns == b.Data.Columns && a.Filled == b.Filled && reflect.DeepEqual(a.Inputs, b.Inputs)},
		{"constant", slices.Equal(a.Constant, b.Constant)},
		{"groups", slices.EqualFunc(a.Groups, b.Groups, func(x, y Group) bool {
			return slices.Equal(x.Start, y.Start) && x.Inputs == y.Inputs && x.N == y.N && x.T0 == y.T0 && x.Bounds == y.Bounds && slices.Equal(x.Times, y.Times)
		})},
	} {
		if !c.same {
			return fmt.Errorf("other %s: %+v against %+v", c.what, a, b)
		}
	}
	return nil
}

var nan = math.NaN()

// wideRows are hourly random walks with missing values, and missing rows if gaps is set.
func wideRows(seed uint64, channels, n int, gaps bool) *rawRows {
	rnd := rand.New(rand.NewPCG(seed, 1))
	r := &rawRows{values: make([][]float64, channels)}
	for c := range channels {
		r.channels = append(r.channels, fmt.Sprint("c", c))
	}
	level := make([]float64, channels)
	for h := range n {
		skip := gaps && h > 0 && h < n-1 && rnd.IntN(10) == 0
		if !skip {
			r.ts = append(r.ts, int64(h)*3600e6)
		}
		for c := range channels {
			level[c] += rnd.NormFloat64() * math.Pow(10, float64(c))
			v := level[c]
			if rnd.IntN(20) == 0 {
				v = nan
			}
			if !skip {
				r.values[c] = append(r.values[c], v)
			}
		}
	}
	return r
}

// longRows are ragged series, series after series, or interleaved: sorted by time.
func longRows(seed uint64, lengths []int, interleaved bool) *rawRows {
	type row struct {
		id string
		t  int64
		v  float64
	}
	var rows []row
	for k, n := range lengths {
		w := wideRows(seed+uint64(k), 1, n, true)
		for i, t := range w.ts {
			rows = append(rows, row{fmt.Sprintf("id:%d ü", k), t + int64(k%3)*3600e6, w.values[0][i]})
		}
	}
	if interleaved {
		slices.SortStableFunc(rows, func(a, b row) int { return int(a.t/3600e6 - b.t/3600e6) })
	}
	r := &rawRows{names: []string{}, values: make([][]float64, 1)}
	for _, x := range rows {
		r.add(x.id)
		r.ts, r.values[0] = append(r.ts, x.t), append(r.values[0], x.v)
	}
	return r
}

func dataConfig() *DataConfig {
	return &DataConfig{Path: "t.csv", ID: "unique_id", Target: "y", Step: "auto", Scaler: "standard", InputScaler: "standard", Split: Split{Fractions: []float64{.6, .2, .2}}}
}

func wideRowsWithoutHoles() *rawRows {
	r := wideRows(1, 2, 50, false)
	for _, col := range r.values {
		for i := range col {
			col[i] = float64(i * i % 7)
		}
	}
	return r
}
