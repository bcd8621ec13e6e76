package model

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// debugOps reports whether $DEEPRC_DEBUG asks to check each op's result.
func debugOps() bool { return slices.Contains(strings.Split(os.Getenv("DEEPRC_DEBUG"), ","), "ops") }

// blind is an op that skips the elements of an input which are NaN, as missing targets are.
type blind interface{ blind() int }

// checkFinite is an error where a step made NaN or infinities out of inputs that
// have none. NaN in data, such as missing targets, is no error where the op lets it through.
func checkFinite(op Op, y Array, in []Array) error {
	if bad(y) == 0 {
		return nil
	}
	skip := -1
	if b, ok := op.(blind); ok {
		skip = b.blind()
	}
	var of []string
	for i, x := range in {
		if bad(x) > 0 && i != skip {
			return nil
		}
		if x.F != nil {
			of = append(of, summary(x))
		}
	}
	return fmt.Errorf("%d of %d values are NaN or infinite; inputs: %s", bad(y), len(y.F), strings.Join(of, "; "))
}

func bad(a Array) (n int) {
	for _, v := range a.F {
		if d := float64(v); math.IsNaN(d) || math.IsInf(d, 0) {
			n++
		}
	}
	return n
}

func summary(a Array) string {
	var s float64
	for _, v := range a.F {
		s += float64(v)
	}
	return fmt.Sprintf("%v min %g mean %.6g max %g", a.Shape, slices.Min(a.F), s/float64(len(a.F)), slices.Max(a.F))
}
