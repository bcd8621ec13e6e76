package model

import (
	"errors"
	"maps"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"deeprc/collective"
)

// stridedWindows start stride steps apart.
type stridedWindows struct {
	plainWindows
	stride int
}

func (w stridedWindows) Len() int { return (w.n + w.stride - 1) / w.stride }
func (w stridedWindows) Offsets(dst []int64, i int) {
	w.plainWindows.Offsets(dst, i*w.stride)
}

// denseOLS solves the ridge normal equations of the explicit design matrix.
func denseOLS(d Data, ws Windows, fromLast bool) (w, b []float64, rows int) {
	var design, targets []float64
	at := make([]int64, toyC)
	for c := range toyC {
		for i := range ws.Len() {
			ws.Offsets(at, i)
			x := d.Past[at[c]:][:toyL]
			y := d.Target[at[c]+toyL:][:toyH]
			hole := false
			for _, v := range y {
				hole = hole || v != v
			}
			if hole {
				continue
			}
			var last float64
			if fromLast {
				last = float64(x[toyL-1])
			}
			for _, v := range x {
				design = append(design, float64(v)-last)
			}
			design = append(design, 1)
			for _, v := range y {
				targets = append(targets, float64(v)-last)
			}
			rows++
		}
	}
	a, y := mat.NewDense(rows, toyL+1, design), mat.NewDense(rows, toyH, targets)
	var g, r, x mat.Dense
	g.Mul(a.T(), a)
	r.Mul(a.T(), y)
	for i := range toyL {
		g.Set(i, i, g.At(i, i)+Ridge*float64(rows))
	}
	if err := x.Solve(&g, &r); err != nil {
		panic(err)
	}
	for h := range toyH {
		for l := range toyL {
			w = append(w, x.At(l, h))
		}
		b = append(b, x.At(toyL, h))
	}
	return w, b, rows
}

// affineNets are those of nets that have a closed form.
func affineNets() map[string]Net {
	all := nets()
	maps.DeleteFunc(all, func(_ string, n Net) bool { return !HasClosedForm(n) })
	return all
}

func TestOLSEqualsTheDenseSolution(t *testing.T) {
	for _, net := range affineNets() {
		form := net.(affine).closedForm()
		for _, holes := range []bool{false, true} {
			for _, stride := range []int{1, 2, 3, 23, 24, 25, 40} {
				d, ws := toy(holes), stridedWindows{plainWindows{3, 360, toyC, toyN}, stride}
				w, b, rows := denseOLS(d, ws, form.fromLast)
				for _, ranks := range []int{1, 2, 3} {
					err := collective.RunLocal(ranks, func(c collective.Comm) error {
						dev, err := CPU(1)
						if err != nil {
							return err
						}
						f, err := NewFit(dev, net, Shape{toyL, toyH, toyC, 8}, d, toyOptions(), 1)
						if err != nil {
							return err
						}
						n, err := f.OLS(c, net, ws)
						if err != nil {
							return err
						}
						if int(n) != rows {
							t.Errorf("%T, holes %v, stride %d, %d ranks: %d rows, want %d", net, holes, stride, ranks, n, rows)
						}
						slab := make([]float32, f.Params.Words())
						if err := f.GetParams(slab); err != nil {
							return err
						}
						for _, name := range form.weights {
							for i, v := range f.Params.find(name).Of(slab) {
								if math.Abs(float64(v)-w[i]) > 1e-4*(1+math.Abs(w[i])) {
									t.Fatalf("%T, holes %v, stride %d, %d ranks: %s[%d] is %g, want %g", net, holes, stride, ranks, name, i, v, w[i])
								}
							}
						}
						for i, v := range f.Params.find(form.bias).Of(slab) {
							if math.Abs(float64(v)-b[i]) > 1e-4 {
								t.Fatalf("%T: bias %d is %g, want %g", net, i, v, b[i])
							}
						}
						return nil
					})
					if err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}

// No training beats the closed form on its own windows.
func TestOLSIsTheMinimum(t *testing.T) {
	for name, net := range affineNets() {
		o := toyOptions()
		o.Steps, o.Schedule = 2000, "cosine"
		_, _, f := trainToy(t, 1, net, o, toy(true))
		c := collective.Local(1)[0]
		trained, err := f.MeanLoss(c, toyTrain)
		must(t, err)
		_, err = f.OLS(c, net, toyTrain)
		must(t, err)
		best, err := f.MeanLoss(c, toyTrain)
		must(t, err)
		// With holes the trained loss also counts the windows that least squares leaves out.
		if best > trained*1.2 || trained > best*1.2 {
			t.Errorf("%s: train loss %g after 2000 steps, %g by least squares", name, trained, best)
		}
	}
}

func TestOLSWithoutACompleteWindow(t *testing.T) {
	d := toy(true)
	for i := range d.Target {
		if i%5 == 0 {
			d.Target[i] = float32(math.NaN())
		}
	}
	dev, err := CPU(1)
	must(t, err)
	f, err := NewFit(dev, &NLinear{}, Shape{toyL, toyH, toyC, 8}, d, toyOptions(), 1)
	must(t, err)
	_, err = f.OLS(collective.Local(1)[0], &NLinear{}, toyTrain)
	var none *OLSError
	if !errors.As(err, &none) {
		t.Fatalf("got %v", err)
	}
}
