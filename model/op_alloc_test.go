package model

import "testing"

// No op allocates when it runs, nor does any gradient.
func TestOpsDoNotAllocate(t *testing.T) {
	if testing.Short() {
		t.Skip("short: a sanitizer allocates on its own account")
	}
	for _, c := range opCases {
		g, ins, y := c.graph()
		loss := y.Reshape(1, y.Len()).MatMul(g.Const(1, y.Len(), 1))
		outs := []*Tensor{y}
		for i, x := range ins {
			if x.Type == F32 && c.noGradient == "" && (len(c.data) == 0 || i == 0) {
				outs = append(outs, g.Gradients(loss, x)...)
			}
		}
		r, err := testCPU(t).Compile(g.Plan(0, outs...), nil)
		must(t, err)
		for i, d := range c.inputs(1) {
			if _, used := r.(*cpuRunner).prog.place[ins[i]]; used {
				must(t, write(r, ins[i], d))
			}
		}
		if n := testing.AllocsPerRun(5, func() {
			if err := r.Run(); err != nil {
				t.Fatal(c.name, err)
			}
		}); n > 0 {
			t.Errorf("%s: a run allocates %g times", c.name, n)
		}
	}
}
