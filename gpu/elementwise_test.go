package gpu

import (
	"math"
	"strings"
	"testing"
)

var binaries = map[string]func(a, b float64) float64{
	"ADD": func(a, b float64) float64 { return a + b },
	"SUB": func(a, b float64) float64 { return a - b },
	"MUL": func(a, b float64) float64 { return a * b },
	"DIV": func(a, b float64) float64 { return a / b },
	"MAX": math.Max,
	"MIN": math.Min,
	"GT":  func(a, b float64) float64 { return choose(a > b, 1, 0) },
	"GE":  func(a, b float64) float64 { return choose(a >= b, 1, 0) },
	"EQ":  func(a, b float64) float64 { return choose(a == b, 1, 0) },
	"STEP": func(a, b float64) float64 {
		return choose(a > b, 1, choose(a == b, .5, 0))
	},
}

func choose(c bool, a, b float64) float64 {
	if c {
		return a
	}
	return b
}

// A unaryCase is a function, its derivative in terms of y or x, its constants, and what x is put through to lie where it is defined.
type unaryCase struct {
	f, slope func(v float64) float64
	ofY      bool
	p, q     float32
	domain   func(x float64) float64
}

func identity(x float64) float64 { return x }
func above0(x float64) float64   { return math.Abs(x) + .1 }
func sigmoid(x float64) float64  { return 1 / (1 + math.Exp(-x)) }
func phi(x float64) float64      { return math.Erfc(-x/math.Sqrt2) / 2 }
func density(x float64) float64  { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }
func tanhGELU(x float64) float64 { return 2 * math.Sqrt(2/math.Pi) * (x + .044715*x*x*x) }

var unaries = map[string]unaryCase{
	"AFFINE":  {func(x float64) float64 { return 1.5*x - .25 }, func(float64) float64 { return 1.5 }, false, 1.5, -.25, identity},
	"ABS":     {math.Abs, func(x float64) float64 { return choose(x > 0, 1, choose(x < 0, -1, 0)) }, false, 0, 0, identity},
	"EXP":     {math.Exp, identity, true, 0, 0, identity},
	"LOG":     {math.Log, func(x float64) float64 { return 1 / x }, false, 0, 0, above0},
	"SQRT":    {math.Sqrt, func(y float64) float64 { return .5 / y }, true, 0, 0, above0},
	"SQUARE":  {func(x float64) float64 { return x * x }, func(x float64) float64 { return 2 * x }, false, 0, 0, identity},
	"POW":     {func(x float64) float64 { return math.Pow(x, 2.5) }, func(x float64) float64 { return 2.5 * math.Pow(x, 1.5) }, false, 2.5, 0, above0},
	"TANH":    {math.Tanh, func(y float64) float64 { return 1 - y*y }, true, 0, 0, identity},
	"SIGMOID": {sigmoid, func(y float64) float64 { return y * (1 - y) }, true, 0, 0, identity},
	"RELU": {func(x float64) float64 { return max(x, 0) },
		func(y float64) float64 { return choose(y > 0, 1, 0) }, true, 0, 0, identity},
	"GELU": {func(x float64) float64 { return x * phi(x) }, func(x float64) float64 { return phi(x) + x*density(x) }, false, 0, 0, identity},
	"GELU_TANH": {func(x float64) float64 { return x * sigmoid(tanhGELU(x)) }, func(x float64) float64 {
		s := sigmoid(tanhGELU(x))
		return s + x*s*(1-s)*2*math.Sqrt(2/math.Pi)*(1+3*.044715*x*x)
	}, false, 0, 0, identity},
	"ELU": {func(x float64) float64 { return 2 * choose(x > 0, x, .5*math.Expm1(x)) },
		func(y float64) float64 { return choose(y > 0, 2, y+1) }, true, .5, 2, identity},
	"LEAKY_RELU": {func(x float64) float64 { return choose(x > 0, x, .125*x) },
		func(x float64) float64 { return choose(x > 0, 1, .125) }, false, .125, 0, identity},
	"SOFTPLUS": {func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, sigmoid, false, 0, 0, identity},
	"CLAMP": {func(x float64) float64 { return min(max(x, -.5), .75) }, func(x float64) float64 { return choose(x >= -.5 && x <= .75, 1, 0) },
		false, -.5, .75, identity},
	"SINH":     {math.Sinh, func(y float64) float64 { return math.Sqrt(1 + y*y) }, true, 0, 0, identity},
	"ASINH":    {math.Asinh, func(x float64) float64 { return 1 / math.Sqrt(1+x*x) }, false, 0, 0, identity},
	"IDENTITY": {identity, func(float64) float64 { return 1 }, false, 0, 0, identity},
}

