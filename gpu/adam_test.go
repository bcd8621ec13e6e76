package gpu

import (
	"fmt"
	"math"
	"testing"
)

func TestAdam(t *testing.T) {
	for name, o := range map[string]AdamOptions{
		"Adam":             {Beta1: .9, Beta2: .999, Eps: 1e-8},
		"L2":               {Beta1: .9, Beta2: .999, Eps: 1e-8, Decay: .1},
		"AdamW":            {Beta1: .9, Beta2: .99, Eps: 1e-6, Decay: .1, Decoupled: true},
		"AdamW, clipped":   {Beta1: .9, Beta2: .99, Eps: 1e-6, Decay: .1, Decoupled: true, Clip: .5},
		"Adam, below clip": {Beta1: .9, Beta2: .999, Eps: 1e-8, Clip: 1e9},
	} {
		for _, n := range []int{1, 1000, 9001} {
			const lr, count, steps = .01, 3, 3
			rng := seeded(14)
			p, g := normal(rng, n), normal(rng, n)
			zero := make([]float32, n)
			got := inOrders(t, func(r *rig) []float32 {
				pp, pm, pv, norm2, pcount, hyper := r.put(p), r.put(zero), r.put(zero), r.room(1), r.put([]float32{count}), r.room(3)
				pg := r.put(g)
				for step := 1; step <= steps; step++ {
					b1, b2 := math.Pow(float64(o.Beta1), float64(step)), math.Pow(float64(o.Beta2), float64(step))
					must(t, r.s.WriteFloats(hyper, []float32{lr, float32(1 - b1), float32(1 - b2)}))
					must(t, r.s.Adam(norm2, pp, pg, pm, pv, pcount, hyper, n, o))
				}
				return append(append(append(r.get(pp, n), r.get(pm, n)...), r.get(pv, n)...), r.get(norm2, 1)...)
			})
			want := make([]float64, 3*n+1)
			for i := range n {
				want[i] = float64(p[i])
			}
			norm2 := 0.
			for _, x := range g {
				norm2 += float64(x) / count * float64(x) / count
			}
			scale := 1.
			if o.Clip > 0 {
				scale = min(1, float64(o.Clip)/(math.Sqrt(norm2)+1e-6))
			}
			for step := 1; step <= steps; step++ {
				b1, b2 := float64(o.Beta1), float64(o.Beta2)
				for i := range n {
					p, m, v := &want[i], &want[n+i], &want[2*n+i]
					d := float64(g[i]) / count * scale
					if o.Decoupled {
						*p *= 1 - lr*float64(o.Decay)
					} else {
						d += float64(o.Decay) * *p
					}
					*m = b1**m + (1-b1)*d
					*v = b2**v + (1-b2)*d*d
					mh, vh := *m/(1-math.Pow(b1, float64(step))), *v/(1-math.Pow(b2, float64(step)))
					*p -= lr * mh / (math.Sqrt(vh) + float64(o.Eps))
				}
			}
			want[3*n] = norm2
			near(t, fmt.Sprint(name, " ", n), got, want, 1e-6, 2e-5)
		}
	}
}

// The parts of the sum of squares fit into the scratch memory and depend on the number of parameters alone.
func TestAdamParts(t *testing.T) {
	for _, n := range []int{1, 4096, 4097, 3_000_000, 1 << 31} {
		each := adamPart(n)
		if parts := ceil(n, each); each%threads != 0 || 4*parts > scratchBytes || parts > 1<<12 {
			t.Errorf("%d parameters: %d parts of %d", n, parts, each)
		}
	}
}
