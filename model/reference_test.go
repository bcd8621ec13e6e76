package model

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What is imported and exported again is what it was, name by name and bit for bit.
func TestReferenceWeightsThereAndBack(t *testing.T) {
	for _, file := range goldenNets {
		g := readGolden(t, file)
		r, ok := ReferenceOf(g.Kind)
		if !ok {
			continue
		}
		hist, future, static := g.arrays["input.hist"], g.arrays["input.futr"], g.arrays["input.stat"]
		lookback := g.Lookback
		if r.Program == "NeuralHydrology" { // what its nets read is known for the steps that they predict
			hist, future, lookback = Named{}, hist, g.Lookback-g.Horizon
		}
		per := 1                                             // column of the window for one of the reference
		if r.Program == "NeuralForecast" && g.Channels > 1 { // which has one for each channel
			per = g.Channels
		}
		columns := func(a Named) int {
			if a.Shape == nil {
				return 0
			}
			return a.Shape[1] * per
		}
		o := TrainOptions{Loss: strings.ToLower(g.Loss), Quantiles: g.Quantiles}
		if o.Loss == "distributionloss" {
			o.Loss = strings.ToLower(g.Distribution)
		}
		p, err := Parameters(g.net(t), Shape{lookback, g.Horizon, g.Channels, 1},
			Columns{Hist: columns(hist), Future: columns(future), Static: columns(static)}, o)
		must(t, err)
		ours, err := r.Import(g.net(t), p, g.checkpoint())
		must(t, err)
		theirs, err := r.Export(g.net(t), ours)
		must(t, err)
		want := slices.DeleteFunc(g.checkpoint(), func(a Named) bool {
			_, read := g.arrays["gradient."+a.Name]
			return !read && !strings.Contains(a.Name, ".running_") || !slices.ContainsFunc(slices.Concat(p.List, p.Running), func(q *Param) bool { return r.Name(g.net(t), q.Name) == a.Name }) &&
				slices.ContainsFunc(unread, func(c string) bool { _, ok := fits(c, a.Name); return ok })
		})
		slices.SortFunc(want, func(a, b Named) int { return strings.Compare(a.Name, b.Name) }) // weights and statistics
		if !slices.EqualFunc(theirs, want, sameArray) {
			t.Errorf("%s: other arrays than before", file)
		}
	}
}

// sameArray is equality of name, shape and bits, so that −0 is not 0, and a NaN is itself.
func sameArray(a, b Named) bool {
	if x, ok := a.Data.([]float32); ok {
		y, ok := b.Data.([]float32)
		same := func(p, q float32) bool { return math.Float32bits(p) == math.Float32bits(q) }
		return ok && a.Name == b.Name && slices.Equal(a.Shape, b.Shape) && slices.EqualFunc(x, y, same)
	}
	return reflect.DeepEqual(a, b)
}

// Every net that has a reference is held to it.
func TestReferencesAreTested(t *testing.T) {
	tested := map[string]bool{}
	for _, file := range goldenNets {
		tested[readGolden(t, file).Kind] = true
	}
	for net := range references {
		if _, err := NewNet(net); err != nil || !tested[net] {
			t.Errorf("%s: %v, tested: %v", net, err, tested[net])
		}
	}
}

func TestReferenceNames(t *testing.T) {
	n := &NHITS{Layers: 4}
	for ours, theirs := range map[string]string{"blocks.12.in.weight": "blocks.12.layers.0.weight", "blocks.0.hidden.3.bias": "blocks.0.layers.7.bias",
		"blocks.2.theta.weight": "blocks.2.layers.9.weight", "other": "other"} {
		if got := references["nhits"].Name(Scaled{n, "robust"}, ours); got != theirs {
			t.Errorf("%s is %s, want %s", ours, got, theirs)
		}
	}
}

func TestImportListsAllThatDoesNotFit(t *testing.T) {
	n := &MLP{Layers: 1, Hidden: 3}
	p, err := Parameters(n, Shape{4, 2, 1, 1}, Columns{Static: 1}, TrainOptions{Loss: "mse"})
	must(t, err)
	f := func(name string, shape ...int) Named { return Named{name, shape, make([]float32, length(shape))} }
	r, _ := ReferenceOf("mlp")
	good := []Named{f("mlp.0.weight", 3, 5), f("mlp.0.bias", 3), f("out.weight", 2, 3), f("out.bias", 2), f("loss.quantiles", 5)}
	if got, err := r.Import(n, p, good); err != nil || len(got) != 4 {
		t.Fatalf("%v, %v", got, err)
	}
	_, err = r.Import(n, p, []Named{f("mlp.0.weight", 3, 4), {"mlp.0.bias", []int{3}, make([]float64, 3)}, f("out.bias", 2), f("mlp.1.weight", 3, 3)})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"mlp.0.weight has shape [3 4], parameter mlp.0.weight here has [3 5]", "mlp.0.bias: its values are []float64", "out.weight is missing",
		"mlp.1.weight, of shape [3 3], is no parameter of this net"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
	if _, err := r.Import(Scaled{n, "revin"}, p, good); err == nil || !strings.Contains(err.Error(), "revin") {
		t.Errorf("revin: %v", err)
	}
}
