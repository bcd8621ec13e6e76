package stages

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
	"deeprc/frame"
)

// forecastSink writes forecasts.parquet in NeuralForecast's long form:
// unique_id, ds, cutoff (the last time that the forecast saw), y, one column a
// model, and for losses of quantiles <model>-lo-80, <model>-median and so on; in the original scale, missing y as null. It is rank 0's.
type forecastSink struct {
	w      *frame.ParquetWriter
	mem    *frame.Memory // of its records and pages: given back at once, not when the collector comes
	schema *arrow.Schema
	path   string
	err    error // the first; the run goes on without the file, and fails at its end
}

// newForecastSink replaces a file of the same run, which a resumed one has.
func newForecastSink(path string, s *Series, all []*fitted) (*forecastSink, error) {
	var t arrow.DataType = &arrow.TimestampType{Unit: arrow.Microsecond}
	if s.Step.Plain {
		t = arrow.PrimitiveTypes.Int64
	}
	id := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	fields := []arrow.Field{{Name: "unique_id", Type: id}, {Name: "ds", Type: t}, {Name: "cutoff", Type: t},
		{Name: "y", Type: arrow.PrimitiveTypes.Float32, Nullable: true}}
	for _, f := range all {
		for _, ending := range f.endings() {
			fields = append(fields, arrow.Field{Name: f.name + ending, Type: arrow.PrimitiveTypes.Float32})
		}
	}
	schema := arrow.NewSchema(fields, nil)
	mem := frame.NewMemory(frame.MemoryOptions{})
	w, err := frame.NewParquetWriter(path, schema, frame.ParquetOptions{Alloc: mem, Replace: true})
	if err != nil {
		return nil, fmt.Errorf("forecasts: %w", err)
	}
	return &forecastSink{w: w, mem: mem, schema: schema, path: path}, nil
}

// openSink is rank 0's forecastSink, and on the other ranks one that only takes part in the gather; collective.
func (j *job) openSink(path string, all []*fitted) (k *forecastSink, err error) {
	k = &forecastSink{}
	if j.c.Rank() == 0 {
		k, err = newForecastSink(path, j.series, all)
	}
	return k, collective.Agree(j.c, err)
}

// abort removes the file unless it was closed.
func (k *forecastSink) abort() {
	if k.w != nil {
		k.w.Abort()
	}
}

// sinkRows bounds the rows of one record: with its times it takes several times the forecasts in it.
const sinkRows = 1 << 18

// write appends the forecasts (n, C, H), column by column, of windows first … first+n−1.
func (k *forecastSink) write(j *job, preds [][]float32, first, n int) {
	if k.err != nil {
		return
	}
	size := j.cfg.Windows.Horizon * j.series.channels()
	per := max(1, sinkRows/size)
	part := make([][]float32, len(preds))
	for lo := 0; lo < n; lo += per {
		m := min(per, n-lo)
		for i, p := range preds {
			part[i] = p[lo*size : (lo+m)*size]
		}
		if err := k.append(j, part, first+lo, m); err != nil {
			k.err = errors.Join(k.explain(err), k.w.Abort()) // frees what it took of a full disk
			return
		}
	}
}

// close gives the file its name; the error is that of the first write that failed.
func (k *forecastSink) close() error {
	if k.err != nil {
		return k.err
	}
	return k.explain(k.w.Close())
}

// explain adds what to do about a full disk; the writer's errors name the file themselves.
func (k *forecastSink) explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return writeError(k.path, syscall.ENOSPC)
	}
	return err
}

func (k *forecastSink) append(j *job, preds [][]float32, first, n int) error {
	s, ws := j.series, j.sets[2]
	l, h, ch := j.cfg.Windows.Lookback, j.cfg.Windows.Horizon, s.channels()
	total := n * ch * h
	ids, y := array.NewInt32Builder(k.mem), array.NewFloat32Builder(k.mem)
	ds, cutoff := array.NewInt64Builder(k.mem), array.NewInt64Builder(k.mem)
	cols := make([]*array.Float32Builder, len(preds))
	all := []array.Builder{ids, ds, cutoff, y}
	for i := range cols {
		cols[i] = array.NewFloat32Builder(k.mem)
		all = append(all, cols[i])
	}
	for _, b := range all {
		defer b.Release()
		b.Reserve(total)
	}
	at, grid := make([]int64, ch), make([]int64, h)
	for i := range n {
		g, start := ws.at(first + i)
		ws.Offsets(at, first+i)
		for t := range grid {
			grid[t] = s.rawTime(g, start+l+t)
		}
		last := s.rawTime(g, start+l-1)
		for c := range ch {
			r := s.row(g) + c
			mean, std := s.Mean[r], s.Std[r]
			target := s.Data.Target[at[c]+int64(l):][:h]
			for t, v := range target {
				ids.UnsafeAppend(int32(r))
				ds.UnsafeAppend(grid[t])
				cutoff.UnsafeAppend(last)
				if v == v {
					y.UnsafeAppend(float32(float64(v)*std + mean))
				} else {
					y.UnsafeAppendBoolToBitmap(false)
				}
				for m, p := range preds {
					cols[m].UnsafeAppend(float32(float64(p[(i*ch+c)*h+t])*std + mean))
				}
			}
		}
	}
	return k.flush(s, all)
}

// flush writes a record of what was appended to the columns' builders.
func (k *forecastSink) flush(s *Series, columns []array.Builder) error {
	names := array.NewStringBuilder(k.mem)
	defer names.Release()
	names.AppendValues(s.Channels, nil)
	dict := names.NewArray()
	defer dict.Release()
	arrays := make([]arrow.Array, len(columns))
	for i, b := range columns {
		a := b.NewArray()
		defer a.Release()
		switch t := k.schema.Field(i).Type; t.ID() {
		case arrow.DICTIONARY:
			arrays[i] = array.NewDictionaryArray(t, a, dict)
		default: // times are built as whole numbers
			data := array.NewData(t, a.Len(), a.Data().Buffers(), nil, a.NullN(), 0)
			arrays[i] = array.MakeFromData(data)
			data.Release()
		}
		defer arrays[i].Release()
	}
	rec := array.NewRecord(k.schema, arrays, int64(arrays[0].Len()))
	defer rec.Release()
	return k.w.Write(rec)
}
