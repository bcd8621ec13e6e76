package model

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// heavy is a graph whose every op is cut over threads; but no single product is, which may change its last bits.
func heavy() (g *Graph, x, y *Tensor) {
	g = &Graph{}
	x = g.Input(F32, 64, 50, 40)
	h := x.Mul(x.Mean(1)).GELU() // (64, 50, 40)
	norm, _, _ := x.batchNormTrain(2, g.Const(1, 64), g.Const(1, 40), g.Const(1, 40), .1, &ranks{})
	s := h.MatMul(h.Transpose(1, 2)).Softmax().MatMul(h) // (64, 50, 40)
	y = Concat(0, s.Sum(0, 1).Reshape(40), s.PadReflect(1, 3, 3).Max(1).Sum(0).Reshape(40), s.Sum().Reshape(1), norm.Mul(x).Sum().Reshape(1),
		x.windowScale("robust", 40, nil).undo(h).MaxPool(3, 2, 1, true).AvgPool(4, 3, true).Sum().Reshape(1))
	return g, x, y
}

func runHeavy(threads, times int) (got []float32, err error) {
	dev, err := CPU(threads)
	if err != nil {
		return nil, err
	}
	defer dev.Close()
	g, x, y := heavy()
	d := g.Gradients(y, x)[0]
	r, err := dev.Compile(g.Plan(0, y, d), nil)
	if err != nil {
		return nil, err
	}
	in := make([]float32, x.Len())
	for i := range in {
		in[i] = float32(i%17)/17 - .4
	}
	if err := r.Write(x, in); err != nil {
		return nil, err
	}
	got = make([]float32, y.Len()+d.Len())
	for range times {
		if err := r.Run(); err != nil {
			return nil, err
		}
	}
	if err := r.Read(got, y); err != nil {
		return nil, err
	}
	return got, r.Read(got[y.Len():], d)
}

func TestThreadsDoNotChangeResults(t *testing.T) {
	want, err := runHeavy(1, 1)
	must(t, err)
	for _, threads := range []int{2, 3, 5} {
		got, err := runHeavy(threads, 3)
		must(t, err)
		if !slices.Equal(got, want) {
			i := 0
			for got[i] == want[i] {
				i++
			}
			t.Errorf("%d threads compute something else than one: value %d is %g, not %g", threads, i, got[i], want[i])
		}
	}
}

// Ranks in one process have pools of their own, which work at the same time.
func TestPoolsWorkAtOnce(t *testing.T) {
	want, err := runHeavy(1, 1)
	must(t, err)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			got, err := runHeavy(2, 5)
			if err == nil && !slices.Equal(got, want) {
				err = fmt.Errorf("pool %d computes something else than one thread", i)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// A product cut over threads is that of one thread, up to rounding.
func TestProductsCutOverThreads(t *testing.T) {
	for _, c := range []struct{ a, b []int }{
		{[]int{300, 70}, []int{70, 200}}, {[]int{70, 200}, []int{200, 330}}, {[]int{2, 128, 100}, []int{2, 100, 130}}, {[]int{33, 900}, []int{900, 33}},
	} {
		for _, flags := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
			turned := func(s []int, t bool) []int {
				s = slices.Clone(s)
				if n := len(s); t {
					s[n-1], s[n-2] = s[n-2], s[n-1]
				}
				return s
			}
			product := func(threads int) []float32 {
				dev, err := CPU(threads)
				must(t, err)
				defer dev.Close()
				g := &Graph{}
				a, b := g.Input(F32, turned(c.a, flags[0])...), g.Input(F32, turned(c.b, flags[1])...)
				y := a.matMul(b, flags[0], flags[1])
				r, err := dev.Compile(g.Plan(0, y), nil)
				must(t, err)
				for _, x := range []*Tensor{a, b} {
					d := make([]float32, x.Len())
					for i := range d {
						d[i] = float32(i*7%23)/23 - .5
					}
					must(t, r.Write(x, d))
				}
				must(t, r.Run())
				got := make([]float32, y.Len())
				must(t, r.Read(got, y))
				return got
			}
			want := product(1)
			for _, threads := range []int{2, 3, 6} {
				for i, v := range product(threads) {
					if d := v - want[i]; d > 1e-4 || d < -1e-4 || d != d {
						t.Fatalf("%v·%v %v on %d threads: value %d is %g, want %g", c.a, c.b, flags, threads, i, v, want[i])
					}
				}
			}
		}
	}
}

func TestCPURejects(t *testing.T) {
	if _, err := CPU(0); err == nil {
		t.Error("a device of no thread was opened")
	}
	t.Setenv("DEEPRC_ISA", "mmx")
	if _, err := CPU(1); err == nil {
		t.Error("DEEPRC_ISA=mmx was accepted")
	}
}
