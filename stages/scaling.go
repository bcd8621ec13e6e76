package stages

import (
	"fmt"
	"math"
	"slices"

	"deeprc/collective"
	"deeprc/model"
)

// scalerNames are the values of data.scaler and data.input_scaler.
var scalerNames = []string{"standard", "minmax", "robust", "robust-iqr", "none", "global"}

// A scaling is (v − shift) / scale for each of some rows, with the mean of the values that it was fitted on.
type scaling struct {
	shift, scale, mean []float64
	count              []int64 // of the values that it was fitted on
	constant           []bool  // scale is 1, since all of them are equal
}

// newScaling leaves n rows as they are.
func newScaling(n int) *scaling {
	return &scaling{make([]float64, n), slices.Repeat([]float64{1}, n), make([]float64, n), make([]int64, n), make([]bool, n)}
}

// fitScaling fits a scaling of n rows to the columns of all ranks: cell i of column
// k counts for row(k, i), or for none where that is −1. Sums are exact and quantiles are of all values,
// so that the result does not depend on the number of ranks; collective.
//
//	standard, global  shift = mean, scale = population deviation, as sklearn's StandardScaler
//	minmax            shift = least, scale = greatest − least
//	robust            shift = median, scale = median of |v − median|, as NeuralForecast's
//	robust-iqr        shift = median, scale = upper − lower quartile, as NeuralForecast's and sklearn's RobustScaler
//	none              shift = 0, scale = 1
func fitScaling(c collective.Comm, method string, cols [][]float64, n int, row func(k, i int) int) (*scaling, error) {
	s := newScaling(n)
	each := func(f func(r int, v float64)) {
		for k, col := range cols {
			for i, v := range col {
				if v != v {
					continue
				}
				if r := row(k, i); r >= 0 {
					f(r, v)
				}
			}
		}
	}
	sums := make([]collective.ExactSum, n)
	each(func(r int, v float64) { sums[r].Add(v); s.count[r]++ })
	if err := collective.AllReduce(c, s.count, collective.Sum); err != nil {
		return nil, err
	}
	if err := collective.AllReduceExact(c, sums); err != nil {
		return nil, err
	}
	for r, sum := range sums {
		if s.count[r] > 0 {
			s.mean[r] = sum.Float64() / float64(s.count[r])
		}
	}
	switch method {
	case "none":
		return s, nil
	case "minmax":
		lo, hi := slices.Repeat([]float64{math.Inf(1)}, n), slices.Repeat([]float64{math.Inf(-1)}, n)
		each(func(r int, v float64) { lo[r], hi[r] = min(lo[r], v), max(hi[r], v) })
		if err := collective.AllReduce(c, lo, collective.Min); err != nil {
			return nil, err
		}
		if err := collective.AllReduce(c, hi, collective.Max); err != nil {
			return nil, err
		}
		s.set(func(r int) (float64, float64) { return lo[r], hi[r] - lo[r] })
	case "robust", "robust-iqr":
		var mine []float64
		var rows []int32
		each(func(r int, v float64) { mine, rows = append(mine, v), append(rows, int32(r)) })
		all, _, err := collective.AllGatherV(c, mine)
		if err != nil {
			return nil, err
		}
		of, _, err := collective.AllGatherV(c, rows)
		if err != nil {
			return nil, err
		}
		values := make([][]float64, n)
		for i, r := range of {
			values[r] = append(values[r], all[i])
		}
		s.set(func(r int) (float64, float64) {
			v := values[r]
			slices.Sort(v)
			median := model.Quantile(v, .5)
			if method == "robust-iqr" {
				return median, model.Quantile(v, .75) - model.Quantile(v, .25)
			}
			for i := range v {
				v[i] = math.Abs(v[i] - median)
			}
			slices.Sort(v)
			return median, model.Quantile(v, .5)
		})
	default:
		squares := make([]collective.ExactSum, n)
		each(func(r int, v float64) { squares[r].Add((v - s.mean[r]) * (v - s.mean[r])) })
		if err := collective.AllReduceExact(c, squares); err != nil {
			return nil, err
		}
		s.set(func(r int) (float64, float64) {
			return s.mean[r], math.Sqrt(squares[r].Float64() / float64(s.count[r]))
		})
	}
	return s, nil
}

// set sets the rows that have values. A scale that is rounding only is none, as a deviation is
// where the mean of equal values misses them by an ulp.
func (s *scaling) set(of func(r int) (shift, scale float64)) {
	for r, n := range s.count {
		if n == 0 {
			continue
		}
		s.shift[r], s.scale[r] = of(r)
		if s.scale[r] <= 0x1p-51*math.Abs(s.mean[r]) {
			s.scale[r], s.constant[r] = 1, true
		}
	}
}

// check is an error where a row that name names cannot be scaled in float64.
func (s *scaling) check(name func(r int) string) error {
	for r := range s.shift {
		if math.IsInf(s.shift[r], 0) || math.IsInf(s.scale[r], 0) || math.IsInf(s.mean[r], 0) {
			return fmt.Errorf("the values of %s are too large to standardise: look for extreme cells", name(r))
		}
	}
	return nil
}

// of is the scaled v, of row r.
func (s *scaling) of(v float64, r int) float32 { return float32((v - s.shift[r]) / s.scale[r]) }

// fillForward puts the last value before it, of which the first is start, in place of each missing one, and counts them.
func fillForward(x []float32, start float32) (missing int64) {
	last := start
	for i, v := range x {
		if v != v {
			x[i] = last
			missing++
			continue
		}
		last = v
	}
	return missing
}
