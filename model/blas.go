package model

/*
#cgo CFLAGS: -O3 -Wall
#cgo linux LDFLAGS: -ldl -lm
#cgo noescape blas_sgemm
#cgo nocallback blas_sgemm
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

// gemm is y = op(a)·op(b) + beta·y for row-major matrices; op transposes if its flag is set.
func gemm(ta, tb bool, a, b Array, beta float32, y Array) {
	m, n := int(y.rows()), int(y.cols())
	k := int(a.cols())
	if ta {
		k = int(a.rows())
	}
	if openBLAS().native {
		C.blas_sgemm(flag(ta), flag(tb), C.int(m), C.int(n), C.int(k), 1, a.ptr(), C.int(a.cols()),
			b.ptr(), C.int(b.cols()), C.float(beta), y.ptr(), C.int(n))
		return
	}
	gonum.Implementation{}.Sgemm(transpose(ta), transpose(tb), m, n, k, 1, a.F, int(a.cols()),
		b.F, int(b.cols()), beta, y.F, n)
}

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
