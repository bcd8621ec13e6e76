package model

import (
	"math"
	"slices"
	"strconv"
)

// quantileMetrics measure forecasts of quantiles, from a loss of quantiles, a distribution or conformal intervals. Models
// without have no such number.
var quantileMetrics = []Metric{
	{Name: "quantile_loss", Terms: quantileLosses},
	{Name: "mqloss", Terms: func(quantiles []float64) []Term { return meanQuantileLoss("mqloss", quantiles, 1, countOne) }},
	// Of a distribution known by its quantiles, ∫ 2ρ dq is the continuous ranked probability score (Gneiting and Ranjan 2011,
	// eq. 2), and over the mean |y| it is the mean weighted quantile loss of GluonTS and NeuralForecast's sCRPS.
	{Name: "scaled_crps", Original: true, Terms: func(quantiles []float64) []Term {
		return meanQuantileLoss("scaled_crps", quantiles, 2, math.Abs)
	}},
	{Name: "coverage", Terms: func(quantiles []float64) []Term { return intervals("coverage", quantiles, covered) }},
	{Name: "width", Terms: func(quantiles []float64) []Term { return intervals("width", quantiles, width) }},
}

// pinball is ρ = max(q(y − f), (q − 1)(y − f)) (Koenker and Bassett 1978).
func pinball(q, f, y float64) float64 { return max(q*(y-f), (q-1)*(y-f)) }

// absent reports a quantile that is NaN beside a forecast which is a number, as conformal intervals are where there were no errors to
// make them of: it does not count.
func absent(cells []float64, k int) bool { return cells[k] != cells[k] && cells[0] == cells[0] }

// countOne counts a value as one.
func countOne(float64) float64 { return 1 }

// quantileLosses is the mean ρ of each quantile.
func quantileLosses(quantiles []float64) (terms []Term) {
	for k, q := range quantiles {
		if q > 0 {
			at := func(cells []float64, y, _ float64) (float64, float64) {
				if absent(cells, k) {
					return 0, 0
				}
				return pinball(q, cells[k], y), 1
			}
			terms = append(terms, Term{"quantile_loss_" + strconv.FormatFloat(q, 'g', 6, 64), at, asIs})
		}
	}
	return terms
}

// meanQuantileLoss is factor times the mean of ρ over the quantiles, summed over all values and divided by their weights.
func meanQuantileLoss(name string, quantiles []float64, factor float64, weight func(y float64) float64) []Term {
	n := float64(len(quantiles) - count(quantiles, 0))
	if n == 0 {
		return nil
	}
	at := func(cells []float64, y, _ float64) (float64, float64) {
		var sum float64
		for k, q := range quantiles {
			if absent(cells, k) {
				return 0, 0
			}
			if q > 0 {
				sum += pinball(q, cells[k], y)
			}
		}
		return factor * sum / n, weight(y)
	}
	return []Term{{name, at, asIs}}
}

func count(values []float64, v float64) (n int) {
	for _, x := range values {
		if x == v {
			n++
		}
	}
	return n
}

// covered is 1 where the interval holds y, its ends included.
func covered(lo, hi, y float64) float64 {
	if lo <= y && y <= hi {
		return 1
	}
	return 0
}

func width(lo, hi, _ float64) float64 { return hi - lo }

// intervals is the mean of e over the central intervals whose two ends are among the quantiles, a term for each.
func intervals(name string, quantiles []float64, e func(lo, hi, y float64) float64) (terms []Term) {
	for lo, q := range quantiles {
		if q <= 0 || q >= .5 {
			continue
		}
		hi := slices.IndexFunc(quantiles, func(p float64) bool { return math.Abs(p+q-1) < 1e-9 })
		if hi < 0 {
			continue
		}
		at := func(cells []float64, y, _ float64) (float64, float64) {
			if absent(cells, lo) || absent(cells, hi) {
				return 0, 0
			}
			return e(cells[lo], cells[hi], y), 1
		}
		terms = append(terms, Term{name + "_" + percent(q), at, asIs})
	}
	slices.Reverse(terms) // the narrowest first
	return terms
}
