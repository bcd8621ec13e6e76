package model

// taken is the elements of the first input at these places, 0 where −1.
func taken(places func() []int) func(in [][]float32) []float64 {
	return func(in [][]float32) (y []float64) {
		for _, p := range places() {
			if p < 0 {
				y = append(y, 0)
			} else {
				y = append(y, float64(in[0][p]))
			}
		}
		return y
	}
}

// axis1 is the places of a (3, n, 2) when its middle axis is read at these indices.
func axis1(n int, at ...int) func() []int {
	return func() (places []int) {
		for o := range 3 {
			for _, k := range at {
				for i := range 2 {
					if k < 0 {
						places = append(places, -1)
					} else {
						places = append(places, (o*n+k)*2+i)
					}
				}
			}
		}
		return places
	}
}

func indexCase(name string, build func(x *Tensor) *Tensor, at ...int) opCase {
	return opCase{name: name, shapes: [][]int{{3, 5, 2}}, build: func(in []*Tensor) *Tensor { return build(in[0]) }, want: taken(axis1(5, at...)), perf: [][]int{{32, 336, 64}}}
}

var layoutCases = []opCase{
	indexCase("slice", func(x *Tensor) *Tensor { return x.Slice(1, 1, 4) }, 1, 2, 3),
	indexCase("slice by 2", func(x *Tensor) *Tensor { return x.SliceStep(-2, 0, 5, 2) }, 0, 2, 4),
	indexCase("flip", func(x *Tensor) *Tensor { return x.Flip(1) }, 4, 3, 2, 1, 0),
	indexCase("roll", func(x *Tensor) *Tensor { return x.Roll(1, 2) }, 3, 4, 0, 1, 2),
	indexCase("roll back", func(x *Tensor) *Tensor { return x.Roll(1, -1) }, 1, 2, 3, 4, 0),
	indexCase("pad", func(x *Tensor) *Tensor { return x.Pad(1, 2, 1) }, -1, -1, 0, 1, 2, 3, 4, -1),
	indexCase("pad replicate", func(x *Tensor) *Tensor { return x.PadReplicate(1, 1, 3) }, 0, 0, 1, 2, 3, 4, 4, 4, 4),
	indexCase("pad circular", func(x *Tensor) *Tensor { return x.PadCircular(1, 2, 3) }, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2),
	indexCase("pad reflect", func(x *Tensor) *Tensor { return x.PadReflect(1, 2, 4) }, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1, 0),
	{name: "slice of a view", shapes: [][]int{{6, 5}}, build: func(in []*Tensor) *Tensor { return in[0].Slice(0, 1, 5).Reshape(2, 10).Slice(0, 1, 2).Scale(2) },
		want: func(in [][]float32) (y []float64) {
			for _, v := range in[0][15:25] {
				y = append(y, 2*float64(v))
			}
			return y
		}},
	{name: "pad last", shapes: [][]int{{3, 4}}, build: func(in []*Tensor) *Tensor { return in[0].PadReflect(1, 1, 1).Flip(1) }},
	{name: "reshape", shapes: [][]int{{3, 8}}, build: func(in []*Tensor) *Tensor { return in[0].Reshape(6, 4).Scale(2) }},
	{name: "copy", shapes: [][]int{{9}}, build: func(in []*Tensor) *Tensor { return in[0].g.add(copyOp{}, in[0].Shape, in[0]) }, perf: [][]int{{224, 336}}},
	{name: "unsqueeze", shapes: [][]int{{3, 4}}, build: func(in []*Tensor) *Tensor { return in[0].Unsqueeze(1).Expand(3, 2, 4) }},
	{name: "transpose", shapes: [][]int{{19, 37}}, perf: [][]int{{32 * 7, 336}}, build: func(in []*Tensor) *Tensor { return in[0].Transpose(0, 1) }, want: taken(func() (p []int) {
		for i := range 19 * 37 {
			p = append(p, i%19*37+i/19)
		}
		return p
	})},
	{name: "permute batch", shapes: [][]int{{2, 3, 4, 5}}, build: func(in []*Tensor) *Tensor { return in[0].Permute(0, 2, 1, 3) }, want: taken(func() (p []int) {
		for i := range 120 { // y (2, 4, 3, 5)
			p = append(p, i/60*60+i/5%3*20+i/15%4*5+i%5)
		}
		return p
	})},
	{name: "permute all", shapes: [][]int{{2, 3, 4, 5}}, build: func(in []*Tensor) *Tensor { return in[0].Permute(3, 1, 0, 2) }, want: taken(func() (p []int) {
		for i := range 120 { // y (5, 3, 2, 4)
			p = append(p, i/4%2*60+i/8%3*20+i%4*5+i/24)
		}
		return p
	})},
	{name: "permute cyclic", shapes: [][]int{{3, 17, 4}}, build: func(in []*Tensor) *Tensor { return in[0].Permute(1, 2, 0) }},
	{name: "permute of ones", shapes: [][]int{{1, 3, 1, 4}}, build: func(in []*Tensor) *Tensor { return in[0].Permute(1, 0, 3, 2).Scale(2) }},
	{name: "concat", shapes: [][]int{{2, 1, 3}, {2, 4, 3}, {2, 2, 3}}, build: func(in []*Tensor) *Tensor { return Concat(1, in...) },
		want: func(in [][]float32) (y []float64) {
			for o := range 2 {
				for _, x := range in {
					for _, v := range x[o*len(x)/2:][:len(x)/2] {
						y = append(y, float64(v))
					}
				}
			}
			return y
		}},
	{name: "unfold", shapes: [][]int{{2, 7}}, perf: [][]int{{32 * 7, 336}}, build: func(in []*Tensor) *Tensor { return in[0].Unfold(3, 2) },
		want: taken(func() []int { return []int{0, 1, 2, 2, 3, 4, 4, 5, 6, 7, 8, 9, 9, 10, 11, 11, 12, 13} })},
	{name: "unfold with gaps", shapes: [][]int{{2, 1, 6}}, build: func(in []*Tensor) *Tensor { return in[0].Unfold(2, 3) },
		want: taken(func() []int { return []int{0, 1, 3, 4, 6, 7, 9, 10} })},
	{name: "embedding", shapes: [][]int{{4, 3}, {2, 3}}, at: []int64{3, 0, 3, 1, 1, 1}, build: func(in []*Tensor) *Tensor { return in[0].Embedding(in[1]) },
		want: taken(func() []int { return []int{9, 10, 11, 0, 1, 2, 9, 10, 11, 3, 4, 5, 3, 4, 5, 3, 4, 5} })},
	{name: "take along", shapes: [][]int{{2, 3, 2}, {2, 2, 2}}, at: []int64{2, 0, 2, 1, 1, 1, 0, 2}, build: func(in []*Tensor) *Tensor { return in[0].TakeAlong(1, in[1]) },
		want: taken(func() []int { return []int{4, 1, 4, 3, 8, 9, 6, 11} })},
	{name: "take rows", shapes: [][]int{{2, 3, 2}, {2, 2}}, at: []int64{2, 0, 1, 1}, build: func(in []*Tensor) *Tensor { return in[0].TakeRows(in[1]) },
		want: taken(func() []int { return []int{4, 5, 0, 1, 8, 9, 8, 9} })},
	{name: "scatter rows", shapes: [][]int{{2, 2, 2}, {2, 2}}, at: []int64{2, 0, 1, 3}, build: func(in []*Tensor) *Tensor { return in[0].ScatterRows(in[1], 4) },
		want: taken(func() []int { return []int{2, 3, -1, -1, 0, 1, -1, -1, -1, -1, 4, 5, -1, -1, 6, 7} })},
	{name: "scatter add", shapes: [][]int{{2, 3, 2}, {2, 3, 2}}, at: []int64{2, 0, 2, 3, 0, 0, 1, 1, 1, 0, 3, 2},
		build: func(in []*Tensor) *Tensor { return in[0].ScatterAdd(1, in[1], 4) },
		want: func(in [][]float32) []float64 {
			y := make([]float64, 16)
			for i, v := range in[0] {
				y[i/6*8+int(in[1][i])*2+i%2] += float64(v)
			}
			return y
		}},
}

