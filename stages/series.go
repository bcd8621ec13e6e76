package stages

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"deeprc/collective"
	"deeprc/model"
)

// Series are all series of a run on even time grids, standardised, the same on
// every rank: one slab of float32, one row a channel.
type Series struct {
	Channels []string // of each slab row: the column, or the series' id
	Mean     []float64
	Std      []float64 // population deviation of the train part, as sklearn's StandardScaler; 1 where it is 0
	Groups   []Group
	Step     Step
	Long     bool
	Data     model.Data
	Rows     int64 // of the input, over all ranks
	Gaps     int64 // steps without a row
	Missing  int64 // values missing, those of gaps included
	Constant []string
	// Untrained are the rows of a long table without a value in the train part: too short for a window, or an error.
	Untrained []int
}

// A Group is the slab rows that share a time grid: all channels of a wide
// table, or one series of a long one.
type Group struct {
	Start  []int64 // offset in the slab of each channel
	N      int     // steps
	T0     int64   // time of step 0, µs or whole numbers
	Bounds [3]int  // steps at which train, validation and test end
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
// slab; collective. The result does not depend on the number of ranks, bit for bit.
func buildSeries(c collective.Comm, cfg *DataConfig, raw *rawRows) (*Series, error) {
	return buildScaled(c, cfg, raw, nil)
}

// buildScaled is buildSeries with a run's scaler where known is not nil.
func buildScaled(c collective.Comm, cfg *DataConfig, raw *rawRows, known []channelInfo) (*Series, error) {
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
	series := make([][]int64, groups)
	place := make([]int32, len(ts)) // first the row within its series, then the step
	for i, t := range ts {
		g := groupOf(code, i)
		if prev := series[g]; len(prev) > 0 && t <= prev[len(prev)-1] {
			return nil, orderError(cfg, raw, s, names, g, i, t, prev[len(prev)-1])
		}
		place[i] = int32(len(series[g]))
		series[g] = append(series[g], t)
	}
	if cfg.Step == "rows" {
		s.Step = Step{Micros: 1, Plain: raw.plain}
		if !raw.plain {
			s.Step = medianStep(series)
		}
	} else if s.Step, err = findStep(series, raw.plain); err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Path, err)
	}
	steps := make([][]int32, groups)
	at := int64(0)
	for g, times := range series {
		grp := Group{T0: times[0], N: len(times)}
		if cfg.Step != "rows" {
			steps[g] = s.Step.place(times)
			grp.N = int(steps[g][len(times)-1]) + 1
		} else {
			grp.Times = times
		}
		s.Gaps += int64(grp.N - len(times))
		for range len(raw.values) {
			grp.Start = append(grp.Start, at)
			at += int64(grp.N)
		}
		s.Groups = append(s.Groups, grp)
	}
	for g := range s.Groups {
		s.Groups[g].Bounds = cfg.Split.bounds(s.Groups[g].N, func(t int) time.Time { return s.Time(g, t) })
	}
	for i := range place {
		if st := steps[groupOf(code, i)]; st != nil {
			place[i] = st[place[i]]
		}
	}
	first := 0
	for _, n := range counts[:c.Rank()] {
		first += n
	}
	if known != nil {
		err = s.takeScaler(cfg.Path, known)
	} else {
		err = s.fitScaler(c, raw, code, place, first)
	}
	if err != nil {
		return nil, err
	}
	return s, s.fill(c, raw, code, place, int(at), first)
}

func groupOf(code []int32, row int) int {
	if code == nil {
		return 0
	}
	return int(code[row])
}

// seriesCodes numbers the series of a long table in the order in which the file
// first names them, and gives the number of every row of every rank; collective.
func seriesCodes(c collective.Comm, raw *rawRows) (names []string, code []int32, err error) {
	if !raw.long() {
		return nil, nil, nil
	}
	local := map[string]int32{}
	var order []string
	mine := make([]int32, len(raw.ids))
	for i, id := range raw.ids {
		k, ok := local[id]
		if !ok {
			k = int32(len(order))
			local[id], order = k, append(order, id)
		}
		mine[i] = k
	}
	// Ids travel as one text; a length before each keeps any byte legal.
	var text []byte
	for _, id := range order {
		text = fmt.Appendf(text, "%d:%s", len(id), id)
	}
	all, _, err := collective.AllGatherV(c, text)
	if err != nil {
		return nil, nil, err
	}
	global := map[string]int32{}
	for len(all) > 0 {
		n, k := 0, 0
		for all[k] != ':' {
			n, k = n*10+int(all[k]-'0'), k+1
		}
		id := string(all[k+1 : k+1+n])
		all = all[k+1+n:]
		if _, ok := global[id]; !ok {
			global[id], names = int32(len(names)), append(names, id)
		}
	}
	for i, k := range mine {
		mine[i] = global[order[k]]
	}
	code, _, err = collective.AllGatherV(c, mine)
	return names, code, err
}

