package stages

import (
	"math"
	"sort"
	"sync"
)

// deviations tells, for an element of the slab, the population deviation of its series' train part, as the slab has it;
// computed when first asked. It is 0 where the train part has no value.
func (s *Series) deviations() func(at int64) float32 {
	var starts []int64 // of the slab's rows, ascending
	of := sync.OnceValue(func() (out []float32) {
		for _, g := range s.Groups {
			for _, at := range g.Start {
				starts = append(starts, at)
				out = append(out, deviation(s.Data.Target[at:][:g.Bounds[0]]))
			}
		}
		return out
	})
	return func(at int64) float32 {
		out := of()
		return out[lastAtMost(starts, at)]
	}
}

// lastAtMost is the index of the last of ascending numbers that is at most v; -1 where none is.
func lastAtMost(ascending []int64, v int64) int {
	return sort.Search(len(ascending), func(i int) bool { return ascending[i] > v }) - 1
}

// deviation is the population deviation of the values that are not NaN, 0 where there is none.
func deviation(values []float32) float32 {
	var n, mean, sum float64
	for _, v := range values {
		if v == v {
			n++
			d := float64(v) - mean
			mean += d / n
			sum += d * (float64(v) - mean)
		}
	}
	return float32(math.Sqrt(sum / max(n, 1)))
}
