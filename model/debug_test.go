package model

import (
	"math"
	"strings"
	"testing"
)

func TestDebugOpsNamesTheFirstOpThatFails(t *testing.T) {
	t.Setenv("DEEPRC_DEBUG", "comm,ops")
	g := &Graph{}
	x := g.Input(F32, 3)
	y := x.Scale(2).Log().Scale(3)
	r, err := testCPU(t).Compile(g.Plan(0, y), nil)
	must(t, err)
	must(t, r.Write(x, []float32{1, float32(math.NaN()), 2})) // missing data
	must(t, r.Run())
	must(t, r.Write(x, []float32{1, -1, 2}))
	err = r.Run()
	if err == nil || !strings.Contains(err.Error(), "step 2 of 3") || !strings.Contains(err.Error(), "1 of 3 values") ||
		!strings.Contains(err.Error(), "[3] min -2 mean 1.33333 max 4") {
		t.Fatalf("got %v", err)
	}
}
