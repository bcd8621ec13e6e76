package model

/*
#cgo linux LDFLAGS: -lpthread
#include "isa.h"
*/
import "C"

import (
	"fmt"
	"os"
	"slices"
)

// A Pool is the threads that kernels of one Device run on.
type Pool struct{ c *C.pool }

// newPool starts threads − 1 threads; whoever runs a kernel is one more.
func newPool(threads int) (*Pool, error) {
	if threads < 1 {
		return nil, fmt.Errorf("model: %d threads: must be at least 1", threads)
	}
	p := &Pool{C.pool_open(C.int(threads))}
	if p.c == nil {
		return nil, fmt.Errorf("model: the system does not give %d threads", threads)
	}
	return p, nil
}

func (p *Pool) close() {
	C.pool_close(p.c)
	p.c = nil
}

// isaNames are the versions that kernels are compiled in, worst first.
var isaNames = []string{"base", "avx2", "avx512"}

// ISA is the version of the kernels in use, "base", "avx2" or "avx512": the best that the processor has, or what
// $DEEPRC_ISA names; an error where it names none that there is.
func ISA() (string, error) {
	if name := os.Getenv("DEEPRC_ISA"); name != "" {
		level := slices.Index(isaNames, name)
		if level < 0 {
			return "", fmt.Errorf("model: DEEPRC_ISA=%s: want one of %v", name, isaNames)
		}
		if best := int(C.isa_best()); level > best {
			return "", fmt.Errorf("model: DEEPRC_ISA=%s: this processor has no more than %s", name, isaNames[best])
		}
		useISA(level)
	}
	return isaNames[C.isa_used()], nil
}

func useISA(level int) { C.isa_use(C.int(level)) }
func bestISA() int     { return int(C.isa_best()) }
