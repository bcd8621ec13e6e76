package stages

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/collective"
	"deeprc/frame"
)

// forecastSink writes forecasts.parquet in NeuralForecast's long form:
// unique_id, ds, cutoff (the last time that the forecast saw), y, one column a
// model, and for losses of quantiles <model>-lo-80, <model>-median and so on; in the original scale, missing y as null. It is rank 0's.
type forecastSink struct {
	w      *frame.ParquetWriter
	schema *arrow.Schema
	path   string
	err    error // the first; the run goes on without the file, and fails at its end
}

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
	w, err := frame.NewParquetWriter(path, schema, frame.ParquetOptions{})
	if err != nil {
		return nil, fmt.Errorf("forecasts: %w", err)
	}
	return &forecastSink{w: w, schema: schema, path: path}, nil
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

// write appends the forecasts (n, C, H), column by column, of windows first … first+n−1.
func (k *forecastSink) write(j *job, preds [][]float32, first, n int) {
	if k.err != nil {
		return
	}
	if err := k.append(j, preds, first, n); err != nil {
		k.err = errors.Join(k.explain(err), k.w.Abort()) // frees what it took of a full disk
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
	mem := memory.DefaultAllocator
	ids := array.NewInt32Builder(mem)
	y := array.NewFloat32Builder(mem)
	ds, cutoff := make([]int64, 0, total), make([]int64, 0, total)
	cols := make([]*array.Float32Builder, len(preds))
	for i := range cols {
		cols[i] = array.NewFloat32Builder(mem)
		cols[i].Reserve(total)
	}
	ids.Reserve(total)
	y.Reserve(total)
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
			ds = append(ds, grid...)
			for t, v := range target {
				ids.UnsafeAppend(int32(r))
				cutoff = append(cutoff, last)
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
	return k.flush(s, ids, y, cols, ds, cutoff)
}

func (k *forecastSink) flush(s *Series, ids *array.Int32Builder, y *array.Float32Builder, cols []*array.Float32Builder, ds, cutoff []int64) error {
	names := array.NewStringBuilder(memory.DefaultAllocator)
	names.AppendValues(s.Channels, nil)
	dict, index := names.NewArray(), ids.NewArray()
	defer dict.Release()
	defer index.Release()
	arrays := []arrow.Array{array.NewDictionaryArray(k.schema.Field(0).Type, index, dict)}
	for i, ts := range [][]int64{ds, cutoff} {
		data := array.NewData(k.schema.Field(1+i).Type, len(ts), []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(ts))}, nil, 0, 0)
		arrays = append(arrays, array.MakeFromData(data))
		data.Release()
	}
	arrays = append(arrays, y.NewArray())
	for _, c := range cols {
		arrays = append(arrays, c.NewArray())
	}
	rec := array.NewRecord(k.schema, arrays, int64(len(ds)))
	for _, a := range arrays {
		a.Release()
	}
	defer rec.Release()
	return k.w.Write(rec)
}
