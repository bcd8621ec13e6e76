package model

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
)

// Where the targets are moved and scaled, the distributions that a net forecasts which normalises its windows move and scale with them: location
// and quantiles by both, a deviation by the scale alone, also where a learned weight has become negative.
func TestNormalisedDistributionsFollowTheirWindows(t *testing.T) {
	const n, move, scale = 7, 5, 3
	ws := twoGroups{famN, famC, famX + famF, famS, famN - famL - famH + 1}
	nets := map[string]Net{}
	for _, name := range []string{"patchtst", "tsmixer", "tsmixerx", "itransformer", "timemixer"} {
		nets[name] = families()[name]
	}
	mean := *nets["patchtst"].(*PatchTST)
	mean.RevINLast, mean.RevINAffine = !mean.RevINLast, true
	nets["patchtst otherwise"] = &mean
	var last bool
	for _, name := range slices.Sorted(maps.Keys(nets)) {
		if key := ScalesBack(nets[name]); key == "" {
			t.Fatalf("%s does not normalise", name)
		}
		for _, loss := range []string{"normal", "studentt"} {
			for _, scaler := range []string{"identity", "standard"} {
				t.Run(fmt.Sprint(name, " ", loss, " ", scaler), func(t *testing.T) {
					o := toyOptions()
					o.Loss, o.Levels = loss, []float64{80}
					var casts [2][][]float32 // by columns: mean, 10 %, median, 90 %
					for i := range casts {
						d := famData()
						for k := range d.Past {
							if i == 1 {
								d.Past[k] = d.Past[k]*scale + move
							}
						}
						f, err := NewFit(testCPU(t), Scaled{nets[name], scaler}, Shape{famL, famH, famC, n}, d, o, 1)
						must(t, err)
						slab := make([]float32, f.Params.Words())
						must(t, f.GetParams(slab))
						for _, p := range f.Params.List {
							if strings.HasPrefix(p.Name, "revin.") {
								for k, v := range p.Of(slab) {
									p.Of(slab)[k] = .3 - 1.5*v
								}
							}
						}
						must(t, f.SetParams(slab))
						casts[i] = make([][]float32, 4)
						for k := range casts[i] {
							casts[i][k] = make([]float32, n*famC*famH)
						}
						must(t, f.PredictColumns(casts[i], ws, 0, n))
					}
					var worst float64
					for k := range casts[0] {
						for i, v := range casts[0][k] {
							got, want := float64(casts[1][k][i]), scale*float64(v)+move
							worst = max(worst, math.Abs(got-want)/(1+math.Abs(want)))
							if k == 0 {
								last = last || v != casts[0][0][0]
								lo, hi := casts[0][1][i], casts[0][3][i]
								if !(lo < v && v < hi) {
									t.Fatalf("step %d: the mean %g is not between the quantiles %g and %g", i, v, lo, hi)
								}
							}
						}
					}
					if !(worst < 1e-3) { // of the ε in the deviation
						t.Errorf("off by %.2g", worst)
					}
				})
			}
		}
	}
	if !last {
		t.Error("all forecasts are the same")
	}
}
