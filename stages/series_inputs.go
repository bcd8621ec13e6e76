package stages

import (
	"fmt"
	"math"
	"slices"

	"deeprc/collective"
	"deeprc/frame"
)

// An Input is a column beside the targets as nets see it: value = standardised · Std + Mean.
type Input struct {
	Name string    `json:"name"`
	Kind string    `json:"kind"` // hist, future or static
	Mean []float64 `json:"mean"` // one a series, or one for all
	Std  []float64 `json:"std"`
	Fill []float64 `json:"fill,omitempty"` // likewise, what nets see before the first value; a static that is missing is 0, standardised
}

// statics are the values of data.static that are no columns of the data: a row a series.
type statics struct {
	row    map[string]int
	values [][]float64 // of each column
}

// readStatics reads the columns of data.static from t, data.static_table, on every rank; collective.
func readStatics(c collective.Comm, cfg *DataConfig, t *frame.Table) (*statics, error) {
	all, err := frame.Replicate(c, t)
	if err != nil {
		return nil, err
	}
	defer all.Release()
	wrong := func(err error) error { return configErrorf("data.static_table = %q: %w", cfg.StaticTable, err) }
	ids, err := all.Strings(cfg.ID)
	if err != nil {
		return nil, wrong(err)
	}
	s := &statics{row: map[string]int{}}
	for i, id := range ids {
		if _, twice := s.row[id]; twice {
			return nil, wrong(fmt.Errorf("series %q has two rows", id))
		}
		s.row[id] = i
	}
	for _, name := range cfg.Static {
		v, err := all.Float64s(name)
		if err != nil {
			return nil, wrong(fmt.Errorf("%w; statics are numbers: compute them, or leave the column out of data.static", err))
		}
		s.values = append(s.values, v)
	}
	return s, nil
}

// fitInputs scales the columns hist and future over the train part, each series by
// itself or all together, or as a run did unless that is nil, and fills the slab of inputs; collective.
func (s *Series) fitInputs(c collective.Comm, cfg *DataConfig, raw *rawRows, code, place []int32, first int, run *modelFile) error {
	nt, groups, inputs := raw.targets(), len(s.Groups), append(append([]string{}, cfg.Hist...), cfg.Future...)
	size := int64(0)
	for g := range s.Groups {
		s.Groups[g].Inputs = size
		size += int64(len(inputs))*int64(s.Groups[g].N) + int64(len(cfg.Static))
	}
	if size == 0 {
		return nil
	}
	slab := make([]float32, size)
	for i := range slab {
		slab[i] = float32(math.NaN())
	}
	s.Data.Inputs = slab
	s.Data.Hist, s.Data.Future, s.Data.Static = len(cfg.Hist), len(cfg.Future), len(cfg.Static)
	for k, name := range inputs {
		col, n, own := raw.values[nt+k], groups, 1
		if cfg.InputScaler == "global" {
			n, own = 1, 0
		}
		kind := "hist"
		if k >= len(cfg.Hist) {
			kind = "future"
		}
		var sc *scaling
		var err error
		if run != nil {
			sc, err = s.takeInput(cfg, run, name, kind, n)
		} else {
			sc, err = fitScaling(c, cfg.InputScaler, [][]float64{col}, n, func(_, i int) int {
				g := groupOf(code, first+i)
				if int(place[first+i]) >= s.Groups[g].Bounds[0] {
					return -1
				}
				return own * g
			})
		}
		if err != nil {
			return err
		}
		label := func(r int) string {
			if !s.Long || n == 1 {
				return name
			}
			return fmt.Sprintf("%s of series %q", name, s.Channels[r])
		}
		if err := sc.check(label); err != nil {
			return err
		}
		for r := range n {
			if sc.count[r] == 0 && (n == 1 || !s.Long) {
				return fmt.Errorf("no value in the train part of %s: nothing can be learnt of it; leave it out, or move data.split", name)
			}
			if sc.count[r] == 0 {
				s.Untrained = append(s.Untrained, untrained{r, label(r)})
			}
			if sc.constant[r] {
				s.Constant = append(s.Constant, label(r))
			}
		}
		mine := make([]float32, len(col))
		for i, v := range col {
			mine[i] = sc.of(v, own*groupOf(code, first+i))
		}
		raw.values[nt+k] = nil
		all, _, err := collective.AllGatherV(c, mine)
		if err != nil {
			return err
		}
		for i, v := range all {
			grp := &s.Groups[groupOf(code, i)]
			slab[grp.Inputs+int64(k*grp.N)+int64(place[i])] = v
		}
		collect(len(place))
		for g := range s.Groups {
			grp := &s.Groups[g]
			row := slab[grp.Inputs+int64(k*grp.N):][:grp.N]
			if kind == "future" {
				n := grp.N
				for n > 0 && row[n-1] != row[n-1] {
					n--
				}
				grp.Reach = append(grp.Reach, n)
			}
			s.Filled += fillForward(row, sc.of(sc.mean[own*g], own*g))
		}
		s.Inputs = append(s.Inputs, Input{name, kind, sc.shift, sc.scale, sc.mean})
	}
	return s.fitStatics(c, cfg, raw, code, first, len(inputs), run)
}

