package model

import (
	"math"
	"strings"
	"testing"
)

func TestSchedules(t *testing.T) {
	o := TrainOptions{LR: 1, Schedule: "step", StepSize: 10, Gamma: .5, LRMin: .1, LREpochs: map[int]float64{5: .3, 10: .01}}
	for _, c := range []struct {
		schedule        string
		i, total, epoch int
		want            float64
	}{
		{"constant", 77, 100, 3, 1}, {"step", 9, 100, 0, 1}, {"step", 10, 100, 0, .5}, {"step", 29, 100, 0, .25},
		{"halve", 0, 100, 0, 1}, {"halve", 50, 100, 2, .25}, {"cosine", 0, 100, 0, 1}, {"cosine", 50, 100, 0, .55}, {"cosine", 100, 100, 0, .1},
		{"epochs", 0, 100, 0, 1}, {"epochs", 0, 100, 3, 1}, {"epochs", 0, 100, 4, .3}, {"epochs", 0, 100, 9, .01},
	} {
		o.Schedule = c.schedule
		if got := o.rate(c.i, c.total, c.epoch); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: rate of update %d of %d in epoch %d is %g, want %g", c.schedule, c.i, c.total, c.epoch, got, c.want)
		}
	}
}

func TestDecaysAreSpreadOverTheTraining(t *testing.T) {
	o := TrainOptions{LR: 1, Schedule: "step", StepSize: 7, LRDecays: 3, Gamma: .5}
	for i, want := range map[int]float64{0: 1, 332: 1, 333: .5, 666: .25, 998: .25, 999: .125} { // step_size = 1000 // 3
		if got := o.rate(i, 1000, 0); got != want {
			t.Errorf("rate of update %d is %g, want %g", i, got, want)
		}
	}
}

func TestOptionsCheck(t *testing.T) {
	must(t, toyOptions().Check())
	for key, change := range map[string]func(*TrainOptions){
		"optimizer": func(o *TrainOptions) { o.Optimizer = "sgd" }, "loss": func(o *TrainOptions) { o.Loss = "l2" },
		"schedule": func(o *TrainOptions) { o.Schedule = "x" }, "lr": func(o *TrainOptions) { o.LR = 0 },
		"batch": func(o *TrainOptions) { o.Batch = 0 }, "epochs": func(o *TrainOptions) { o.Steps, o.Epochs = 0, -1 },
		"huber_delta": func(o *TrainOptions) { o.HuberDelta = 0 }, "step_size": func(o *TrainOptions) { o.StepSize = 0 },
		"gamma": func(o *TrainOptions) { o.Gamma = 2 }, "lr_min": func(o *TrainOptions) { o.LRMin = 1 },
		"weight_decay": func(o *TrainOptions) { o.WeightDecay = -1 }, "beta1": func(o *TrainOptions) { o.Beta1 = 1 },
		"beta2": func(o *TrainOptions) { o.Beta2 = -1 }, "eps": func(o *TrainOptions) { o.Eps = 0 },
		"val_every": func(o *TrainOptions) { o.ValEvery = -1 }, "patience": func(o *TrainOptions) { o.Patience = -1 },
		"num_lr_decays": func(o *TrainOptions) { o.LRDecays = 2 }, "clip_norm": func(o *TrainOptions) { o.ClipNorm = -1 },
		"lr_epochs": func(o *TrainOptions) { o.Schedule, o.LREpochs = "epochs", map[int]float64{3: -1} },
		"log_every": func(o *TrainOptions) { o.LogEvery = 0 },
	} {
		o := toyOptions()
		change(&o)
		if err := o.Check(); err == nil || !strings.HasPrefix(err.Error(), key) {
			t.Errorf("%s: got %v", key, err)
		}
	}
}
