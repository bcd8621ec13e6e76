package duckdb

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

// scalerSQL is a scaled cell X, of parameters over W; F is a filter. A scale of 0 is 1.
var scalerSQL = map[string]string{
	"standard": "(X - avg(X) F OVER W) / coalesce(nullif(stddev_pop(X) F OVER W, 0), 1)",
	"minmax":   "(X - min(X) F OVER W) / coalesce(nullif(max(X) F OVER W - min(X) F OVER W, 0), 1)",
	"robust": "(X - quantile_cont(X, 0.5) F OVER W) / " +
		"coalesce(nullif(quantile_cont(X, 0.75) F OVER W - quantile_cont(X, 0.25) F OVER W, 0), 1)",
	"cbrt":  "cbrt(X)",
	"log1p": "CASE WHEN X > -1 THEN ln(1 + X) WHEN X = -1 THEN '-inf'::DOUBLE WHEN X < -1 THEN 'nan'::DOUBLE END",
}

// TestScale: scaled cells, and that the inverse gives the input back.
func TestScale(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		p := randomPanel(rng, 300)
		o := frame.ScalerOptions{Method: []string{"standard", "minmax", "robust", "cbrt", "log1p"}[rng.IntN(5)]}
		window := ""
		if len(p.by) > 0 && rng.IntN(2) == 0 {
			o.By, window = p.by, p.partition()
		}
		filter := ""
		if p.Columns = append(p.Columns, frametest.RandomColumn(rng, "fit", arrow.FixedWidthTypes.Boolean)); rng.IntN(2) == 0 {
			o.Fit, filter = "fit", "FILTER (fit)"
		}
		back := rng.IntN(3) == 0
		for i := range 1 + rng.IntN(3) {
			v := frametest.RandomColumn(rng, fmt.Sprint("v", i), frametest.NumberTypes...)
			v.Modest = true
			p.Columns, o.Columns = append(p.Columns, v), append(o.Columns, v.Name)
		}
		if o.By == nil && !fittable(p.Spec, o) {
			o.Method = "cbrt"
		}
		var cols []string
		for _, c := range p.Columns {
			at := as("t0", c.Name)
			if !slices.Contains(o.Columns, c.Name) {
				cols = append(cols, at)
				continue
			}
			sql := strings.NewReplacer("X", at+"::DOUBLE", "F ", filter+" ", "OVER W", "OVER ("+window+")").Replace(scalerSQL[o.Method])
			switch {
			case back && o.Method == "log1p":
				sql = fmt.Sprintf("CASE WHEN %s < -1 THEN 'nan'::DOUBLE ELSE %s END", at, at)
			case back:
				sql = fmt.Sprintf("CASE WHEN (%s) IS NOT NULL THEN %s::DOUBLE END", sql, at)
			}
			cols = append(cols, sql)
		}
		return question{
			tables: []frametest.Spec{p.Spec},
			text:   fmt.Sprintf("scale %+v, and back: %t", o, back),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				params, err := frame.FitScaler(c, in[0], o)
				if err != nil {
					return nil, err
				}
				defer params.Release()
				out, err := frame.Scale(c, in[0], params)
				if err != nil || !back {
					return out, err
				}
				defer out.Release()
				return frame.Unscale(c, out, params)
			},
			sql:  fmt.Sprintf("SELECT %s FROM t0 ORDER BY rowid", strings.Join(cols, ", ")),
			diff: frametest.DiffOptions{Ordered: true, Inexact: slices.Concat(p.by, o.Columns), Tolerance: 1e-6, Absolute: 1e-9},
		}
	})
}

// fittable reports whether each of o's columns has a cell in the rows to fit; else FitScaler is an error.
func fittable(s frametest.Spec, o frame.ScalerOptions) bool {
	rec := s.Record(memory.DefaultAllocator)
	column := func(name string) arrow.Array { return rec.Column(rec.Schema().FieldIndices(name)[0]) }
	fit := column("fit").(*array.Boolean)
	for _, name := range o.Columns {
		a, n := column(name), 0
		for i := range a.Len() {
			if a.IsValid(i) && (o.Fit == "" || fit.IsValid(i) && fit.Value(i)) {
				n++
			}
		}
		if n == 0 {
			return false
		}
	}
	return true
}
