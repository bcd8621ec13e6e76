package model

/*
#cgo CFLAGS: -O3 -Wall
#cgo linux LDFLAGS: -ldl -lm
#cgo noescape blas_product
#cgo nocallback blas_product
#cgo noescape gemm
#cgo nocallback gemm
#include <stdlib.h>
#include "blas.h"
*/
import "C"

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"unsafe"
)

// blasLib is the matrix library of this process: OpenBLAS (or any library with
// CBLAS's C interface), opened at run time, else none.
type blasLib struct {
	native bool
	name   string
	err    error // why there is no native one
}

// openBLAS looks for the library once a process. $DEEPRC_OPENBLAS names another
// file, or "none"; a library named so that cannot be opened is an error.
var openBLAS = sync.OnceValue(func() blasLib {
	names := []string{"libopenblas.so.0", "libopenblas.so"}
	asked := os.Getenv("DEEPRC_OPENBLAS")
	if asked == "none" {
		return blasLib{name: "no BLAS (DEEPRC_OPENBLAS=none)"}
	}
	if asked != "" {
		names = []string{asked}
	}
	var reason string
	for _, n := range names {
		path := C.CString(n)
		msg := C.blas_open(path)
		C.free(unsafe.Pointer(path))
		if msg == nil {
			name := "CBLAS " + n
			if cfg := strings.Fields(C.GoString(C.blas_config())); len(cfg) > 1 {
				name = cfg[0] + " " + cfg[1]
			}
			return blasLib{native: true, name: name}
		}
		reason = C.GoString(msg)
	}
	if asked != "" {
		return blasLib{err: fmt.Errorf("model: DEEPRC_OPENBLAS=%s cannot be used: %s", asked, reason)}
	}
	return blasLib{name: "no BLAS (libopenblas.so.0 not found)"}
})

// BLAS names the matrix library in use: "OpenBLAS 0.3.21", or that there
// is none and why. The error is that of a library asked for that cannot be opened.
func BLAS() (string, error) {
	lib := openBLAS()
	return lib.name, lib.err
}

// multiply is y = a·b as o says, by the native library, or by our own kernels where it is slower or missing.
func multiply(p *Pool, o *C.product, a, b, y []float32) {
	if openBLAS().native {
		C.blas_product(p.c, o, ptr(a), ptr(b), ptr(y))
	} else {
		gemm(p, o, a, b, y)
	}
}

// gemm is y = a·b as o says, by our own kernels.
func gemm(p *Pool, o *C.product, a, b, y []float32) { C.gemm(p.c, o, ptr(a), ptr(b), ptr(y)) }

func ptr(s []float32) *C.float { return (*C.float)(unsafe.SliceData(s)) }

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
