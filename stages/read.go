package stages

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
	"deeprc/frame"
)

// rawRows are this rank's rows of the input, in the file's order.
type rawRows struct {
	channels []string    // wide: one a column; long: empty, the series name themselves
	names    []string    // long: the series of this rank's rows, in the order of the first row of each
	code     []int32     // long: of each row, its series' place in names
	ts       []int64     // µs, or whole numbers where plain
	plain    bool        // the time column holds whole numbers
	values   [][]float64 // of each target, hist, future and static column; NaN is missing
	statics  *statics    // of data.static_table, else nil
	bytes    int64       // read by this rank
}

func (r *rawRows) long() bool { return r.names != nil }

// targets is the number of columns that are to be forecast.
func (r *rawRows) targets() int { return max(1, len(r.channels)) }

// readData reads this rank's part of the input: of the file, or of table if it is not nil, which it releases; collective. Progress is
// called with bytes done, and of this rank's part.
func readData(c collective.Comm, cfg *DataConfig, table *frame.Table, progress func(done, total int64)) (*rawRows, error) {
	if cfg.Path == "synth" {
		return synthRows(c, cfg.Synth), nil
	}
	t := table
	defer func() {
		if t != nil {
			t.Release()
		}
	}()
	na := cfg.NA
	if len(na) == 0 {
		na = nil
	}
	opts := frame.CSVOptions{NA: na, Types: map[string]frame.Type{}, Progress: progress}
	var names []string
	var err error
	if table != nil {
		names = table.Names()
	} else if names, err = frame.CSVColumns(c, cfg.Path, opts); err != nil {
		return nil, err
	}
	layout := cfg.Layout
	if layout == "auto" {
		layout = "wide"
		if slices.Contains(names, cfg.ID) {
			layout = "long"
		}
	}
	timeCol, err := timeColumn(cfg, names)
	if err != nil {
		return nil, err
	}
	beside, err := cfg.beside(names, layout, timeCol)
	if err != nil {
		return nil, err
	}
	for _, name := range beside {
		opts.Types[name] = frame.Float64
	}
	opts.Columns = append([]string{timeCol}, beside...)
	if layout == "long" {
		for _, k := range [][2]string{{"id", cfg.ID}, {"target", cfg.Target}} {
			if key, col := k[0], k[1]; !slices.Contains(names, col) {
				return nil, configErrorf("data.%s: %s has no column %q%s", key, cfg.Path, col, didYouMean(col, names))
			}
		}
		opts.Columns = append(opts.Columns, cfg.ID, cfg.Target)
		opts.Types[cfg.ID], opts.Types[cfg.Target] = frame.String, frame.Float64
		opts.Verbatim = []string{cfg.ID}
	} else if len(cfg.Channels) > 0 {
		for _, ch := range cfg.Channels {
			if ch == timeCol {
				return nil, configErrorf("data.channels names the time column %q", ch)
			}
			if !slices.Contains(names, ch) {
				return nil, configErrorf("data.channels: %s has no column %q%s", cfg.Path, ch, didYouMean(ch, names))
			}
			opts.Types[ch] = frame.Float64
		}
		opts.Columns = append(opts.Columns, cfg.Channels...)
	} else {
		opts.Columns = nil
	}
	var stats frame.ReadStats
	if t == nil {
		if t, stats, err = frame.ReadCSV(c, cfg.Path, opts); err != nil {
			return nil, err
		}
	}
	rows, err := collective.AllReduceOne(c, int64(t.NumRows()), collective.Sum)
	if err != nil {
		return nil, err
	}
	if rows == 0 && table != nil {
		return nil, fmt.Errorf("%s has no rows; deeprc check prints how many each step leaves", cfg.Path)
	}
	if rows == 0 {
		return nil, fmt.Errorf("%s has a header but no data rows", cfg.Path)
	}
	r := &rawRows{bytes: stats.Bytes}
	if layout == "long" {
		if err := take(&t, cfg.ID, func(one *frame.Table) error { return r.series(c, cfg, one) }); err != nil {
			return nil, err
		}
		opts.Columns = []string{cfg.Target}
	} else {
		if len(cfg.Channels) == 0 {
			opts.Columns = numericColumns(t, append(beside, timeCol))
			if len(opts.Columns) == 0 {
				return nil, configErrorf("%s has no numeric column beside %q; its columns are %s", cfg.Path, timeCol, strings.Join(names, ", "))
			}
		} else {
			opts.Columns = cfg.Channels
		}
		r.channels = opts.Columns
	}
	if err := take(&t, timeCol, func(one *frame.Table) (err error) {
		r.ts, r.plain, err = times(one, timeCol)
		return err
	}); err != nil {
		return nil, err
	}
	for _, name := range slices.Concat(opts.Columns, beside) {
		if err := take(&t, name, func(one *frame.Table) error {
			v, err := one.Float64s(name)
			r.values = append(r.values, v)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// take gives do the named column of t, which is without it afterwards: a column is held twice only while it is copied.
func take(t **frame.Table, name string, do func(one *frame.Table) error) error {
	one, err := frame.Select(*t, name)
	if err != nil {
		return err
	}
	defer one.Release()
	if len((*t).Names()) > 1 {
		rest, err := frame.Drop(*t, name)
		if err != nil {
			return err
		}
		(*t).Release()
		*t = rest
	}
	return do(one)
}

// series numbers the series of the rows of t, which has the id column.
func (r *rawRows) series(c collective.Comm, cfg *DataConfig, t *frame.Table) error {
	r.names, r.code = []string{}, make([]int32, 0, t.NumRows())
	seen := map[string]int32{}
	for _, chunk := range t.Chunks() {
		ids, ok := chunk.Column(0).(*array.LargeString)
		if !ok {
			return fmt.Errorf("column %q is %s, not text: a series is named by text; cast it, or set data.id to another column", cfg.ID, chunk.Column(0).DataType())
		}
		for i := range ids.Len() {
			id := ids.Value(i)
			if id == "" || ids.IsNull(i) {
				return fmt.Errorf("%s: column %q is empty in data row %d of rank %d's part: every row needs the name of its series", cfg.Path, cfg.ID, len(r.code)+1, c.Rank())
			}
			k, ok := seen[id]
			if !ok {
				id = strings.Clone(id)
				k = int32(len(r.names))
				seen[id], r.names = k, append(r.names, id)
			}
			r.code = append(r.code, k)
		}
	}
	return nil
}

func timeColumn(cfg *DataConfig, names []string) (string, error) {
	if cfg.Time != "" {
		if !slices.Contains(names, cfg.Time) {
			return "", configErrorf("data.time: %s has no column %q%s", cfg.Path, cfg.Time, didYouMean(cfg.Time, names))
		}
		return cfg.Time, nil
	}
	for _, want := range []string{"date", "ds", "time", "timestamp", "datetime"} {
		for _, n := range names {
			if strings.EqualFold(n, want) {
				return n, nil
			}
		}
	}
	return "", configErrorf("%s has no column named date, ds, time, timestamp or datetime: set data.time to one of %s",
		cfg.Path, strings.Join(names, ", "))
}

// beside are the columns beside the targets, in the order of rawRows.values.
func (cfg *DataConfig) beside(names []string, layout, timeCol string) (cols []string, err error) {
	lists := map[string][]string{"hist": cfg.Hist, "future": cfg.Future}
	if cfg.StaticTable == "" {
		lists["static"] = cfg.Static
	}
	if layout == "wide" && len(cfg.Static) > 0 {
		return nil, configErrorf("data.static: %s is a wide table, of one value a time for all channels: statics need layout = \"long\", with an id column", cfg.Path)
	}
	for _, key := range []string{"hist", "future", "static"} {
		for _, col := range lists[key] {
			switch {
			case !slices.Contains(names, col):
				return nil, configErrorf("data.%s: %s has no column %q%s", key, cfg.Path, col, didYouMean(col, names))
			case col == timeCol || layout == "long" && (col == cfg.ID || col == cfg.Target):
				return nil, configErrorf("data.%s names the column %q, which is the time, the id or the target", key, col)
			}
			cols = append(cols, col)
		}
	}
	return cols, nil
}

func numericColumns(t *frame.Table, except []string) (names []string) {
	for _, f := range t.Schema().Fields() {
		if !slices.Contains(except, f.Name) && (arrow.IsInteger(f.Type.ID()) || arrow.IsFloating(f.Type.ID())) {
			names = append(names, f.Name)
		}
	}
	return names
}

func times(t *frame.Table, name string) (ts []int64, plain bool, err error) {
	col, err := t.Column(name)
	if err != nil {
		return nil, false, err
	}
	switch col.DataType().ID() {
	case arrow.TIMESTAMP:
		ts, err = t.Timestamps(name)
	case arrow.INT64:
		ts, err = t.Int64s(name)
		plain = true
	default:
		return nil, false, fmt.Errorf("column %q holds neither timestamps nor whole numbers, but %s: set data.time to another column", name, col.DataType())
	}
	return ts, plain, err
}

func (cfg SynthConfig) synth() Synth {
	return Synth{Series: cfg.Series, Hours: cfg.Hours, Months: cfg.Months, Seed: uint64(cfg.Seed)}
}

// synthRows makes this rank's rows of the synthetic series.
func synthRows(c collective.Comm, cfg SynthConfig) *rawRows {
	s := cfg.synth()
	lo, hi := collective.Share(s.Rows(), c.Rank(), c.Size())
	r := &rawRows{channels: s.Names(), values: make([][]float64, s.Series)}
	for t := lo; t < hi; t++ {
		r.ts = append(r.ts, s.Time(t).UnixMicro())
	}
	for ch := range r.values {
		v := make([]float64, hi-lo)
		for t := range v {
			v[t] = s.Value(ch, lo+t)
		}
		r.values[ch] = v
	}
	r.bytes = int64(hi-lo) * int64(s.Series) * 8
	return r
}
