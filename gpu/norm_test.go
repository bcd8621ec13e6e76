package gpu

import (
	"fmt"
	"math"
	"testing"
)

var normShapes = [][2]int{{1, 1}, {5, 7}, {9, 32}, {13, 100}, {3, 1024}, {2, 1025}, {2, 3000}}

func TestSoftmax(t *testing.T) {
	for _, shape := range normShapes {
		rows, n := shape[0], shape[1]
		rng := seeded(12)
		x, dy := normal(rng, rows*n), normal(rng, rows*n)
		x[0] = 90 // e^90 is beyond float32
		got := inOrders(t, func(r *rig) []float32 {
			px, pdy, y, dx, ly, ldx := r.put(x), r.put(dy), r.room(rows*n), r.room(rows*n), r.room(rows*n), r.room(rows*n)
			must(t, r.s.Softmax(y, px, rows, n))
			must(t, r.s.SoftmaxGrad(dx, y, pdy, rows, n))
			must(t, r.s.LogSoftmax(ly, px, rows, n))
			must(t, r.s.LogSoftmaxGrad(ldx, ly, pdy, rows, n))
			must(t, r.s.Softmax(px, px, rows, n)) // in place
			var all []float32
			for _, p := range []Ptr{y, dx, ly, ldx, px} {
				all = append(all, r.get(p, rows*n)...)
			}
			return all
		})
		want := make([]float64, 5*rows*n)
		y, dx, ly, ldx := want[:rows*n], want[rows*n:], want[2*rows*n:], want[3*rows*n:]
		for r := range rows {
			top, sum, dot, sdy := math.Inf(-1), 0., 0., 0.
			for j := range n {
				top = max(top, float64(x[r*n+j]))
			}
			for j := range n {
				sum += math.Exp(float64(x[r*n+j]) - top)
			}
			for j := range n {
				i := r*n + j
				ly[i] = float64(x[i]) - top - math.Log(sum)
				y[i] = math.Exp(ly[i])
				dot += y[i] * float64(dy[i])
				sdy += float64(dy[i])
			}
			for j := range n {
				i := r*n + j
				dx[i] = y[i] * (float64(dy[i]) - dot)
				ldx[i] = float64(dy[i]) - y[i]*sdy
			}
		}
		copy(want[4*rows*n:], y)
		near(t, fmt.Sprint("softmax ", shape), got, want, 1e-6, 1e-5)
	}
}

func TestLayerNorm(t *testing.T) {
	const eps = 1e-5
	for _, shape := range normShapes {
		rows, n := shape[0], shape[1]
		rng := seeded(13)
		x, dy, w, b := normal(rng, rows*n), normal(rng, rows*n), normal(rng, n), normal(rng, n)
		for i := range x {
			x[i] += 3
		}
		got := inOrders(t, func(r *rig) []float32 {
			px, pdy, pw, stats := r.put(x), r.put(dy), r.put(w), r.room(2*rows)
			outs := []Ptr{r.room(rows * n), r.room(rows * n), r.room(rows * n), r.room(rows * n)}
			must(t, r.s.Moments(stats, px, eps, rows, n))
			must(t, r.s.LayerNorm(outs[0], px, stats, pw, r.put(b), rows, n))
			must(t, r.s.LayerNormGrad(outs[1], px, stats, pw, pdy, rows, n))
			must(t, r.s.LayerNorm(outs[2], px, stats, 0, 0, rows, n))
			must(t, r.s.LayerNormGrad(outs[3], px, stats, 0, pdy, rows, n))
			var all []float32
			for _, p := range outs {
				all = append(all, r.get(p, rows*n)...)
			}
			return all
		})
		want := make([]float64, 4*rows*n)
		for r := range rows {
			mean, variance := 0., 0.
			for j := range n {
				mean += float64(x[r*n+j]) / float64(n)
			}
			for j := range n {
				d := float64(x[r*n+j]) - mean
				variance += d * d / float64(n)
			}
			scale := 1 / math.Sqrt(variance+eps)
			for part, weights := range [][]float32{w, nil} {
				at := func(j int) float64 {
					if weights == nil {
						return 1
					}
					return float64(weights[j])
				}
				y, dx := want[2*part*rows*n:], want[(2*part+1)*rows*n:]
				sg, sx := 0., 0.
				for j := range n {
					i := r*n + j
					y[i] = (float64(x[i]) - mean) * scale * at(j)
					if weights != nil {
						y[i] += float64(b[j])
					}
					g := float64(dy[i]) * at(j)
					sg += g / float64(n)
					sx += g * (float64(x[i]) - mean) * scale / float64(n)
				}
				for j := range n {
					i := r*n + j
					dx[i] = scale * (float64(dy[i])*at(j) - sg - (float64(x[i])-mean)*scale*sx)
				}
			}
		}
		if n == 1 { // y is b, whatever rounding leaves of x − mean
			for r := range rows {
				want[rows*n+r], want[3*rows*n+r] = 0, 0
			}
		}
		near(t, fmt.Sprint("layer norm ", shape), got, want, 1e-5, 1e-5)
	}
}