func orderError(cfg *DataConfig, raw *rawRows, s *Series, names []string, g, row int, t, prev int64) error {
	show := func(v int64) string {
		if raw.plain {
			return fmt.Sprint(v)
		}
		return showTime(time.UnixMicro(v).UTC())
	}
	of := ""
	if s.Long {
		of = fmt.Sprintf(" of series %q", names[g])
	}
	if t == prev {
		return fmt.Errorf("%s: data row %d repeats the timestamp %s%s: remove the duplicate rows%s", cfg.Path, row+1, show(t), of, longHint(s, cfg))
	}
	return fmt.Errorf("%s: data row %d has the timestamp %s%s, which is before that of the row above it%s, %s: sort the rows by time%s",
		cfg.Path, row+1, show(t), of, inSeries(s), show(prev), longHint(s, cfg))
}

func inSeries(s *Series) string {
	if s.Long {
		return " in its series"
	}
	return ""
}

func longHint(s *Series, cfg *DataConfig) string {
	if s.Long {
		return ""
	}
	return fmt.Sprintf("; if the file holds several series, one below the other, set data.id to the column that names them (now %q)", cfg.ID)
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

// fitScaler finds mean and deviation of each slab row over its train part.
func (s *Series) fitScaler(c collective.Comm, raw *rawRows, code, place []int32, first int) error {
	n := len(s.Channels)
	counts := make([]int64, n)
	each := func(f func(row int, v float64)) {
		for k, col := range raw.values {
			for i, v := range col {
				g := groupOf(code, first+i)
				if v == v && int(place[first+i]) < s.Groups[g].Bounds[0] {
					f(s.row(g)+k, v)
				}
			}
		}
	}
	sums := make([]collective.ExactSum, n)
	each(func(row int, v float64) { sums[row].Add(v); counts[row]++ })
	if err := collective.AllReduce(c, counts, collective.Sum); err != nil {
		return err
	}
	if err := collective.AllReduceExact(c, sums); err != nil {
		return err
	}
	s.Mean, s.Std = make([]float64, n), make([]float64, n)
	var empty []string
	for r := range n {
		if counts[r] == 0 {
			empty = append(empty, s.Channels[r])
			s.Untrained = append(s.Untrained, r)
			continue
		}
		s.Mean[r] = sums[r].Float64() / float64(counts[r])
	}
	if len(empty) > 0 && (!s.Long || len(empty) == n) {
		return fmt.Errorf("no value in the train part of %s: nothing can be learnt of it; leave it out, or move data.split", list(empty))
	}
	squares := make([]collective.ExactSum, n)
	each(func(row int, v float64) { squares[row].Add((v - s.Mean[row]) * (v - s.Mean[row])) })
	if err := collective.AllReduceExact(c, squares); err != nil {
		return err
	}
	for r := range n {
		if counts[r] == 0 {
			s.Std[r] = 1
			continue
		}
		// The mean of equal values may miss them by an ulp; such a deviation is none.
		if s.Std[r] = math.Sqrt(squares[r].Float64() / float64(counts[r])); s.Std[r] <= 0x1p-51*math.Abs(s.Mean[r]) {
			s.Std[r] = 1
			s.Constant = append(s.Constant, s.Channels[r])
		}
		if math.IsInf(s.Std[r], 0) || math.IsInf(s.Mean[r], 0) {
			return fmt.Errorf("the values of %s are too large to standardise: look for extreme cells", s.Channels[r])
		}
	}
	return nil
}

// takeScaler is that of a run, by name; a series that the run did not have is an error.
func (s *Series) takeScaler(path string, known []channelInfo) error {
	byName := map[string]channelInfo{}
	for _, k := range known {
		byName[k.Name] = k
	}
	var strange []string
	for _, name := range s.Channels {
		k, ok := byName[name]
		if !ok {
			strange = append(strange, name)
		}
		s.Mean, s.Std = append(s.Mean, k.Mean), append(s.Std, k.Std)
	}
	if len(strange) > 0 {
		return fmt.Errorf("%s: the run was not trained on %s, so no mean and deviation are known of it: leave it out, or train a run with it", path, list(strange))
	}
	return nil
}

func list(names []string) string {
	if len(names) > 5 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:5], ", "), len(names)-5)
	}
	return strings.Join(names, ", ")
}

// fill gathers the standardised values of all ranks into the slab, column by
// column, and fills gaps for the lookback: forward, so that nothing later leaks
// in; with the train mean before a series' first value. Targets stay missing.
func (s *Series) fill(c collective.Comm, raw *rawRows, code, place []int32, size, first int) error {
	slab := make([]float32, size)
	for i := range slab {
		slab[i] = float32(math.NaN())
	}
	for k, col := range raw.values {
		mine := make([]float32, len(col))
		for i, v := range col {
			r := s.row(groupOf(code, first+i)) + k
			mine[i] = float32((v - s.Mean[r]) / s.Std[r])
		}
		all, _, err := collective.AllGatherV(c, mine)
		if err != nil {
			return err
		}
		for i, v := range all {
			slab[s.Groups[groupOf(code, i)].Start[k]+int64(place[i])] = v
		}
	}
	for _, v := range slab {
		if v != v {
			s.Missing++
		}
	}
	s.Data = model.Data{Past: slab, Target: slab}
	if s.Missing == 0 {
		return nil
	}
	past := slices.Clone(slab)
	for _, g := range s.Groups {
		for _, at := range g.Start {
			last := float32(0)
			for i, v := range past[at : at+int64(g.N)] {
				if v == v {
					last = v
				}
				past[at+int64(i)] = last
			}
		}
	}
	s.Data.Past = past
	return nil
}
