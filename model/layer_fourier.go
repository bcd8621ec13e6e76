package model

import (
	"math"
	"slices"
)

// toModes is the Fourier transform of x (N, T, n) at these whole frequencies, first its real and then its imaginary parts (N, 2M, n). For
// few modes a product is faster than a fast transform, and is one op.
func toModes(x *Tensor, at []int) *Tensor {
	M, T := len(at), x.Shape[1]
	v := make([]float32, 2*M*T)
	for i := range M * T {
		sin, cos := math.Sincos(2 * math.Pi * float64(at[i/T]*(i%T)%T) / float64(T))
		v[i], v[M*T+i] = float32(cos), -float32(sin)
	}
	return x.g.Literal(v, 2*M, T).MatMul(x)
}

// fromModes is the real series (N, n, T) whose Fourier transform is y (N, 2M, n) at these frequencies of at most T/2, and 0 elsewhere.
func fromModes(y *Tensor, at []int, T int) *Tensor {
	M := len(at)
	v := make([]float32, 2*M*T)
	for i := range M * T {
		f, t := at[i/T], i%T
		weight := 2 / float64(T) // of a frequency and its negative
		if f == 0 || 2*f == T {
			weight /= 2
		}
		sin, cos := math.Sincos(2 * math.Pi * float64(f*t%T) / float64(T))
		v[i], v[M*T+i] = float32(weight*cos), -float32(weight*sin)
	}
	return y.TMatMul(y.g.Literal(v, 2*M, T))
}

// mixModes multiplies each mode of each head of x (N, 2M, heads·E) by a complex matrix of its own in w (heads, E, E, M, 2).
func mixModes(x, w *Tensor) *Tensor {
	N, heads, E, M := x.Shape[0], w.Shape[0], w.Shape[1], w.Shape[3]
	w = w.Permute(4, 3, 0, 1, 2) // (2, M, heads, E, E)
	re, im := w.Slice(0, 0, 1).Squeeze(0), w.Slice(0, 1, 2).Squeeze(0)
	w = Concat(2, Concat(3, re, im), Concat(3, im.Neg(), re))                          // (M, heads, 2E, 2E)
	z := x.Reshape(N, 2, M, heads, E).Permute(2, 3, 0, 1, 4).Reshape(M, heads, N, 2*E) // real, then imaginary parts
	return z.MatMul(w).Reshape(M, heads, N, 2, E).Permute(2, 3, 0, 1, 4).Reshape(N, 2*M, heads*E)
}

// lowModes are the first n frequencies.
func lowModes(n int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = i
	}
	return at
}

// someModes are n of the frequencies below limit, or all, in order: the first, or as pick orders them.
func someModes(n, limit int, pick func(n int) []int) []int {
	if n >= limit || pick == nil {
		return lowModes(min(n, limit))
	}
	at := pick(limit)[:n]
	slices.Sort(at)
	return at
}
