package model

import (
	"math"
	"testing"
)

// dropoutCases drop what word e mod 4 of counter {e/4, step, number} under key seed says, one element after the other.
var dropoutCases = []opCase{
	{name: "dropout", shapes: [][]int{{6, 301}, {3}}, at: []int64{1 << 33, 11, 2}, build: func(in []*Tensor) *Tensor { return in[0].Dropout(.3, in[1], 5, 0, 6) },
		want: dropped64(.3, 5, 1, 6, 301), perf: [][]int{{6, 32 * 96 * 512 / 6}, {3}}},
	{name: "dropout, time first", shapes: [][]int{{7, 6, 35}, {3}}, at: []int64{7, 11, 1 << 34}, build: func(in []*Tensor) *Tensor { return in[0].Dropout(.1, in[1], 1, 1, 3) },
		want: dropped64(.1, 1, 7, 3, 70)},
}

func dropped64(rate float64, number uint32, outer, windows, inner int) func(in [][]float32) []float64 {
	return func(in [][]float32) (y []float64) {
		seed, step, first := uint64(in[1][0]), uint32(in[1][1]), uint64(in[1][2])
		for i, x := range in[0] {
			o, w, j := i/inner/windows, i/inner%windows, i%inner
			e := ((first+uint64(w))*uint64(outer)+uint64(o))*uint64(inner) + uint64(j)
			word := philox([4]uint32{uint32(e / 4), uint32(e / 4 >> 32), step, number}, [2]uint32{uint32(seed), uint32(seed >> 32)})[e%4]
			v := float64(x) / (1 - rate)
			if float64(word) < math.Floor(float64(float32(rate))*(1<<32)) {
				v = 0
			}
			y = append(y, v)
		}
		return y
	}
}

// Known answers of Random123 (kat_vectors, "philox4x32 10").
func TestPhilox(t *testing.T) {
	const all = math.MaxUint32
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{all, all, all, all}, [2]uint32{all, all}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := philox(c.counter, c.key); got != c.want {
			t.Errorf("counter %x, key %x: %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

// Two parts of a batch drop what the whole does, whichever axis its windows run along, and the gradient falls where the value does.
func TestDropout(t *testing.T) {
	const rows, cols, rate = 6, 1001, .3 // a row is no multiple of the generator's four
	drop := func(first int64, n int) (y, dx []float32) {
		g := &Graph{}
		x, state := g.Input(F32, n, cols), g.Input(I64, 3)
		out := x.Dropout(rate, state, 5, 0, n)
		timeFirst := x.Reshape(n, 7, cols/7).Transpose(0, 1).Dropout(rate, state, 5, 1, n).Transpose(0, 1)
		out = out.Add(timeFirst.Reshape(n, cols)).Scale(.5) // the two agree
		d := g.Gradients(out, x)[0]
		r, err := testCPU(t).Compile(g.Plan(align, out, d), nil)
		must(t, err)
		ones := make([]float32, n*cols)
		for i := range ones {
			ones[i] = 1
		}
		must(t, r.Write(x, ones))
		must(t, r.WriteInts(state, []int64{7, 11, first}))
		must(t, r.Run())
		y, dx = make([]float32, n*cols), make([]float32, n*cols)
		must(t, r.Read(y, out))
		must(t, r.Read(dx, d))
		return y, dx
	}
	whole, dx := drop(0, rows)
	tail, _ := drop(2, rows-2)
	dropped := 0
	for i, v := range whole {
		if v == 0 {
			dropped++
		} else if v != float32(1/(1-float32(rate))) {
			t.Fatalf("element %d is %g", i, v)
		}
		if dx[i] != v {
			t.Fatalf("the gradient of element %d is %g, its value %g", i, dx[i], v)
		}
		if i >= 2*cols && tail[i-2*cols] != v {
			t.Fatalf("element %d is %g in the whole batch, %g in its last part", i, v, tail[i-2*cols])
		}
	}
	if got := float64(dropped) / rows / cols; math.Abs(got-rate) > .03 {
		t.Fatalf("%g of all elements fell, want %g", got, rate)
	}
}
