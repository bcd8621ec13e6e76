package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Arrays are what slab holds, parameters alone or buffers, too, named prefix + name.
func (p *Params) Arrays(prefix string, slab []float32) []Named {
	var out []Named
	p.each(slab, func(q *Param, values []float32) { out = append(out, Named{prefix + q.Name, q.Shape, values}) })
	return out
}

// Fill copies the arrays named prefix + name into slab, of parameters alone or of buffers, too,
// and leaves arrays of other prefixes alone. Every parameter must be there with
// its shape and as float32, and nothing else of that prefix; the error lists all that does not fit.
func (p *Params) Fill(slab []float32, prefix string, arrays []Named) error {
	type place struct {
		*Param
		values []float32
		filled bool
	}
	places, order, errs := map[string]*place{}, []*place(nil), []error(nil)
	p.each(slab, func(q *Param, values []float32) {
		places[q.Name] = &place{Param: q, values: values}
		order = append(order, places[q.Name])
	})
	for _, a := range arrays {
		name, ok := strings.CutPrefix(a.Name, prefix)
		if !ok {
			continue
		}
		q := places[name]
		if q == nil {
			errs = append(errs, fmt.Errorf("model: the net has no parameter %q", name))
			continue
		}
		data, ok := a.Data.([]float32)
		if !ok || !slices.Equal(a.Shape, q.Shape) {
			errs = append(errs, fmt.Errorf("model: parameter %q has shape %v of float32, the file has %v of %T", name, q.Shape, a.Shape, a.Data))
		} else {
			copy(q.values, data)
		}
		q.filled = true
	}
	for _, q := range order {
		if !q.filled {
			errs = append(errs, fmt.Errorf("model: parameter %q is missing in the file", q.Name))
		}
	}
	return errors.Join(errs...)
}