// ops are the kernels of this device whose names begin so.
func ops(c *Context, prefix string) (names []string) {
	for name := range c.kernels {
		if op, ok := strings.CutPrefix(name, prefix); ok {
			names = append(names, op)
		}
	}
	return names
}

// walks are results of 2 to 4 axes whose operands are spread in several ways, as mergeAxes of model makes them.
var walks = map[string]Walk{
	"same shapes":   {1, [6]int64{1003}, [3][6]int64{{1}, {1}, {1}}},
	"a row":         {2, [6]int64{17, 31}, [3][6]int64{{31, 1}, {0, 1}, {0, 1}}},
	"a column":      {2, [6]int64{17, 31}, [3][6]int64{{1, 0}, {31, 1}, {1, 0}}},
	"both":          {2, [6]int64{13, 11}, [3][6]int64{{1, 0}, {0, 1}, {11, 1}}},
	"a number":      {1, [6]int64{300}, [3][6]int64{{0}, {1}, {0}}},
	"three axes":    {3, [6]int64{5, 7, 9}, [3][6]int64{{9, 0, 1}, {0, 9, 1}, {63, 9, 1}}},
	"all six":       {6, [6]int64{2, 3, 2, 3, 2, 3}, [3][6]int64{{54, 0, 9, 0, 3, 0}, {0, 12, 0, 4, 0, 1}, {108, 36, 18, 6, 3, 1}}},
	"one element":   {1, [6]int64{1}, [3][6]int64{{0}, {0}, {0}}},
	"many elements": {2, [6]int64{300, 257}, [3][6]int64{{257, 1}, {1, 0}, {0, 1}}},
}

// extent is how many elements operand o of w reaches over.
func (w *Walk) extent(o int) int {
	n := 1
	for k, d := range w.Dim[:w.Axes] {
		n += int((d - 1) * w.Move[o][k])
	}
	return n
}

// at is where operand o of element i stands, in the plain way.
func (w *Walk) at(o, i int) int {
	off := 0
	for k := int(w.Axes) - 1; k >= 0; k-- {
		off += i % int(w.Dim[k]) * int(w.Move[o][k])
		i /= int(w.Dim[k])
	}
	return off
}

func TestBinary(t *testing.T) {
	for _, op := range ops(sharedContext(t), "binary_") {
		f, ok := binaries[op]
		if !ok {
			t.Errorf("no reference for binary_%s", op)
			continue
		}
		for name, w := range walks {
			if op != "ADD" && name != "same shapes" && name != "both" { // walks are the same code for all
				continue
			}
			rng := seeded(1)
			a, b := normal(rng, w.extent(0)), normal(rng, w.extent(1))
			if len(a) > 2 && len(b) > 2 {
				a[1], b[1] = 2, 2
				a[2] = float32(math.NaN())
			}
			got := inOrders(t, func(r *rig) []float32 {
				y := r.room(w.Len())
				must(t, r.s.Binary(op, y, r.put(a), r.put(b), w))
				return r.get(y, w.Len())
			})
			want := make([]float64, w.Len())
			for i := range want {
				want[i] = f(float64(a[w.at(0, i)]), float64(b[w.at(1, i)]))
			}
			near(t, op+" of "+name, got, want, 0, 2e-7)
		}
	}
}

// A result may take the place of an operand.
func TestBinaryInPlace(t *testing.T) {
	w := walks["a row"]
	a, b := normal(seeded(2), w.extent(0)), normal(seeded(3), w.extent(1))
	got := inOrders(t, func(r *rig) []float32 {
		y := r.put(a)
		must(t, r.s.Binary("SUB", y, y, r.put(b), w))
		return r.get(y, w.Len())
	})
	want := make([]float64, w.Len())
	for i := range want {
		want[i] = float64(a[i] - b[w.at(1, i)])
	}
	near(t, "a − b over a", got, want, 0, 0)
}

func TestUnary(t *testing.T) {
	const n = 777
	for _, op := range ops(sharedContext(t), "unary_") {
		op, grad := strings.CutPrefix(op, "grad_")
		if !grad {
			continue // with its gradient
		}
		c, ok := unaries[op]
		if !ok {
			t.Errorf("no reference for unary_%s", op)
			continue
		}
		rng := seeded(4)
		x, dy := normal(rng, n), normal(rng, n)
		x[0], x[1], x[2] = 0, 8, -8
		for i := range x {
			x[i] = float32(c.domain(float64(x[i])))
		}
		got := inOrders(t, func(r *rig) []float32 {
			y, dx, px := r.room(n), r.room(n), r.put(x)
			must(t, r.s.Unary(op, y, px, c.p, c.q, n))
			v := px
			if c.ofY {
				v = y
			}
			must(t, r.s.UnaryGrad(op, dx, v, r.put(dy), c.p, c.q, n))
			return append(r.get(y, n), r.get(dx, n)...)
		})
		want, slopes := make([]float64, n), make([]float64, n)
		for i := range x {
			want[i] = c.f(float64(x[i]))
			v := float64(x[i])
			if c.ofY {
				v = float64(got[i])
			}
			slopes[i] = float64(dy[i]) * c.slope(v)
		}
		near(t, op, got[:n], want, 1e-7, 2e-6) // 12 ulp of vecmath.h are 1.4e-6
		near(t, "gradient of "+op, got[n:], slopes, 2e-6, 2e-6)
	}
}

