package stages

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/model"
)

// Series are all series of a run on even time grids, standardised, the same on
// every rank: one slab of float32, one row a channel.
type Series struct {
	Channels []string  // of each slab row: the column, or the series' id
	Mean     []float64 // of each slab row: value = standardised · Std + Mean, by data.scaler
	Std      []float64
	Fill     []float64 // of each slab row: what nets see before the first value, in the data's unit: the mean of the train part
	Inputs   []Input   // columns beside the targets: hist, future, static
	Groups   []Group
	Step     Step
	Long     bool
	Data     model.Data
	Rows     int64 // of the input, over all ranks
	Gaps     int64 // steps without a row
	Missing  int64 // target values missing, those of gaps included
	Filled   int64 // values of inputs that were missing
	Constant []string
	// Untrained are the series of a long table without a value in the train part: too short for a window, or an error.
	Untrained []untrained

	file *frame.SlabFile // whose memory the slabs are; nil: they are Go's
}

// untrained is a column of a series, as messages name it, without a value in the train part.
type untrained struct {
	Group int
	What  string
}

// A Group is the slab rows that share a time grid: all channels of a wide
// table, or one series of a long one.
type Group struct {
	Start  []int64 // offset in the slab of each channel
	Inputs int64   // offset in the slab of inputs: a row of N for each hist and future column, then the statics
	N      int     // steps
	T0     int64   // time of step 0, µs or whole numbers
	Bounds [3]int  // steps at which train, validation and test end
	Reach  []int   // steps up to the last value of each future column
	Times  []int64 // of the steps, where rows are taken as steps; else nil
}

// channels is the number of rows of a window.
func (s *Series) channels() int { return len(s.Groups[0].Start) }

// row is the first slab row of group g.
func (s *Series) row(g int) int {
	if s.Long {
		return g
	}
	return 0
}

// timeText is the time of step t of group g, from before its first to behind its last, as the data has it.
func (s *Series) timeText(g, t int) string {
	grp := &s.Groups[g]
	v := s.Step.at(grp.T0, t)
	switch n := len(grp.Times); {
	case n > 0 && t >= n: // rows are steps: beyond them, the usual ones
		v = s.Step.at(grp.Times[n-1], t-n+1)
	case n > 0 && t >= 0:
		v = grp.Times[t]
	}
	if s.Step.Plain {
		return fmt.Sprint(v)
	}
	return showTime(time.UnixMicro(v).UTC())
}

// rawTime is the time of step t of group g in the unit of the time column.
func (s *Series) rawTime(g, t int) int64 {
	if times := s.Groups[g].Times; times != nil {
		return times[t]
	}
	return s.Step.at(s.Groups[g].T0, t)
}

// Time is the time of step t of group g.
func (s *Series) Time(g, t int) time.Time {
	v := s.rawTime(g, t)
	if s.Step.Plain {
		return time.Unix(v, 0).UTC() // drawn and ordered as seconds
	}
	return time.UnixMicro(v).UTC()
}

// buildSeries puts the rows of all ranks on time grids, fits the scaler on the
// train part by exact sums over the ranks, and gives every rank the standardised
// slab; collective. The result does not depend on the number of ranks, bit for bit. The scalers are those of run, unless that is nil.
func buildSeries(c collective.Comm, cfg *DataConfig, raw *rawRows, run *modelFile) (*Series, error) {
	ts, counts, err := collective.AllGatherV(c, raw.ts)
	if err != nil {
		return nil, err
	}
	if raw.plain && cfg.Split.Dates != nil {
		return nil, configErrorf("%s: data.split gives dates, but the time column holds whole numbers: give fractions or row counts", cfg.Path)
	}
	names, code, err := seriesCodes(c, raw)
	if err != nil {
		return nil, err
	}
	s := &Series{Long: raw.long(), Rows: int64(len(ts))}
	groups := 1
	s.Channels = raw.channels
	if s.Long {
		groups, s.Channels = len(names), names
	}
	raw.ts = nil
	series := bySeries(ts, code, groups)
	place := make([]int32, len(ts)) // the step of each row
	count := make([]int32, groups)
	for i, t := range ts {
		g := groupOf(code, i)
		n := count[g]
		if n > 0 && t <= series[g][n-1] {
			return nil, orderError(cfg, raw, s, names, g, i, t, series[g][n-1])
		}
		place[i] = n
		count[g]++
	}
	if cfg.Step == "rows" {
		s.Step = Step{Micros: 1, Plain: raw.plain}
		if !raw.plain {
			s.Step = medianStep(series)
		}
	} else if s.Step, err = findStep(series, raw.plain); err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Path, err)
	}
	at := int64(0)
	for _, times := range series {
		grp := Group{T0: times[0], N: len(times)}
		if cfg.Step != "rows" {
			grp.N = s.Step.index(times[0], times[len(times)-1]) + 1
		} else {
			grp.Times = times
		}
		s.Gaps += int64(grp.N - len(times))
		for range raw.targets() {
			grp.Start = append(grp.Start, at)
			at += int64(grp.N)
		}
		s.Groups = append(s.Groups, grp)
	}
	for g := range s.Groups {
		s.Groups[g].Bounds = cfg.Split.bounds(s.Groups[g].N, func(t int) time.Time { return s.Time(g, t) })
	}
	if s.Gaps > 0 {
		for i, t := range ts {
			place[i] = int32(s.Step.index(s.Groups[groupOf(code, i)].T0, t))
		}
	}
	ts, series = nil, nil
	collect(len(place))
	first := 0
	for _, n := range counts[:c.Rank()] {
		first += n
	}
	if err := s.fitTargets(c, cfg, raw, code, place, int(at), first, run); err != nil {
		return nil, err
	}
	return s, s.fitInputs(c, cfg, raw, code, place, first, run)
}

