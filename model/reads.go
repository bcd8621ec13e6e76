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
		column := func(shape ...int) *Tensor {
			if shape[1] == 0 {
				return nil
			}
			return g.Input(F32, shape...)
		}
		b := Batch{Past: g.Input(F32, 1, 1, lookback), Horizon: horizon, Outputs: 1,
			Hist:   column(1, c.Hist, lookback),
			Future: column(1, c.Future, lookback+horizon),
			Static: column(1, c.Static)}
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
