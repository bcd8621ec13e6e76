package model

import (
	"context"
	"slices"
	"testing"

	"deeprc/collective"
)

// Nets that mix the channels of a window learn several outputs a step, beside all columns that there are.
func TestMultivariateNetsForecastQuantiles(t *testing.T) {
	const steps = 60
	d := famData()
	ws := twoGroups{famN, famC, famX + famF, famS, famN - famL - famH + 1}
	for name, net := range map[string]Net{
		"tide":          families()["tide"],
		"tsmixer":       families()["tsmixer"],
		"tsmixerx":      families()["tsmixerx"],
		"itransformer":  families()["itransformer"],
		"timemixer":     families()["timemixer"],
		"timemixer max": &TimeMixer{Hidden: 8, FFHidden: 6, Layers: 1, Kernel: 25, Scales: 1, Window: 3, Pooling: "max"},
	} {
		must(t, CheckNet(net, famL, famH))
		o := toyOptions()
		o.Steps, o.ValEvery, o.Batch, o.LR, o.Loss, o.Quantiles = steps, steps, 20, 3e-3, "mqloss", []float64{.5, .1, .9}
		f, err := NewFit(testCPU(t), net, Shape{famL, famH, famC, o.Batch}, d, o, 1)
		must(t, err)
		h, err := Train(context.Background(), collective.Local(1)[0], f, ws, ws, 1, Hooks{})
		must(t, err)
		if first, last := h.Records[0].Loss, h.Records[steps-1].Loss; !(last < first) {
			t.Errorf("%s: the loss did not fall: %g at first, %g at last", name, first, last)
		}
	}
}

// A change of one channel's past changes the forecast of another one.
func TestMultivariateNetsMixChannels(t *testing.T) {
	ws := twoGroups{famN, famC, famX + famF, famS, famN - famL - famH + 1}
	for _, name := range []string{"tsmixer", "tsmixerx", "itransformer", "timemixer"} {
		var casts [2][]float32
		for i := range casts {
			d := famData()
			for t := range i * famL { // of the first channel
				d.Past[t] += float32(t % 3)
			}
			f, err := NewFit(testCPU(t), families()[name], Shape{famL, famH, famC, 1}, d, toyOptions(), 1)
			must(t, err)
			casts[i] = make([]float32, famC*famH)
			must(t, f.Predict(casts[i], ws, 0, 1))
		}
		if slices.Equal(casts[0][famH:], casts[1][famH:]) {
			t.Errorf("%s: the second channel's forecast is the same", name)
		}
	}
}

func TestMultivariateOptions(t *testing.T) {
	good := TimeMixer{Hidden: 8, FFHidden: 6, Layers: 1, Kernel: 25, Scales: 2, Window: 2, Pooling: "avg"}
	for want, change := range map[string]func(n *TimeMixer){
		"kernel = 24: must be odd":                                         func(n *TimeMixer) { n.Kernel = 24 },
		"scales = 4: a lookback of 12 has no step at the last of them":     func(n *TimeMixer) { n.Scales = 4 },
		"scales = 90000: a lookback of 12 has no step at the last of them": func(n *TimeMixer) { n.Scales = 90000 },
	} {
		n := good
		change(&n)
		if err := CheckNet(&n, 12, 4); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for want, n := range map[string]ITransformer{
		"heads = 9: more than hidden = 8":          {Hidden: 8, Heads: 9, Layers: 1, FFHidden: 1},
		"hidden/heads = 1024: must be at most 256": {Hidden: 1024, Heads: 1, Layers: 1, FFHidden: 1},
	} {
		if err := CheckNet(&n, 12, 4); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