// products is op(a)·op(b) for batches whose matrices in a and b are at these indices.
func products(m, n, k int, ta, tb bool, batch [][2]int) func(in [][]float32) []float64 {
	return func(in [][]float32) (y []float64) {
		for _, at := range batch {
			a, b := in[0][at[0]*m*k:], in[1][at[1]*k*n:]
			for i := range m * n {
				var s float64
				for l := range k {
					ia, ib := i/n*k+l, l*n+i%n
					if ta {
						ia = l*m + i/n
					}
					if tb {
						ib = i%n*k + l
					}
					s += float64(a[ia]) * float64(b[ib])
				}
				y = append(y, s)
			}
		}
		return y
	}
}

func matmulCase(name string, a, b []int, ta, tb bool, m, n, k int, batch ...[2]int) opCase {
	return opCase{name: name, shapes: [][]int{a, b}, want: products(m, n, k, ta, tb, batch), build: func(in []*Tensor) *Tensor { return in[0].matMul(in[1], ta, tb) }}
}

var matmulCases = []opCase{
	matmulCase("matmul", []int{3, 5}, []int{5, 4}, false, false, 3, 4, 5, [2]int{}).timed([]int{32 * 7, 336}, []int{336, 512}),
	matmulCase("matmul aT", []int{5, 3}, []int{5, 4}, true, false, 3, 4, 5, [2]int{}),
	matmulCase("matmul bT", []int{3, 5}, []int{4, 5}, false, true, 3, 4, 5, [2]int{}),
	matmulCase("matmul aT bT", []int{5, 3}, []int{4, 5}, true, true, 3, 4, 5, [2]int{}),
	matmulCase("matmul batch", []int{2, 3, 5}, []int{2, 5, 4}, false, false, 3, 4, 5, [2]int{0, 0}, [2]int{1, 1}).timed([]int{32 * 8, 96, 64}, []int{32 * 8, 64, 96}),
	matmulCase("matmul batch bT", []int{2, 3, 5}, []int{2, 4, 5}, false, true, 3, 4, 5, [2]int{0, 0}, [2]int{1, 1}),
	matmulCase("matmul batch aT bT", []int{2, 5, 3}, []int{2, 4, 5}, true, true, 3, 4, 5, [2]int{0, 0}, [2]int{1, 1}),
	matmulCase("matmul batch by one", []int{2, 3, 5}, []int{5, 4}, false, false, 3, 4, 5, [2]int{0, 0}, [2]int{1, 0}),
	matmulCase("matmul one by batch", []int{3, 5}, []int{2, 5, 4}, false, false, 3, 4, 5, [2]int{0, 0}, [2]int{0, 1}),
	matmulCase("matmul outer batch", []int{2, 1, 3, 5}, []int{2, 5, 4}, false, false, 3, 4, 5, [2]int{0, 0}, [2]int{0, 1}, [2]int{1, 0}, [2]int{1, 1}),
	matmulCase("matmul one by batch aT", []int{5, 3}, []int{2, 5, 4}, true, false, 3, 4, 5, [2]int{0, 0}, [2]int{0, 1}),
	linearCase("linear", Identity, true), linearCase("linear without bias", Identity, false), linearCase("linear tanh", Tanh, true),
	linearCase("linear sigmoid", Sigmoid, false), linearCase("linear gelu", GELU, true), linearCase("linear relu", ReLU, true),
}

