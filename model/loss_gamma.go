package model

// #include "loss.h"
import "C"

// What tests hold to other sources; cgo is not for test files.

func lnGamma(x float64) float64 { return float64(C.ln_gamma(C.double(x))) }
func digamma(x float64) float64 { return float64(C.digamma(C.double(x))) }

// logLikelihood is −ln of the density of y under the distribution of these parameters.
func logLikelihood(kind C.int, params []float32, y float64) float64 {
	return float64(C.likelihood(kind, ptr(params), C.double(y), nil))
}
