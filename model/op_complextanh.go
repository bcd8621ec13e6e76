package model

/*
#cgo noescape k_complex_tanh
#cgo nocallback k_complex_tanh
#cgo noescape k_complex_tanh_grad
#cgo nocallback k_complex_tanh_grad
#include "complex.h"
*/
import "C"

// ComplexTanh is the hyperbolic tangent t of complex numbers z, of which x (…, 2m, 2n) has the parts: it is four blocks of (m, n), and
// z = x₀₀ − x₁₁ + i(x₀₁ + x₁₀), as in a product of vectors of real and then imaginary parts with each other. The result
// [[Re t, −Im t], [Im t, Re t]] of the same shape multiplies such a vector.
func (x *Tensor) ComplexTanh() *Tensor {
	wantF32("complex tanh", x)
	if n := len(x.Shape); n < 2 || x.Shape[n-2]%2 != 0 || x.Shape[n-1]%2 != 0 {
		badBuild("complex tanh of %v: want (…, 2m, 2n)", x.Shape)
	}
	return x.g.add(complexTanh{}, x.Shape, x)
}

type complexTanh struct{}

func (complexTanh) Grad(y, dy *Tensor) []*Tensor {
	return []*Tensor{y.g.add(complexTanhGrad{}, y.Shape, y, dy)}
}

func (complexTanh) CPU(p *Pool, y Array, in []Array) {
	m := C.int64_t(y.Shape[len(y.Shape)-2])
	C.k_complex_tanh(p.c, y.ptr(), in[0].ptr(), y.rows()/m, m/2, y.cols()/2)
}

type complexTanhGrad struct{ noGrad }

func (complexTanhGrad) CPU(p *Pool, dx Array, in []Array) {
	m := C.int64_t(dx.Shape[len(dx.Shape)-2])
	C.k_complex_tanh_grad(p.c, dx.ptr(), in[0].ptr(), in[1].ptr(), dx.rows()/m, m/2, dx.cols()/2)
}
