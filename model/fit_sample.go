package model

// A SampleForecaster also draws from the distribution that it forecasts.
type SampleForecaster interface {
	Forecaster
	// PredictSamples writes into dst[k] draw k, (n, C, H), of windows lo … lo+n−1. Draws of a net's paths are whole paths; of other nets
	// the steps are drawn each by itself. A draw depends on the seed, k and the window's number alone.
	PredictSamples(dst [][]float32, ws Windows, lo, n int) error
}

// Paths is how many paths the net draws of a window's channel, the most samples that it has; 0 where it draws none.
func Paths(n Net, o TrainOptions) int {
	if s, ok := n.(Sampler); ok {
		return s.Paths(o.loss())
	}
	return 0
}

// drawing is the Program that draws once from each of a batch's distributions.
type drawing struct {
	run              Runner
	params, state, y *Tensor // (B·C·H, K); {seed, draw, first window}; (B·C·H, 1)
	out              []float32
}

func (f *Fit) newDrawing() (d *drawing, err error) {
	d = &drawing{out: make([]float32, f.Batch*f.Channels*f.Horizon)}
	var g Graph
	var p *Program
	if err := Build(func() {
		d.params, d.state = g.Input(F32, len(d.out), f.Loss.Outputs()), g.Input(I64, 3)
		d.y = f.Loss.Sample(d.params, d.state, 0, f.Batch)
		p = g.Plan(0, d.y)
	}); err != nil {
		return nil, err
	}
	d.run, err = f.dev.Compile(p, nil)
	return d, err
}

// PredictSamples is as [SampleForecaster] says, of a net that draws at least len(dst) paths or whose loss is a distribution.
func (f *Fit) PredictSamples(dst [][]float32, ws Windows, lo, n int) error {
	if f.paths == 0 && f.draw == nil {
		var err error
		if f.draw, err = f.newDrawing(); err != nil {
			return err
		}
	}
	size := f.Channels * f.Horizon
	for i := 0; i < n; i += f.Batch {
		m := min(f.Batch, n-i)
		if err := f.cast(ws, lo+i, m); err != nil {
			return err
		}
		if f.paths > 0 {
			for k := range dst {
				for j := range m * size {
					dst[k][i*size+j] = f.out[j*f.paths+k]
				}
			}
			continue
		}
		if err := f.draw.run.Write(f.draw.params, f.out); err != nil {
			return err
		}
		for k := range dst {
			f.drawAt = [3]int64{int64(f.seed), int64(k), int64(lo + i)}
			if err := f.draw.run.WriteInts(f.draw.state, f.drawAt[:]); err != nil {
				return err
			}
			if err := f.draw.run.Run(); err != nil {
				return err
			}
			if err := f.draw.run.Read(f.draw.out, f.draw.y); err != nil {
				return err
			}
			copy(dst[k][i*size:], f.draw.out[:m*size])
		}
	}
	return nil
}
