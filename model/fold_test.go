package model

import (
	"fmt"
	"strings"
	"testing"
)

// foldedAt is the period of frequency top + 1 of T steps, and the rows of its image.
func foldedAt(T, top int) (period, rows int) {
	period = T / (top + 1)
	return period, (T + period - 1) / period
}

// convolvedFolded is the plain sum, of x (N, in, T), w (taps, taps, in, out) and b (out), unfolded: (N, k, out, T).
func convolvedFolded(N, in, out, T, half, k int, top []int64) func(a [][]float32) []float64 {
	taps := 2*half + 1
	return func(a [][]float32) []float64 {
		y := make([]float64, N*k*out*T)
		for q := range N * k {
			p, rows := foldedAt(T, int(top[q]))
			for o := range out {
				for t := range T {
					s := float64(a[2][o])
					for da := range taps {
						for db := range taps {
							r, c := t/p+da-half, t%p+db-half
							if r < 0 || r >= rows || c < 0 || c >= p || r*p+c >= T {
								continue
							}
							for i := range in {
								s += float64(a[1][((da*taps+db)*in+i)*out+o]) * float64(a[0][(q/k*in+i)*T+r*p+c])
							}
						}
					}
					y[(q*out+o)*T+t] = s
				}
			}
		}
		return y
	}
}

func foldCase(N, in, out, T, half int, top ...int64) opCase {
	taps, k := 2*half+1, len(top)/N
	return opCase{name: fmt.Sprintf("folded conv %d of %d, %d steps, %d taps, at %v", out, in, T, taps, top),
		shapes: [][]int{{N, in, T}, {taps, taps, in, out}, {out}, {N, k}}, at: top,
		build: func(a []*Tensor) *Tensor {
			f := Folding{a[3], T}
			return f.Unfold(f.Conv(f.Fold(a[0]), a[1], a[2]))
		},
		want: convolvedFolded(N, in, out, T, half, k, top)}
}

var foldCases = []opCase{
	foldCase(2, 2, 3, 11, 1, 0, 4, 1, 2), // periods 11, 2, 5, 3: shorter than a vector
	foldCase(1, 3, 4, 75, 2, 0, 1, 2),    // vectors, and what is left of lines
	foldCase(1, 2, 7, 64, 3, 1, 3, 31),   // periods of whole vectors, and narrower than the taps
	foldCase(2, 2, 1, 20, 0, 1, 9),       // of one tap
	{name: "folded twice", shapes: [][]int{{1, 2, 21}, {1, 2}}, at: []int64{1, 3}, build: func(a []*Tensor) *Tensor { // filled up in both
		f := Folding{a[1], 21}
		return f.Unfold(f.Fold(a[0]))
	}},
}

func TestTopK(t *testing.T) {
	g := &Graph{}
	x := g.Input(F32, 2, 5)
	table := g.Literal([]float32{0, 1, 2, 3, 4}, 5, 1)
	got := run(t, g, []*Tensor{x}, [][]float32{{3, 1, 3, 9, -1, 0, -2, -1, -5, -3}}, table.Embedding(x.TopK(3)), table.Embedding(x.Slice(0, 1, 2).TopK(2).repeatRows(2)))
	if s := fmt.Sprint(got); s != "[[3 0 2 0 2 1] [0 2 0 2]]" {
		t.Errorf("got %s", s)
	}
}

func TestFoldingChecks(t *testing.T) {
	g := &Graph{}
	x, top, w := g.Input(F32, 2, 3, 10), g.Input(I64, 2, 1), g.Input(F32, 4, 4, 3, 3)
	f := Folding{top, 10}
	for want, wrong := range map[string]func(){
		"fold: x [2 3 10], top [2 1], 11 steps": func() { Folding{top, 11}.Fold(x) },
		"fold: top [2 3 10] f32":                func() { Folding{x, 10}.Fold(x) },
		"folded conv: x [2 12 3], w [4 4 3 3]":  func() { f.Conv(f.Fold(x), w, nil) },
		"unfold: x [2 3 10]":                    func() { f.Unfold(x) },
		"top k: 11 of [2 3 10]":                 func() { x.TopK(11) },
	} {
		if err := Build(wrong); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want … %s …", err, want)
		}
	}
}