// linearCase is x (2, 3, 5), w (4, 5), b (4).
func linearCase(name string, act Activation, bias bool) opCase {
	f := map[Activation]func(x *Tensor) *Tensor{Identity: func(x *Tensor) *Tensor { return x }, ReLU: (*Tensor).ReLU, Tanh: (*Tensor).Tanh, Sigmoid: (*Tensor).Sigmoid, GELU: (*Tensor).GELU}[act]
	c := opCase{name: name, shapes: [][]int{{2, 3, 5}, {4, 5}}, perf: [][]int{{32, 7, 336}, {512, 336}}}
	if bias {
		c.shapes, c.perf = append(c.shapes, []int{4}), append(c.perf, []int{512})
	}
	if act == ReLU {
		c.domain = positive
	}
	c.build = func(in []*Tensor) *Tensor {
		if bias {
			return in[0].Linear(in[1], in[2], act)
		}
		return in[0].Linear(in[1], nil, act)
	}
	// The reference is the same in steps of their own, which the other rows check.
	c.want = func(in [][]float32) (y []float64) {
		g := &Graph{}
		var ts []*Tensor
		for _, s := range c.shapes {
			ts = append(ts, g.Input(F32, s...))
		}
		z := ts[0].MatMul(ts[1].Transpose(0, 1))
		if bias {
			z = z.Add(ts[2])
		}
		out := f(z)
		dev, _ := CPU(1)
		defer dev.Close()
		r, err := dev.Compile(g.Plan(0, out), nil)
		for i, x := range ts {
			if err == nil {
				err = r.Write(x, in[i])
			}
		}
		if err == nil {
			err = r.Run()
		}
		if err != nil {
			panic(err)
		}
		got := make([]float32, out.Len())
		_ = r.Read(got, out)
		for _, v := range got {
			y = append(y, float64(v))
		}
		return y
	}
	return c
}
