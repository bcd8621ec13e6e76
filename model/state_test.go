package model

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"deeprc/collective"
)

// resumed trains on n ranks, is interrupted before each of these updates, and goes on from the checkpoint's bytes.
func resumed(t *testing.T, n int, net Net, o TrainOptions, stops ...int) (params []float32, h *History) {
	t.Helper()
	var kept []byte
	for _, stop := range append(stops, -1) {
		before := kept
		err := collective.RunLocal(n, func(c collective.Comm) error {
			dev, err := CPU(1)
			if err != nil {
				return err
			}
			defer dev.Close()
			f, err := NewFit(dev, net, Shape{toyL, toyH, toyC, (o.Batch + n - 1) / n}, toy(true), o, 1)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			hooks := Hooks{Progress: func(step, _ int, _ float64) {
				if step == stop {
					cancel()
				}
			}}
			if before != nil {
				arrays, _, err := ReadSafetensors(bytes.NewReader(before), int64(len(before)))
				if err != nil {
					return err
				}
				if hooks.Resume, err = StateOf(f.Params, arrays); err != nil {
					return err
				}
			}
			if c.Rank() == 0 {
				hooks.Save = func(s *State) error {
					var b bytes.Buffer
					err := WriteSafetensors(&b, s.Arrays(f.Params), nil)
					kept = b.Bytes()
					return err
				}
			}
			hist, err := Train(ctx, c, f, toyTrain, toyVal, 1, hooks)
			if stop >= 0 && errors.Is(err, context.Canceled) {
				return nil
			}
			if c.Rank() == 0 {
				h, params = hist, make([]float32, f.Params.Words())
				err = errors.Join(err, f.GetParams(params))
			}
			return err
		})
		must(t, err)
	}
	return params, h
}

// However often it is interrupted, in an epoch, at its end or at a validation, a training ends with the same bits.
func TestResumedTrainingIsTheSame(t *testing.T) {
	o := toyOptions()
	o.Steps, o.ValEvery, o.ClipNorm, o.Patience, o.Schedule = 60, 7, 1, 3, "cosine"
	ranks, interruptions := []int{2, 1}, [][]int{{7, 9, 16}, {1}, {29, 58, 59}, {60}}
	if testing.Short() { // where it stops decides on numbers, not on memory
		ranks, interruptions = ranks[:1], interruptions[:1]
	}
	for name, net := range nets() {
		for _, n := range ranks {
			want, wantH := resumed(t, n, net, o)
			for _, stops := range interruptions {
				got, h := resumed(t, n, net, o, stops...)
				if !slices.Equal(got, want) || h.Best != wantH.Best || h.BestStep != wantH.BestStep || h.Steps != wantH.Steps || len(h.Records) != len(wantH.Records) {
					t.Errorf("%s, %d ranks, interrupted at %v: %d records, best %g at %d; without %d, %g at %d", name, n, stops,
						len(h.Records), h.Best, h.BestStep, len(wantH.Records), wantH.Best, wantH.BestStep)
				}
			}
		}
	}
}

func TestStateOfRefusesOtherNets(t *testing.T) {
	a, b := NewParams("a"), NewParams("b")
	for p, n := range map[*Params]int{a: 3, b: 4} {
		p.List = []*Param{{Name: "w", Shape: []int{n}}}
		p.Region.N = align
	}
	s := &State{Params: make([]float32, align), Moments: [2][]float32{make([]float32, align), make([]float32, align)}}
	if _, err := StateOf(a, s.Arrays(a)); err != nil {
		t.Fatal(err)
	}
	if _, err := StateOf(b, s.Arrays(a)); err == nil {
		t.Fatal("another shape was taken")
	}
	end := &State{Best: make([]float32, align), Finished: true}
	if got, err := StateOf(a, end.Arrays(a)); err != nil || got.Best == nil || got.Moments[0] != nil || len(end.Arrays(a)) != 4 {
		t.Fatalf("the end of a training: %v, %v", got, err)
	}
	end.Best = nil
	if _, err := StateOf(a, end.Arrays(a)); err == nil {
		t.Fatal("the end of a training without a best was taken")
	}
	if _, err := StateOf(a, s.Arrays(a)[1:]); err == nil {
		t.Fatal("a state without counters was taken")
	}
}

// A fit that only forecasts has the parameters of one that trains, at their places, and its forecasts, bit for bit, and no Program that trains.
func TestForecasterIsTheFit(t *testing.T) {
	ws := twoGroups{famN, famC, famX + famF, famS, famN - famL - famH + 1}
	for name, n := range families() {
		o := toyOptions()
		if name == "deepar" {
			o.Loss = "studentt"
		}
		sh := Shape{famL, famH, famC, 3}
		f, err := NewFit(testCPU(t), n, sh, famData(), o, 1)
		must(t, err)
		g, err := NewForecaster(testCPU(t), n, sh, famData(), o, 1)
		must(t, err)
		if g.step != nil || g.loss != nil || g.update != nil || g.grads != nil {
			t.Errorf("%s: what only forecasts has a Program that trains", name)
		}
		params := make([]float32, f.Params.Words())
		must(t, f.GetParams(params))
		if g.Params.Words() != len(params) || !slices.EqualFunc(f.Params.List, g.Params.List, func(a, b *Param) bool { return a.Name == b.Name && a.Off == b.Off }) ||
			!slices.EqualFunc(f.Params.Running, g.Params.Running, func(a, b *Param) bool { return a.Name == b.Name && a.Off == b.Off }) {
			t.Errorf("%s: other parameters", name)
			continue
		}
		must(t, g.SetParams(params))
		var casts [2][]float32
		for i, fit := range []*Fit{f, g} {
			casts[i] = make([]float32, 5*famC*famH)
			must(t, fit.Predict(casts[i], ws, 2, 5))
		}
		if !slices.Equal(casts[0], casts[1]) {
			t.Errorf("%s: other forecasts", name)
		}
	}
}
