package model

import (
	"math"
	"testing"

	"deeprc/collective"
)

// In the window's scale, the loss is that of forecasts and targets scaled by hand, and no unit of a series changes how a net learns.
func TestLossInTheWindowsScale(t *testing.T) {
	o := toyOptions()
	o.Loss = "mae"
	other := toy(true)
	for _, x := range [][]float32{other.Past, other.Target} {
		for i := range x {
			c := float64(i / toyN)
			x[i] = float32(math.Pow(8, c))*x[i] + float32(5*c)
		}
	}
	for _, scaler := range []string{"standard", "robust", "minmax"} {
		for _, scale := range []string{"series", "window"} {
			o.LossScale = scale
			var first, last [2]float64
			for k, d := range []Data{toy(true), other} {
				f, err := NewFit(testCPU(t), Scaled{&MLP{Layers: 1, Hidden: 8}, scaler}, Shape{toyL, toyH, toyC, o.Batch}, d, o, 1)
				must(t, err)
				want, steps := handLoss(t, f, d, scaler, scale == "window"), 30
				for i := range steps {
					last[k], err = f.Step(collective.Local(1)[0], toyTrain, Part{N: o.Batch, Pick: func(i int) int { return i }}, 1e-2)
					must(t, err)
					if i == 0 {
						first[k] = last[k]
					}
				}
				if math.Abs(first[k]-want) > 1e-5*want {
					t.Errorf("%s, %s: loss %g, want %g", scaler, scale, first[k], want)
				}
			}
			if same := near(last[0], last[1], 1e-2); same != (scale == "window") {
				t.Errorf("%s, %s: loss %g after %g, with the series in other units %g after %g", scaler, scale, last[0], first[0], last[1], first[1])
			}
		}
	}
}

// handLoss is the mean absolute error of f's forecasts of its first windows, in the window's scale or the series'.
func handLoss(t *testing.T, f *Fit, d Data, scaler string, scaled bool) float64 {
	t.Helper()
	y := make([]float32, f.Batch*toyC*toyH)
	must(t, f.Predict(y, toyTrain, 0, f.Batch))
	sum, count := 0., 0.
	for i := range f.Batch {
		for c := range toyC {
			from := c*toyN + i
			var v []float64
			for j := range toyL {
				if y := float64(d.Target[from+j]); y == y {
					v = append(v, y)
				}
			}
			shift, scale := scalerStats[scaler](v)
			for j := range toyH {
				p, a := float64(y[(i*toyC+c)*toyH+j]), float64(d.Target[from+toyL+j])
				if a != a {
					continue
				}
				if scaled {
					p, a = (p-shift)/(scale+scalerEps), (a-shift)/(scale+scalerEps)
				}
				sum += math.Abs(p - a)
				count++
			}
		}
	}
	return sum / count
}
