package model

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"deeprc/collective"
)

// batchNet has a batch norm over rows of windows side by side, attention that drops weights, and a batch norm of channels in front of time.
type batchNet struct{ Hidden int }

func (n *batchNet) Forward(s *Scope, b Batch) *Tensor {
	B, C, L := b.Past.Shape[0], b.Past.Shape[1], b.Past.Last()
	// without a bias: see BatchNorm
	h := b.Past.Linear(s.In("in").Param("weight", Uniform(.2), n.Hidden, L), nil, Identity) // (B, C, hidden)
	h = BatchNorm(s.In("norm"), h.Reshape(B*C, n.Hidden), 1)
	h = s.Dropout(h.GELU(), 0, .1)
	h = h.Reshape(B, C, n.Hidden)
	h = h.Add(s.Attention(h, h, h, nil, .25, false, .1))
	h = BatchNorm(s.In("channels"), h, 1)
	return Dense(s.In("out"), Concat(2, h, b.Past.Slice(2, L-1, L)), b.Width(), Identity) // (B, C, H·K)
}

// batchOptions has a last batch of an epoch of one window: with several ranks, the parts of some are empty.
func batchOptions() TrainOptions {
	o := toyOptions()
	o.Batch, o.ValEvery = 50, 6 // 251 windows
	return o
}

func TestBatchNormTrainsAsOneRank(t *testing.T) {
	net, o := &batchNet{Hidden: 16}, batchOptions()
	want, params, fit := trainToy(t, 1, net, o, toy(true))
	if first, last := want.Records[0].Loss, want.Records[len(want.Records)-1].Val; !(last < first/2) {
		t.Errorf("the loss fell only from %g to %g", first, last)
	}
	buffers := params[fit.Params.Region.N:]
	for _, q := range fit.Params.Running {
		if v := q.Of(buffers); slices.Equal(v, q.Of(fit.Params.Initial(1)[fit.Params.Region.N:])) {
			t.Errorf("%s is as it was at first: %v", q.Name, v)
		}
	}
	for _, n := range []int{2, 3} {
		got, p, _ := trainToy(t, n, net, o, toy(true))
		worst := 0.
		if len(got.Records) != len(want.Records) {
			t.Fatalf("%d ranks: %d records, with one %d", n, len(got.Records), len(want.Records))
		}
		for i, r := range got.Records {
			if w := want.Records[i]; r.Val == r.Val && !near(w.Val, r.Val, 1e-4) || r.Loss == r.Loss && !near(w.Loss, r.Loss, 1e-4) {
				t.Fatalf("%d ranks: record %d is %+v, with one rank %+v", n, i, r, w)
			} else if r.Loss == r.Loss {
				worst = max(worst, math.Abs(r.Loss/w.Loss-1))
			}
		}
		t.Logf("%d ranks: losses at most %.1e apart", n, worst)
		same(t, "running statistics", p[fit.Params.Region.N:], buffers, 1e-4, largest(buffers))
	}
}

// The parameters left are those of the best validation, with the running statistics of then.
func TestBatchNormKeepsTheBest(t *testing.T) {
	o := batchOptions()
	o.LR, o.Steps, o.ValEvery, o.Patience = .3, 200, 3, 4
	h, _, f := trainToy(t, 1, &batchNet{Hidden: 8}, o, toy(false))
	if h.BestStep == h.Steps {
		t.Fatalf("the last of %d steps is the best", h.Steps)
	}
	v, err := f.MeanLoss(collective.Local(1)[0], toyVal)
	must(t, err)
	if v != h.Best {
		t.Fatalf("the parameters left give a validation loss of %g, the best was %g", v, h.Best)
	}
}

func TestBatchNormFiles(t *testing.T) {
	_, params, f := trainToy(t, 1, &batchNet{Hidden: 8}, batchOptions(), toy(false))
	arrays, names := f.Params.Arrays("m.", params), []string{}
	for _, a := range arrays {
		names = append(names, a.Name)
	}
	for _, name := range []string{"m.norm.weight", "m.norm.bias", "m.norm.running_mean", "m.norm.running_var", "m.channels.running_var"} {
		if !slices.Contains(names, name) {
			t.Errorf("no array %s among %v", name, names)
		}
	}
	again := make([]float32, len(params))
	must(t, f.Params.Fill(again, "m.", arrays))
	if !slices.Equal(again, params) {
		t.Error("what was read is not what was written")
	}
	if err := f.Params.Fill(again, "m.", arrays[:len(arrays)-1]); err == nil || !strings.Contains(err.Error(), "channels.running_var") {
		t.Errorf("a running statistic is missing: %v", err)
	}
}

// A communicator whose sums fail from the n-th on.
type failing struct {
	collective.Comm
	left *int
}

var errSum = errors.New("the cable is out")

func (c failing) AllReduce(b collective.Buf, op collective.Op) error {
	if *c.left--; *c.left < 0 {
		return errSum
	}
	return c.Comm.AllReduce(b, op)
}

// A sum within a step that fails on one rank ends training on all with its error, and no step is half made.
func TestBatchNormWhoseSumFails(t *testing.T) {
	for _, sums := range []int{0, 1, 3, 5, 6, 20} { // of a step: 4 forward, 2 backward, 1 of gradients
		errs := make([]error, 3)
		err := collective.RunLocal(3, func(c collective.Comm) error {
			dev, err := CPU(1)
			if err != nil {
				return err
			}
			defer dev.Close()
			o, by := batchOptions(), c
			if left := sums; c.Rank() == 1 {
				by = failing{c, &left}
			}
			f, err := NewFit(dev, &batchNet{Hidden: 8}, Shape{toyL, toyH, toyC, 17}, toy(false), o, 1)
			if err != nil {
				return err
			}
			_, errs[c.Rank()] = Train(context.Background(), by, f, toyTrain, toyVal, 1, Hooks{})
			if want := sums / 7; f.steps != want {
				t.Errorf("%d sums: rank %d made %d updates, want %d", sums, c.Rank(), f.steps, want)
			}
			return errs[c.Rank()]
		})
		if !errors.Is(err, errSum) || !errors.Is(errs[1], errSum) {
			t.Errorf("%d sums: %v; rank 1: %v", sums, err, errs[1])
		}
		for _, r := range []int{0, 2} {
			var of *collective.RankError
			if !errors.As(errs[r], &of) || of.Rank != 1 {
				t.Errorf("%d sums: rank %d ended with %v", sums, r, errs[r])
			}
		}
	}
}

// The gradient of a rank's loss with respect to another rank's values comes back by the same sum.
func TestRankSum(t *testing.T) {
	var sums, grads [3]float32
	must(t, collective.RunLocal(3, func(c collective.Comm) error {
		dev, err := CPU(1)
		if err != nil {
			return err
		}
		defer dev.Close()
		g := &Graph{}
		x := g.Input(F32, 1)
		y := (&ranks{c}).sum(x)
		d := g.Gradients(y.Scale(float32(c.Rank()+1)), x)[0] // Σ (rank + 1) = 6
		r, err := dev.Compile(g.Plan(align, y, d), nil)
		if err != nil {
			return err
		}
		n := c.Rank()
		return errors.Join(r.Write(x, []float32{float32(math.Pow(10, float64(n)))}), r.Run(), r.Read(sums[n:n+1], y), r.Read(grads[n:n+1], d))
	}))
	if want := [3]float32{111, 111, 111}; sums != want {
		t.Errorf("sums %v", sums)
	}
	if want := [3]float32{6, 6, 6}; grads != want {
		t.Errorf("gradients %v", grads)
	}
}