// takeInput is a run's scaling of an input for n rows: one for each series by its name, or one for all.
func (s *Series) takeInput(cfg *DataConfig, run *modelFile, name, kind string, n int) (*scaling, error) {
	i := slices.IndexFunc(run.Inputs, func(in Input) bool { return in.Name == name && in.Kind == kind })
	if i < 0 {
		return nil, fmt.Errorf("model.json has no %s input %q: it is not that of the config beside it", kind, name)
	}
	in := run.Inputs[i]
	want, perSeries := 1, s.Long && kind != "static" && cfg.InputScaler != "global"
	if perSeries {
		want = len(run.Channels)
	}
	if len(in.Mean) != want || len(in.Std) != want {
		return nil, fmt.Errorf("model.json has %d means and %d deviations of %q, want %d: it is not that of the config beside it", len(in.Mean), len(in.Std), name, want)
	}
	fill := in.Fill
	switch {
	case kind == "static":
		fill = in.Mean
	case fill == nil:
		return nil, errNoFill
	case len(fill) != want:
		return nil, fmt.Errorf("model.json has %d fills of %q, want %d: it is not that of the config beside it", len(fill), name, want)
	}
	sc := newScaling(n)
	at := map[string]int{}
	for r, k := range run.Channels {
		at[k.Name] = r
	}
	for g := range n {
		r := 0
		if perSeries {
			var ok bool
			if r, ok = at[s.Channels[g]]; !ok {
				return nil, fmt.Errorf("%s: the run was not trained on series %q, so no scale of its %s is known: leave it out, or train with data.input_scaler = \"global\"", cfg.Path, s.Channels[g], name)
			}
		}
		sc.shift[g], sc.scale[g], sc.mean[g], sc.count[g] = in.Mean[r], in.Std[r], fill[r], 1
	}
	return sc, nil
}

// fitStatics standardises each static column over the series, by mean and sample deviation as NeuralHydrology does, or as a run did unless that
// is nil, and puts it behind the series' rows of the other inputs; a missing one becomes the mean. Collective.
func (s *Series) fitStatics(c collective.Comm, cfg *DataConfig, raw *rawRows, code []int32, first, inputs int, run *modelFile) error {
	nt, groups := raw.targets(), len(s.Groups)
	for k, name := range cfg.Static {
		v := make([]float64, groups)
		if raw.statics != nil {
			for g, id := range s.Channels {
				r, ok := raw.statics.row[id]
				if !ok {
					return fmt.Errorf("data.static_table = %q has no row of series %q", cfg.StaticTable, id)
				}
				v[g] = raw.statics.values[k][r]
			}
		} else if err := s.constants(c, name, raw.values[nt+inputs+k], code, first, v); err != nil {
			return err
		}
		var sc *scaling
		var err error
		if run != nil {
			sc, err = s.takeInput(cfg, run, name, "static", 1)
		} else {
			sc, err = fitStatic(name, v)
		}
		if err != nil {
			return err
		}
		if sc.constant[0] {
			s.Constant = append(s.Constant, name)
		}
		for g, x := range v {
			grp, scaled := &s.Groups[g], float32(0)
			if x == x {
				scaled = sc.of(x, 0)
			} else {
				s.Filled++
			}
			s.Data.Inputs[grp.Inputs+int64(inputs*grp.N+k)] = scaled
		}
		s.Inputs = append(s.Inputs, Input{name, "static", sc.shift, sc.scale, nil})
	}
	return nil
}

// fitStatic is the scaling of a static of values v, NaN where one is missing.
func fitStatic(name string, v []float64) (*scaling, error) {
	sum, sc := 0., newScaling(1)
	for _, x := range v {
		if x == x {
			sum += x
			sc.count[0]++
		}
	}
	if sc.count[0] == 0 {
		return nil, fmt.Errorf("data.static: every value of %s is missing: leave it out", name)
	}
	n, squares := float64(sc.count[0]), 0.
	mean := sum / n
	for _, x := range v {
		if x == x {
			squares += (x - mean) * (x - mean)
		}
	}
	sc.mean[0] = mean
	sc.set(func(int) (shift, scale float64) { return mean, math.Sqrt(squares / max(n-1, 1)) })
	return sc, sc.check(func(int) string { return name })
}

// constants writes the value of each series in a column that is constant in every one; collective.
func (s *Series) constants(c collective.Comm, name string, col []float64, code []int32, first int, v []float64) error {
	lo, hi := make([]float64, len(v)), make([]float64, len(v))
	for g := range v {
		lo[g], hi[g] = math.Inf(1), math.Inf(-1)
	}
	for i, x := range col {
		if g := groupOf(code, first+i); x == x {
			lo[g], hi[g] = min(lo[g], x), max(hi[g], x)
		}
	}
	if err := collective.AllReduce(c, lo, collective.Min); err != nil {
		return err
	}
	if err := collective.AllReduce(c, hi, collective.Max); err != nil {
		return err
	}
	for g := range v {
		switch {
		case lo[g] > hi[g]:
			v[g] = math.NaN()
		case lo[g] != hi[g]:
			return configErrorf("data.static: column %s of series %q runs from %g to %g: a static is one value a series; name the column in data.hist or data.future", name, s.Channels[g], lo[g], hi[g])
		default:
			v[g] = lo[g]
		}
	}
	return nil
}
