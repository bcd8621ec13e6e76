package model

import (
	"fmt"
	"math"
	"testing"
)

// attentionOf is softmax(scale·q·kᵀ + bias)·v by its definition, the same bias for all.
func attentionOf(N, Lq, Lk, d, dv int, scale float64, causal bool) func(in [][]float32) []float64 {
	return func(in [][]float32) []float64 {
		y := make([]float64, N*Lq*dv)
		for r := range N * Lq {
			n, i := r/Lq, r%Lq
			p, total := make([]float64, Lk), 0.
			for j := range p {
				var s float64
				for c := range d {
					s += scale * float64(in[0][r*d+c]) * float64(in[1][(n*Lk+j)*d+c])
				}
				if len(in) > 3 {
					s += float64(in[3][i*Lk+j])
				}
				if p[j] = math.Exp(s); causal && j > i {
					p[j] = 0
				}
				total += p[j]
			}
			for j := range p {
				for c := range dv {
					y[r*dv+c] += p[j] / total * float64(in[2][(n*Lk+j)*dv+c])
				}
			}
		}
		return y
	}
}

func attentionCase(N, Lq, Lk, d, dv int, bias, causal bool) opCase {
	c := opCase{name: fmt.Sprintf("attention of %d to %d, heads %d and %d, bias %t, causal %t", Lq, Lk, d, dv, bias, causal),
		shapes: [][]int{{N, 1, Lq, d}, {N, 1, Lk, d}, {N, 1, Lk, dv}}, want: attentionOf(N, Lq, Lk, d, dv, .4, causal),
		build: func(in []*Tensor) *Tensor { return in[0].Attention(in[1], in[2], append(in, nil)[3], .4, causal) }}
	if bias {
		c.shapes = append(c.shapes, []int{1, Lq, Lk})
	}
	return c
}

var attentionCases = []opCase{
	attentionCase(2, 3, 5, 2, 3, false, false),
	attentionCase(2, 9, 9, 4, 4, true, true),
	attentionCase(2, 101, 70, 3, 5, false, true), // several blocks of queries and keys
	attentionCase(1, 50, 131, 17, 16, true, false),
	{name: "attention with dropout", shapes: [][]int{{4, 1, 9, 3}, {4, 1, 7, 3}, {4, 1, 7, 2}, {9, 7}, {3}}, at: []int64{7, 11, 2},
		build: func(in []*Tensor) *Tensor {
			y, _ := dropped(in[:4:4], in[4], false)
			return y
		}},
}

func TestAttentionThatSeesNothing(t *testing.T) {
	g := &Graph{}
	q, k := g.Input(F32, 2, 3), g.Input(F32, 2, 3)
	y := q.Attention(k, k, g.Literal([]float32{masked, masked, 0, masked}, 2, 2), 1, false)
	d := g.Gradients(y.Reshape(1, 6).MatMul(g.Const(1, 6, 1)), q, k)
	got := run(t, g, []*Tensor{q, k}, [][]float32{{1, 2, 3, 4, 5, 6}, {.1, .2, .3, .4, .5, .6}}, y, d[0], d[1])
	for i, want := range [][]float32{{0, 0, 0, .1, .2, .3}, make([]float32, 6), {1, 1, 1, 0, 0, 0}} {
		same(t, fmt.Sprint(i), got[i], want, 1e-6, 1)
	}
}

// BenchmarkAttention is 8 heads of 32 windows, values and gradients, and the same by matmul and softmax, which the arena pays for.
func BenchmarkAttention(b *testing.B) {
	for _, s := range [][2]int{{24, 8}, {96, 16}, {96, 64}, {336, 64}} {
		for _, how := range []string{"one op", "one op and dropout", "matmul and softmax"} {
			g := &Graph{}
			L, d := s[0], s[1]
			q, k, v := g.Input(F32, 256, L, d), g.Input(F32, 256, L, d), g.Input(F32, 256, L, d)
			var y *Tensor
			switch how {
			case "one op":
				y = q.Attention(k, v, nil, .2, false)
			case "one op and dropout":
				y = q.attend(k, v, nil, .2, false, drop{.2, g.Input(I64, 3), 1, 32})
			default:
				y = q.MatMulT(k).Scale(.2).Softmax().MatMul(v)
			}
			out := append(g.Gradients(y.Reshape(1, y.Len()).MatMul(g.Const(1, y.Len(), 1)), q, k, v), y)
			p := g.Plan(0, out...)
			r, err := testCPU(b).Compile(p, nil)
			must(b, err)
			for _, x := range []*Tensor{q, k, v} {
				must(b, r.Write(x, make([]float32, x.Len())))
			}
			b.Run(fmt.Sprintf("of %d steps, heads of %d, %s", L, d, how), func(b *testing.B) {
				for b.Loop() {
					must(b, r.Run())
				}
				b.ReportMetric(float64(p.Arena)*4/(1<<20), "MiB")
			})
		}
	}
}

// dropped is attention whose weights fall, and the same by matmul, softmax and dropout; the windows are pairs along the first axis.
func dropped(in []*Tensor, state *Tensor, causal bool) (fused, composed *Tensor) {
	q, k, v := in[0], in[1], in[2]
	bias := append(in, nil)[3]
	windows := q.Shape[0] / 2
	fused = q.attend(k, v, bias, .4, causal, drop{.3, state, 5, windows})
	scores := q.MatMulT(k).Scale(.4)
	if bias != nil {
		scores = scores.Add(bias)
	}
	if causal {
		future := make([]float32, q.Shape[2]*k.Shape[2])
		for i := range future {
			if i%k.Shape[2] > i/k.Shape[2] {
				future[i] = -1e9
			}
		}
		scores = scores.Add(q.g.Literal(future, q.Shape[2], k.Shape[2]))
	}
	return fused, scores.Softmax().Dropout(.3, state, 5, 0, windows).MatMul(v)
}

// Values and gradients are those of the composition, of a whole batch and of a part of it, by blocks that begin at any element.
func TestAttentionDropout(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, c := range []struct {
			Lq, Lk, d, dv int
			bias, causal  bool
			first         int64
		}{{3, 5, 2, 3, false, false, 0}, {9, 9, 4, 4, true, true, 3}, {101, 70, 3, 5, false, true, 1 << 40}, {50, 131, 17, 16, true, false, 2}} {
			g := &Graph{}
			ins := []*Tensor{g.Input(F32, 4, 3, c.Lq, c.d), g.Input(F32, 4, 3, c.Lk, c.d), g.Input(F32, 4, 3, c.Lk, c.dv)}
			if c.bias {
				ins = append(ins, g.Input(F32, 1, c.Lq, c.Lk))
			}
			state := g.Input(I64, 3)
			fused, composed := dropped(ins, state, c.causal)
			r := opCase{shapes: [][]int{fused.Shape}}.inputs(9)[0]
			dout := g.Literal(r, len(r), 1)
			outs := []*Tensor{fused, composed}
			for _, x := range ins {
				for _, y := range []*Tensor{fused, composed} {
					outs = append(outs, g.Gradients(y.Reshape(1, y.Len()).MatMul(dout), x)...)
				}
			}
			var data [][]float32
			for i, x := range ins {
				data = append(data, opCase{shapes: [][]int{x.Shape}}.inputs(uint64(i))[0])
			}
			got := run(t, g, append(ins, state), append(data, []float32{7, 11, float32(c.first)}), outs...)
			for i := 0; i < len(got); i += 2 {
				same(t, fmt.Sprintf("%+v, array %d", c, i/2), got[i], got[i+1], 2e-5, largest(got[i+1]))
			}
		}
	})
}
