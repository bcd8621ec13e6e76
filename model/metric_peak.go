package model

import (
	"cmp"
	"math"
	"slices"
)

// maxima are the local maxima of v; the middle of a plateau.
func maxima(v []float64) (at []int) {
	for i := 1; i < len(v)-1; i++ {
		if v[i-1] >= v[i] {
			continue
		}
		end := i
		for end < len(v)-1 && v[end+1] == v[i] {
			end++
		}
		if end < len(v)-1 && v[end+1] < v[i] {
			at = append(at, (i+end)/2)
		}
		i = end
	}
	return at
}

// spread leaves out peaks nearer than distance to a higher one, highest first; of equal ones the later stays.
func spread(v []float64, peaks []int, distance int) []int {
	order := make([]int, len(peaks))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(v[peaks[a]], v[peaks[b]]) })
	gone := make([]bool, len(peaks))
	for _, i := range slices.Backward(order) {
		if gone[i] {
			continue
		}
		for j := i - 1; j >= 0 && peaks[i]-peaks[j] < distance; j-- {
			gone[j] = true
		}
		for j := i + 1; j < len(peaks) && peaks[j]-peaks[i] < distance; j++ {
			gone[j] = true
		}
	}
	var kept []int
	for i, p := range peaks {
		if !gone[i] {
			kept = append(kept, p)
		}
	}
	return kept
}

// prominence is how far a peak stands above the higher of the two lowest values
// between it and a higher one, or the end, to each side.
func prominence(v []float64, peak int) float64 {
	left, right := v[peak], v[peak]
	for i := peak; i >= 0 && v[i] <= v[peak]; i-- {
		left = min(left, v[i])
	}
	for i := peak; i < len(v) && v[i] <= v[peak]; i++ {
		right = min(right, v[i])
	}
	return v[peak] - max(left, right)
}

// floods are the peaks of the observations a hundred steps apart or more and
// at least one deviation prominent (Kratzert et al. 2021, appendix).
func (s *Sample) floods() []int {
	return slices.DeleteFunc(spread(s.Obs, maxima(s.Obs), 100), func(p int) bool { return prominence(s.Obs, p) < s.so })
}

// whole reports whether no step is missing within w steps of i.
func (s *Sample) whole(i, w int) bool {
	return i-w >= 0 && i+w < len(s.At) && s.At[i+w]-s.At[i-w] == 2*w
}

// peakTiming is the mean distance in steps of each flood from its peak in the
// simulation, within half a day, at least three steps (ibid.).
func (s *Sample) peakTiming() float64 {
	w := max(s.HalfDay, 3)
	var sum, n float64
	for _, p := range s.floods() {
		if !s.whole(p, w) {
			continue
		}
		at := p
		if !(s.Sim[p] > s.Sim[p-1] && s.Sim[p] > s.Sim[p+1]) {
			at = p - w
			for i := p - w; i <= p+w; i++ {
				if s.Sim[i] > s.Sim[at] {
					at = i
				}
			}
		}
		sum, n = sum+math.Abs(float64(at-p)), n+1
	}
	return quotient(sum, n)
}

// missedPeaks is the share of observed peaks in the upper fifth of flows without one in the
// simulation's within half a day, at least one step.
func (s *Sample) missedPeaks() float64 {
	if len(s.Obs) == 0 {
		return math.NaN()
	}
	obs, sim := s.curves()
	high := func(v, curve []float64) []int {
		level := Quantile(curve, .2) // of the descending curve: the 80th percentile
		return spread(v, slices.DeleteFunc(maxima(v), func(p int) bool { return v[p] < level }), 30)
	}
	peaks, theirs := high(s.Obs, obs), high(s.Sim, sim)
	if len(peaks) == 0 {
		return 0
	}
	w, missed := max(s.HalfDay, 1), 0.
	for _, p := range peaks {
		near := slices.ContainsFunc(theirs, func(q int) bool { return max(p-q, q-p) <= w })
		if s.whole(p, w) && !near {
			missed++
		}
	}
	return missed / float64(len(peaks))
}

// peakMAPE is the mean |sim − obs| / obs at floods, in percent.
func (s *Sample) peakMAPE() float64 {
	var sum float64
	floods := s.floods()
	for _, p := range floods {
		sum += math.Abs((s.Sim[p] - s.Obs[p]) / s.Obs[p])
	}
	return 100 * quotient(sum, float64(len(floods)))
}
