package model

import (
	"math"
	"slices"
)

// Interpolations are the ways of [Tensor.Interpolate].
var Interpolations = []string{"linear", "nearest", "cubic"}

// Interpolate stretches or shrinks the last axis to n elements, (…, m) → (…, n):
// element j lies at (j + ½)·m/n − ½ of the m, as torch.nn.functional.interpolate
// has it without align_corners. nearest takes element ⌊j·m/n⌋; linear weighs the
// two around it; cubic the four around it (Keys, Cubic Convolution
// Interpolation, 1981, eq. 15 with a = −0.75), the ends repeated.
//
// It is a product with a constant (m, n), which costs less than gathering even
// though most of it is zeros.
func (x *Tensor) Interpolate(mode string, n int) *Tensor {
	if n < 1 || !slices.Contains(Interpolations, mode) {
		badBuild("interpolate: to %d elements by %q: want at least 1, and one of %v", n, mode, Interpolations)
	}
	m := x.Last()
	if m == n {
		return x
	}
	w := make([]float32, m*n)
	add := func(i, j int, v float64) { w[min(max(i, 0), m-1)*n+j] += float32(v) }
	for j := range n {
		at := (float64(j)+.5)*float64(m)/float64(n) - .5
		i := int(math.Floor(at))
		t := at - math.Floor(at)
		switch mode {
		case "nearest":
			add(j*m/n, j, 1)
		case "linear":
			add(i, j, 1-t)
			add(i+1, j, t)
		case "cubic":
			for k := -1; k <= 2; k++ {
				add(i+k, j, keys(math.Abs(t-float64(k))))
			}
		}
	}
	return x.MatMul(x.g.Literal(w, m, n))
}

// keys is the weight of an element at distance d.
func keys(d float64) float64 {
	const a = -.75
	switch {
	case d < 1:
		return ((a+2)*d-(a+3))*d*d + 1
	case d < 2:
		return ((a*d-5*a)*d+8*a)*d - 4*a
	}
	return 0
}
