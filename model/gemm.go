package model

/*
#cgo CFLAGS: -O3 -Wall
#cgo linux LDFLAGS: -lm
#cgo noescape gemm
#cgo nocallback gemm
#include "gemm.h"
*/
import "C"

import "unsafe"

// gemm is y = a·b as o says.
func gemm(p *Pool, o *C.product, a, b, y []float32) { C.gemm(p.c, o, ptr(a), ptr(b), ptr(y)) }

func ptr(s []float32) *C.float { return (*C.float)(unsafe.SliceData(s)) }

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
