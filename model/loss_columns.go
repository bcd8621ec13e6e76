package model

import (
	"math"
	"slices"
	"sort"
	"strconv"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// Columns are those of the loss that the options name; see [Loss.Columns].
func (o TrainOptions) Columns() []float64 { return o.loss().Columns() }

// Columns are the quantiles of a forecast's columns, 0 for the point forecast, which is the first but for a loss of one
// quantile, whose only column is that.
func (l Loss) Columns() []float64 {
	if l.Kind == "quantile" {
		return l.Quantiles
	}
	return append([]float64{0}, l.Quantiles...)
}

// ColumnNames are the endings of the names of columns of these quantiles, as NeuralForecast has them: "" of the first, then
// -lo-90, -lo-80, -median, -hi-80, -hi-90.
func ColumnNames(quantiles []float64) []string {
	names := []string{""}
	for _, q := range quantiles[1:] {
		switch {
		case q < .5:
			names = append(names, "-lo-"+percent(q))
		case q > .5:
			names = append(names, "-hi-"+percent(q))
		default:
			names = append(names, "-median")
		}
	}
	return names
}

// percent is the level of the central interval that ends at the quantile.
func percent(q float64) string {
	return strconv.FormatFloat(math.Round(1e6*math.Abs(100-200*q))/1e6, 'f', -1, 64)
}

// Forecast writes the columns of one step from the K values of [Loss.outputs]: the point forecast, which is the value itself, the median, or the
// distribution's mean, then the quantiles.
func (l Loss) Forecast(dst []float64, raw []float32) {
	switch {
	case l.isDistribution():
		mean, quantile := l.distribution(raw)
		dst[0] = mean
		for i, q := range l.Quantiles {
			dst[1+i] = quantile(q)
		}
	case l.Kind == "quantile" || len(l.Quantiles) == 0:
		dst[0] = float64(raw[0])
	default:
		dst[0] = float64(raw[sort.SearchFloat64s(l.Quantiles, .5)])
		for i, v := range raw {
			dst[1+i] = float64(v)
		}
	}
}

// ForecastPaths writes the columns of one step from its values on paths: their mean, then their quantiles, between
// neighbours linear as NumPy's. It sorts the values.
func (l Loss) ForecastPaths(dst []float64, paths []float32) {
	slices.Sort(paths)
	var sum float64
	for _, v := range paths {
		sum += float64(v)
	}
	dst[0] = sum / float64(len(paths))
	for i, q := range l.Quantiles {
		at := q * float64(len(paths)-1)
		k := min(int(at), len(paths)-1)
		lo, hi := float64(paths[k]), float64(paths[min(k+1, len(paths)-1)])
		dst[1+i] = lo + (at-float64(k))*(hi-lo)
	}
}

// distribution is the mean and the quantile function of the distribution of these parameters.
func (l Loss) distribution(params []float32) (mean float64, quantile func(q float64) float64) {
	p := func(i int) float64 { return float64(params[i]) }
	switch l.Kind {
	case "normal":
		d := distuv.Normal{Mu: p(0), Sigma: p(1)}
		return d.Mu, d.Quantile
	case "studentt":
		d := distuv.StudentsT{Mu: p(1), Sigma: p(2), Nu: p(0)}
		return d.Mu, func(q float64) float64 {
			if q == .5 {
				return d.Mu
			}
			return d.Quantile(q)
		}
	case "poisson":
		return p(0), func(q float64) float64 {
			return countQuantile(p(0), q, func(k float64) float64 { return mathext.GammaIncRegComp(k+1, p(0)) })
		}
	default:
		mu, alpha := p(0), p(1)
		success := mu * alpha / (1 + mu*alpha)
		return mu, func(q float64) float64 {
			return countQuantile(mu, q, func(k float64) float64 { return mathext.RegIncBeta(1/alpha, k+1, 1-success) })
		}
	}
}

// countQuantile is the smallest count k ≥ 0 with cdf(k) ≥ q, by bisection up from the mean.
func countQuantile(mean, q float64, cdf func(k float64) float64) float64 {
	if math.IsNaN(mean) || math.IsInf(mean, 0) {
		return mean
	}
	if cdf(0) >= q {
		return 0
	}
	lo, hi := 0., math.Ceil(mean)+1
	for hi < 1e15 && cdf(hi) < q {
		lo, hi = hi, 2*hi
	}
	for hi-lo > 1 {
		if mid := math.Floor((lo + hi) / 2); cdf(mid) < q {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}
