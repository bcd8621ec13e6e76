package frame

import (
	"math"
	"math/bits"
)

// precise is a sum with the error that float64 makes in it; Neumaier, ZAMM 54 (1974) 39.
type precise struct{ sum, lost float64 }

func (p *precise) add(x float64) {
	s := p.sum + x
	if math.Abs(p.sum) >= math.Abs(x) {
		p.lost += (p.sum - s) + x
	} else {
		p.lost += (x - s) + p.sum
	}
	p.sum = s
}

func (p *precise) merge(q precise) {
	p.add(q.sum)
	p.lost += q.lost
}

func (p *precise) value() float64 {
	if math.IsInf(p.sum, 0) || math.IsNaN(p.sum) { // lost is Inf - Inf
		return p.sum
	}
	return p.sum + p.lost
}

// moments are the number, mean and sum of squared deviations of cells; Welford, Technometrics
// 4 (1962) 419, and for merging Chan, Golub and LeVeque, Stanford CS-79-773.
type moments struct{ n, mean, m2 float64 }

func (a *moments) add(x float64) {
	a.n++
	d := x - a.mean
	a.mean += d / a.n
	a.m2 += d * (x - a.mean)
}

func (a *moments) merge(b moments) {
	if b.n == 0 {
		return
	}
	n, d := a.n+b.n, b.mean-a.mean
	a.mean += d * (b.n / n)
	a.m2 += b.m2 + d*d*(a.n*b.n/n)
	a.n = n
}

// variance divides by n-1.
func (a *moments) variance() float64 { return a.m2 / (a.n - 1) }

// spread is the variance, or its root.
func (a *moments) spread(fn string) float64 {
	if fn == "std" {
		return math.Sqrt(a.variance())
	}
	return a.variance()
}

// wide is a sum of 64-bit integers in 128 bits, laid out as a decimal128 and as agg_wide.
type wide struct{ lo, hi uint64 }

func (w *wide) add(x int64) {
	var carry uint64
	w.lo, carry = bits.Add64(w.lo, uint64(x), 0)
	w.hi += uint64(x>>63) + carry
}

func (w *wide) sub(x int64) {
	var borrow uint64
	w.lo, borrow = bits.Sub64(w.lo, uint64(x), 0)
	w.hi -= uint64(x>>63) + borrow
}

func (w *wide) addUnsigned(x uint64) {
	var carry uint64
	w.lo, carry = bits.Add64(w.lo, x, 0)
	w.hi += carry
}

func (w *wide) subUnsigned(x uint64) {
	var borrow uint64
	w.lo, borrow = bits.Sub64(w.lo, x, 0)
	w.hi -= borrow
}

// int64 is the sum; ok is false where it does not fit.
func (w *wide) int64() (v int64, ok bool) { return int64(w.lo), w.hi == uint64(int64(w.lo)>>63) }

// uint64 is the sum as an unsigned number.
func (w *wide) uint64() (v uint64, ok bool) { return w.lo, w.hi == 0 }
