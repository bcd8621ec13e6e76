package model

import "fmt"

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
		given := map[*Tensor]string{}
		column := func(name string, shape ...int) *Tensor {
			if shape[1] == 0 {
				return nil
			}
			x := g.Input(F32, shape...)
			given[x] = name
			return x
		}
		b := Batch{Past: g.Input(F32, 1, 1, lookback), Horizon: horizon, Outputs: 1,
			Hist:   column("hist", 1, c.Hist, lookback),
			Future: column("future", 1, c.Future, lookback+horizon),
			Static: column("static", 1, c.Static)}
		y := n.Forward(NewScope(&g, NewParams("parameters")), b)
		read := map[string]bool{}
		for _, x := range g.Plan(0, y).Leaves {
			read[given[x]] = true
		}
		for _, name := range []string{"hist", "future", "static"} {
			for _, has := range given {
				if has == name && !read[name] {
					unread = append(unread, name)
				}
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return unread, nil
}
