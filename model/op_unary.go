package model

/*
#cgo noescape k_unary
#cgo nocallback k_unary
#cgo noescape k_unary_grad
#cgo nocallback k_unary_grad
#include "elementwise.h"
*/
import "C"

// Scale is s·x.
func (x *Tensor) Scale(s float32) *Tensor {
	if s == 1 {
		return x
	}
	return unary{C.K_AFFINE, s, 0}.of(x)
}

// Shift is x + c.
func (x *Tensor) Shift(c float32) *Tensor { return unary{C.K_AFFINE, 1, c}.of(x) }

// Neg is −x.
func (x *Tensor) Neg() *Tensor { return x.Scale(-1) }

// Abs is |x|; its slope at 0 is 0.
func (x *Tensor) Abs() *Tensor { return unary{kind: C.K_ABS}.of(x) }

// Exp is e^x.
func (x *Tensor) Exp() *Tensor { return unary{kind: C.K_EXP}.of(x) }

// Log is the natural logarithm of x.
func (x *Tensor) Log() *Tensor { return unary{kind: C.K_LOG}.of(x) }

// Sqrt is √x.
func (x *Tensor) Sqrt() *Tensor { return unary{kind: C.K_SQRT}.of(x) }

// Pow is x^p.
func (x *Tensor) Pow(p float32) *Tensor {
	switch p {
	case 1:
		return x
	case 2:
		return unary{kind: C.K_SQUARE}.of(x)
	case .5:
		return x.Sqrt()
	}
	return unary{kind: C.K_POW, p: p}.of(x)
}

// Tanh is the hyperbolic tangent of x.
func (x *Tensor) Tanh() *Tensor { return unary{kind: C.K_TANH}.of(x) }

// Sigmoid is 1 / (1 + e^−x).
func (x *Tensor) Sigmoid() *Tensor { return unary{kind: C.K_SIGMOID}.of(x) }

// ReLU is max(x, 0); its slope at 0 is 0.
func (x *Tensor) ReLU() *Tensor { return unary{kind: C.K_RELU}.of(x) }

// GELU is x·Φ(x), with the normal distribution function (Hendrycks and Gimpel 2016, eq. 1).
func (x *Tensor) GELU() *Tensor { return unary{kind: C.K_GELU}.of(x) }

// GELUTanh is the approximation of [Tensor.GELU] by tanh (ibid., §2).
func (x *Tensor) GELUTanh() *Tensor { return unary{kind: C.K_GELU_TANH}.of(x) }

// ELU is x above 0, else alpha·(e^x − 1) (Clevert et al. 2016, eq. 15).
func (x *Tensor) ELU(alpha float32) *Tensor { return unary{C.K_ELU, alpha, 1}.of(x) }

// SELU is [Tensor.ELU] with the constants that keep mean 0 and variance 1 (Klambauer et al. 2017, eq. 2 and §2).
func (x *Tensor) SELU() *Tensor { return unary{C.K_ELU, 1.6732632, 1.0507010}.of(x) }

// LeakyReLU is x above 0, else slope·x.
func (x *Tensor) LeakyReLU(slope float32) *Tensor { return unary{kind: C.K_LEAKY_RELU, p: slope}.of(x) }

// Softplus is ln(1 + e^x).
func (x *Tensor) Softplus() *Tensor { return unary{kind: C.K_SOFTPLUS}.of(x) }

// Sinh is the hyperbolic sine of x.
func (x *Tensor) Sinh() *Tensor { return unary{kind: C.K_SINH}.of(x) }

// Asinh is the inverse of the hyperbolic sine of x.
func (x *Tensor) Asinh() *Tensor { return unary{kind: C.K_ASINH}.of(x) }

// Clamp is x, but lo below lo and hi above hi, where its slope is 0.
func (x *Tensor) Clamp(lo, hi float32) *Tensor {
	if !(lo <= hi) {
		badBuild("clamp: from %g to %g", lo, hi)
	}
	return unary{C.K_CLAMP, lo, hi}.of(x)
}

// unary is a function of one value, one of UNARY_OPS in elementwise.h, and its constants.
type unary struct {
	kind C.int
	p, q float32
}

func (o unary) of(x *Tensor) *Tensor {
	wantF32("a function of one value", x)
	return x.g.add(o, x.Shape, x)
}

// slopeOfY reports whether the derivative is computed from y, not from x.
func (o unary) slopeOfY() bool {
	switch o.kind {
	case C.K_EXP, C.K_SQRT, C.K_TANH, C.K_SIGMOID, C.K_RELU, C.K_ELU, C.K_SINH:
		return true
	}
	return false
}

func (o unary) Grad(y, dy *Tensor) []*Tensor {
	switch {
	case o.kind == C.K_AFFINE:
		return []*Tensor{dy.Scale(o.p)}
	case o.slopeOfY():
		return []*Tensor{o.back(y, dy)}
	}
	return []*Tensor{o.back(y.in[0], dy)}
}

// back is dy times the derivative, where v is y or x as slopeOfY says.
func (o unary) back(v, dy *Tensor) *Tensor {
	return v.g.add(unaryGrad{unary: o}, dy.Shape, v, dy)
}

func (o unary) CPU(p *Pool, y Array, in []Array) {
	C.k_unary(p.c, o.kind, y.ptr(), in[0].ptr(), C.float(o.p), C.float(o.q), C.int64_t(len(y.F)))
}

type unaryGrad struct {
	noGrad
	unary unary
}

func (o unaryGrad) CPU(p *Pool, dx Array, in []Array) {
	C.k_unary_grad(p.c, o.unary.kind, dx.ptr(), in[0].ptr(), in[1].ptr(), C.float(o.unary.p), C.float(o.unary.q), C.int64_t(len(dx.F)))
}