func TestBiasUnary(t *testing.T) {
	const rows, cols = 37, 29
	for _, op := range ops(sharedContext(t), "bias_") {
		c := unaries[op]
		one := func(x float64) float64 { // the functions whose constants are 1 here
			switch op {
			case "AFFINE":
				return x + 1
			case "POW", "LEAKY_RELU":
				return x
			case "ELU":
				return choose(x > 0, x, math.Expm1(x))
			case "CLAMP":
				return choose(x < 1, 1, choose(x > 1, 1, x))
			}
			return c.f(x)
		}
		rng := seeded(5)
		y, b := normal(rng, rows*cols), normal(rng, cols)
		for i := range y {
			y[i] = float32(c.domain(float64(y[i])))
		}
		for i := range b {
			b[i] = float32(c.domain(float64(b[i])))
		}
		got := inOrders(t, func(r *rig) []float32 {
			with, without := r.put(y), r.put(y)
			must(t, r.s.BiasUnary(op, with, r.put(b), rows, cols))
			must(t, r.s.BiasUnary(op, without, 0, rows, cols))
			return append(r.get(with, rows*cols), r.get(without, rows*cols)...)
		})
		want := make([]float64, 2*rows*cols)
		for i := range y {
			want[i] = one(float64(y[i] + b[i%cols]))
			want[rows*cols+i] = one(float64(y[i]))
		}
		near(t, "bias and "+op, got, want, 1e-7, 2e-6)
	}
}

func TestWhere(t *testing.T) {
	for name, w := range walks {
		rng := seeded(6)
		c, a, b := normal(rng, w.extent(0)), normal(rng, w.extent(1)), normal(rng, w.extent(2))
		for i := range c {
			if i%3 == 0 {
				c[i] = 0
			}
		}
		got := inOrders(t, func(r *rig) []float32 {
			y := r.room(w.Len())
			must(t, r.s.Where(y, r.put(c), r.put(a), r.put(b), w))
			return r.get(y, w.Len())
		})
		want := make([]float64, w.Len())
		for i := range want {
			want[i] = choose(c[w.at(0, i)] != 0, float64(a[w.at(1, i)]), float64(b[w.at(2, i)]))
		}
		near(t, name, got, want, 0, 0)
	}
}

// Offsets that 32 bits do not hold are computed in 64.
func TestWalkBeyond32Bits(t *testing.T) {
	for want, w := range map[bool]Walk{
		true:  {2, [6]int64{1 << 15, 1 << 15}, [3][6]int64{{1 << 15, 1}}},
		false: {2, [6]int64{1 << 2, 1 << 15}, [3][6]int64{{1 << 30, 1}}},
	} {
		if got := w.narrow(w.Len()); got != want {
			t.Errorf("%v: narrow is %v", w, got)
		}
	}
	w := walks["three axes"]
	a, b := normal(seeded(7), w.extent(0)), normal(seeded(8), w.extent(1))
	both := inOrders(t, func(r *rig) []float32 {
		narrow, wide, pa, pb := r.room(w.Len()), r.room(w.Len()), r.put(a), r.put(b)
		must(t, r.s.Binary("MUL", narrow, pa, pb, w))
		must(t, r.s.launch("binary_MUL", flat(w.Len()), wide, pa, pb, w, int64(w.Len()), int32(0)))
		return append(r.get(narrow, w.Len()), r.get(wide, w.Len())...)
	})
	for i, x := range both[:w.Len()] {
		if both[w.Len()+i] != x {
			t.Fatalf("element %d is %g with offsets of 32 bits and %g with 64", i, x, both[w.Len()+i])
		}
	}
}

func TestFillAndZero(t *testing.T) {
	const n = 70001 // more than one grid's width of a small launch
	got := inOrders(t, func(r *rig) []float32 {
		y := r.room(n)
		must(t, r.s.Fill(y, 2.5, n))
		must(t, r.s.Zero(y.Floats(n-2), 1))
		return r.get(y, n)
	})
	want := make([]float64, n)
	for i := range want {
		want[i] = 2.5
	}
	want[n-2] = 0
	near(t, "fill", got, want, 0, 0)
}
