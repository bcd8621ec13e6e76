package model

import (
	"math"
	"slices"
)

// A Sample is one series' observations and simulation in the order of time,
// without the steps where one of them is missing.
type Sample struct {
	Obs, Sim []float64
	At       []int // step of each
	HalfDay  int   // steps of twelve hours, 0 where a step is longer: how far apart peaks may be

	mo, ms, so, ss, r float64      // means, deviations of a population, Pearson's r
	fdc               [2][]float64 // flow duration curves: sorted, largest first
}

// NewSample leaves out where obs or sim is NaN; steps are the steps that they stand at, ascending.
func NewSample(steps []int, obs, sim []float32, halfDay int) *Sample {
	s := &Sample{HalfDay: halfDay}
	for i, o := range obs {
		if o == o && sim[i] == sim[i] {
			s.Obs, s.Sim, s.At = append(s.Obs, float64(o)), append(s.Sim, float64(sim[i])), append(s.At, steps[i])
		}
	}
	s.moments()
	return s
}

func average(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// moments in two passes, as NumPy and SciPy do.
func (s *Sample) moments() {
	s.mo, s.ms = average(s.Obs), average(s.Sim)
	var oo, ss, os float64
	for i, o := range s.Obs {
		do, ds := o-s.mo, s.Sim[i]-s.ms
		oo, ss, os = oo+do*do, ss+ds*ds, os+do*ds
	}
	n := float64(len(s.Obs))
	s.so, s.ss = math.Sqrt(oo/n), math.Sqrt(ss/n)
	s.r = math.NaN()
	if len(s.Obs) > 1 && oo > 0 && ss > 0 {
		s.r = max(-1, min(1, os/math.Sqrt(oo*ss)))
	}
}

// seriesMetrics have NeuralHydrology's definitions. Where the observations are
// constant, a score that divides by their deviation is NaN.
var seriesMetrics = []Metric{
	{Name: "nse", Series: (*Sample).nse},
	{Name: "nnse", Series: func(s *Sample) float64 { return 1 / (2 - s.nse()) }}, // Nossent and Bauwens 2012
	{Name: "kge", Original: true, Series: (*Sample).kge},
	{Name: "pearson_r", Series: func(s *Sample) float64 { return s.r }},
	{Name: "alpha_nse", Series: func(s *Sample) float64 { return quotient(s.ss, s.so) }},
	{Name: "beta_nse", Series: func(s *Sample) float64 { return quotient(s.ms-s.mo, s.so) }},
	{Name: "beta_kge", Original: true, Series: func(s *Sample) float64 { return quotient(s.ms, s.mo) }},
	{Name: "fhv", Original: true, Series: (*Sample).fhv},
	{Name: "fms", Original: true, Series: (*Sample).fms},
	{Name: "flv", Original: true, Series: (*Sample).flv},
	{Name: "peak_timing", Apart: true, Series: (*Sample).peakTiming},
	{Name: "missed_peaks", Apart: true, Series: (*Sample).missedPeaks},
	{Name: "peak_mape", Apart: true, Original: true, Series: (*Sample).peakMAPE},
}

// quotient is a/b, NaN where b is 0.
func quotient(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

// nse is 1 − Σ(sim − obs)² / Σ(obs − mean)² (Nash and Sutcliffe 1970, eq. 3).
func (s *Sample) nse() float64 {
	var e float64
	for i, o := range s.Obs {
		e += (s.Sim[i] - o) * (s.Sim[i] - o)
	}
	return 1 - quotient(e, s.so*s.so*float64(len(s.Obs)))
}

// kge is 1 − √((r − 1)² + (α − 1)² + (β − 1)²) with the ratios α of deviations
// and β of means (Gupta et al. 2009, eq. 9).
func (s *Sample) kge() float64 {
	a, b := quotient(s.ss, s.so)-1, quotient(s.ms, s.mo)-1
	return 1 - math.Sqrt((s.r-1)*(s.r-1)+a*a+b*b)
}

// curves are the flow duration curves of observations and simulation.
func (s *Sample) curves() (obs, sim []float64) {
	for i, v := range [][]float64{s.Obs, s.Sim} {
		if s.fdc[i] == nil {
			s.fdc[i] = slices.Clone(v)
			slices.Sort(s.fdc[i])
			slices.Reverse(s.fdc[i])
		}
	}
	return s.fdc[0], s.fdc[1]
}

// part is a share of the curve, rounded as NumPy does.
func part(share float64, n int) int { return int(math.RoundToEven(share * float64(n))) }

// fhv is the bias of the largest 2 % of flows, in percent (Yilmaz et al. 2008, eq. A3).
func (s *Sample) fhv() float64 {
	obs, sim := s.curves()
	n := part(.02, len(obs))
	var d, sum float64
	for i := range n {
		d, sum = d+sim[i]-obs[i], sum+obs[i]
	}
	return 100 * quotient(d, sum)
}

// logFlow is ln of a flow; those below 0 and 0 count as 10⁻⁶, as in NeuralHydrology.
func logFlow(q float64) float64 {
	if q <= 0 {
		q = 1e-6
	}
	return math.Log(q)
}

// fms is the bias of the slope of the curve between 20 % and 70 %, in percent (ibid., eq. A2).
func (s *Sample) fms() float64 {
	obs, sim := s.curves()
	lo, hi := part(.2, len(obs)), part(.7, len(obs))
	if hi >= len(obs) {
		return math.NaN()
	}
	o := logFlow(obs[lo]) - logFlow(obs[hi])
	return 100 * (logFlow(sim[lo]) - logFlow(sim[hi]) - o) / (o + 1e-6)
}

// flv is the bias of the smallest 30 % of flows above the smallest, in logarithms and percent (ibid., eq. A4).
func (s *Sample) flv() float64 {
	obs, sim := s.curves()
	n := part(.3, len(obs))
	if n == 0 {
		n = len(obs) // so slices NumPy
	}
	sum := func(q []float64) (sum float64) {
		q = q[len(q)-n:]
		for _, v := range q {
			sum += logFlow(v) - logFlow(q[n-1])
		}
		return sum
	}
	if len(obs) == 0 {
		return math.NaN()
	}
	o := sum(obs)
	return -100 * (sum(sim) - o) / (o + 1e-6)
}
