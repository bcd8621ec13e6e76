package model

import (
	"fmt"
	"slices"
)

// Unread names the kinds of columns, hist, future or static, of which the data
// has some and on which the forecast of n does not depend: those that are not
// found on any way from the forecast back through its graph. An error tells why the net cannot be
// built for such columns.
func Unread(n Net, lookback, horizon int, c Columns) (unread []string, err error) {
	if c == (Columns{}) {
		return nil, nil
	}
	err = Build(func() {
		var g Graph
		b := standIn(&g, Shape{lookback, horizon, 1, 1}, c)
		b.Outputs = 1
		read := g.Plan(0, n.Forward(NewScope(&g, NewParams("parameters")), b)).Leaves
		for _, kind := range []struct {
			name    string
			columns *Tensor
		}{{"hist", b.Hist}, {"future", b.Future}, {"static", b.Static}} {
			if kind.columns != nil && !slices.Contains(read, kind.columns) {
				unread = append(unread, kind.name)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return unread, nil
}

// Parameters are those that n makes to forecast windows of that shape with such columns, trained as o says.
func Parameters(n Net, sh Shape, c Columns, o TrainOptions) (*Params, error) {
	p := NewParams("parameters")
	err := Build(func() {
		var g Graph
		b := standIn(&g, sh, c)
		b.Loss = o.loss()
		b.Outputs = b.Loss.Outputs()
		n.Forward(NewScope(&g, p), b)
	})
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return p, nil
}

// standIn is a batch of inputs that hold nothing.
func standIn(g *Graph, sh Shape, c Columns) Batch {
	column := func(shape ...int) *Tensor {
		if shape[1] == 0 {
			return nil
		}
		return g.Input(F32, shape...)
	}
	return Batch{Past: g.Input(F32, sh.Batch, sh.Channels, sh.Lookback), Horizon: sh.Horizon,
		Hist:   column(sh.Batch, c.Hist, sh.Lookback),
		Future: column(sh.Batch, c.Future, sh.Lookback+sh.Horizon),
		Static: column(sh.Batch, c.Static)}
}