// collect frees what was let go of columns of that many rows, where it would weigh: the collector else waits for as much again.
func collect(rows int) {
	if rows >= 1<<20 {
		runtime.GC()
	}
}

// medianStep is the usual spacing of rows that are taken as steps.
func medianStep(series [][]int64) Step {
	var d []int64
	for _, ts := range series {
		for i := 1; i < len(ts); i++ {
			d = append(d, ts[i]-ts[i-1])
		}
	}
	if len(d) == 0 {
		return Step{Micros: 1}
	}
	slices.Sort(d)
	return Step{Micros: d[len(d)/2]}
}

// fitTargets scales the targets by their train part and puts those of all ranks in
// the slab, column by column, and fills gaps for the lookback: forward, so that nothing later leaks
// in; with the train mean before a series' first value. Targets stay missing. Collective; what it has read of raw it lets go.
func (s *Series) fitTargets(c collective.Comm, cfg *DataConfig, raw *rawRows, code, place []int32, size, first int, run *modelFile) error {
	rows, own := len(s.Channels), 1
	if cfg.Scaler == "global" && run == nil {
		rows, own = 1, 0
	}
	cols := raw.values[:raw.targets()]
	var sc *scaling
	var err error
	if run != nil {
		sc, err = s.takeScaling(cfg, run)
	} else {
		sc, err = fitScaling(c, cfg.Scaler, cols, rows, func(k, i int) int {
			g := groupOf(code, first+i)
			if int(place[first+i]) >= s.Groups[g].Bounds[0] {
				return -1
			}
			return own * (s.row(g) + k)
		})
	}
	if err != nil {
		return err
	}
	label := func(r int) string {
		if own == 0 {
			return "all series"
		}
		return s.Channels[r]
	}
	var empty []string
	for r := range rows {
		if sc.count[r] == 0 {
			empty = append(empty, label(r))
			s.Untrained = append(s.Untrained, untrained{r, fmt.Sprintf("series %q", label(r))})
		}
		if sc.constant[r] {
			s.Constant = append(s.Constant, label(r))
		}
	}
	if len(empty) > 0 && (!s.Long || len(empty) == rows) {
		return fmt.Errorf("no value in the train part of %s: nothing can be learnt of it; leave it out, or move data.split", list(empty))
	}
	if err := sc.check(label); err != nil {
		return err
	}
	for r := range s.Channels {
		s.Mean, s.Std, s.Fill = append(s.Mean, sc.shift[own*r]), append(s.Std, sc.scale[own*r]), append(s.Fill, sc.mean[own*r])
	}
	scaled := make([][]float32, len(cols)) // before there is a slab, so that no more than one column is held in both forms
	for k, col := range cols {
		scaled[k] = make([]float32, len(col))
		for i, v := range col {
			scaled[k][i] = sc.of(v, own*(s.row(groupOf(code, first+i))+k))
		}
		cols[k] = nil
		collect(len(place))
	}
	slab := make([]float32, size)
	for i := range slab {
		slab[i] = float32(math.NaN())
	}
	for k := range scaled {
		all, _, err := collective.AllGatherV(c, scaled[k])
		if err != nil {
			return err
		}
		for i, v := range all {
			slab[s.Groups[groupOf(code, i)].Start[k]+int64(place[i])] = v
		}
		scaled[k] = nil
		collect(len(place))
	}
	for _, v := range slab {
		if v != v {
			s.Missing++
		}
	}
	s.Data = model.Data{Past: slab, Target: slab, Deviation: s.deviations()}
	if s.Missing == 0 {
		return nil
	}
	s.Data.Past = slices.Clone(slab)
	for g := range s.Groups {
		for k, at := range s.Groups[g].Start {
			r := own * (s.row(g) + k)
			fillForward(s.Data.Past[at:][:s.Groups[g].N], sc.of(sc.mean[r], r))
		}
	}
	return nil
}

// errNoFill is that of a model.json which does not say how gaps before the first value were filled.
var errNoFill = errors.New("model.json is of an earlier version of deeprc, without what nets saw before the first value (fill): deeprc run --resume writes it anew")

// takeScaling is that of a run, by name. A series that the run did not have is an error, unless all series have one scale.
func (s *Series) takeScaling(cfg *DataConfig, run *modelFile) (*scaling, error) {
	byName := map[string]channelInfo{}
	for _, k := range run.Channels {
		byName[k.Name] = k
	}
	sc := newScaling(len(s.Channels))
	var strange []string
	for r, name := range s.Channels {
		k, ok := byName[name]
		switch {
		case !ok && cfg.Scaler == "global" && s.Long && len(run.Channels) > 0:
			k = run.Channels[0]
		case !ok:
			strange = append(strange, name)
			continue
		}
		if k.Fill == nil {
			return nil, errNoFill
		}
		sc.shift[r], sc.scale[r], sc.mean[r], sc.count[r] = k.Mean, k.Std, *k.Fill, 1
	}
	if len(strange) > 0 {
		return nil, fmt.Errorf("%s: the run was not trained on %s, so no mean and deviation are known of it: leave it out, or train a run with it", cfg.Path, list(strange))
	}
	return sc, nil
}

func list(names []string) string {
	if len(names) > 5 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:5], ", "), len(names)-5)
	}
	return strings.Join(names, ", ")
}
