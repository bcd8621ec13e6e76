package model

/*
#cgo CFLAGS: -O3 -Wall
#cgo linux LDFLAGS: -ldl -lm
#cgo noescape blas_product
#cgo nocallback blas_product
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

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// blasLib is the matrix library of this process: OpenBLAS (or any library with
// CBLAS's C interface), opened at run time, else gonum's pure Go.
type blasLib struct {
	native bool
	name   string
	err    error // why there is no native one
}

// openBLAS looks for the library once a process. $DEEPRC_OPENBLAS names another
// file, or "none" for pure Go; a library named so that cannot be opened is an error.
var openBLAS = sync.OnceValue(func() blasLib {
	names := []string{"libopenblas.so.0", "libopenblas.so"}
	asked := os.Getenv("DEEPRC_OPENBLAS")
	if asked == "none" {
		return blasLib{name: "gonum BLAS (pure Go, as DEEPRC_OPENBLAS=none asks)"}
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
	return blasLib{name: "gonum BLAS (pure Go: libopenblas.so.0 not found)"}
})

// BLAS names the matrix library in use: "OpenBLAS 0.3.21", or gonum's pure Go
// and why. The error is that of a library asked for that cannot be opened.
func BLAS() (string, error) {
	lib := openBLAS()
	return lib.name, lib.err
}

// multiply is y = a·b as o says, by the native library or gonum's.
func multiply(p *Pool, o *C.product, a, b, y []float32) {
	if openBLAS().native {
		C.blas_product(p.c, o, ptr(a), ptr(b), ptr(y))
		return
	}
	m, n, k := int(o.m), int(o.n), int(o.k)
	lda, ldb := k, n
	if o.ta != 0 {
		lda = m
	}
	if o.tb != 0 {
		ldb = k
	}
	for i := range len(y) / (m * n) {
		ia, ib, left := 0, 0, i
		for d := int(o.batch.axes) - 1; d >= 0; d-- {
			at := left % int(o.batch.dim[d])
			left /= int(o.batch.dim[d])
			ia += at * int(o.batch.move[0][d])
			ib += at * int(o.batch.move[1][d])
		}
		gonum.Implementation{}.Sgemm(transpose(o.ta != 0), transpose(o.tb != 0), m, n, k, 1,
			a[ia*m*k:], lda, b[ib*k*n:], ldb, 0, y[i*m*n:], n)
	}
}

func ptr(s []float32) *C.float { return (*C.float)(unsafe.SliceData(s)) }

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

func transpose(t bool) blas.Transpose {
	if t {
		return blas.Trans
	}
	return blas.NoTrans
}
