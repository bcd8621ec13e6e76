package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Arrays are the parameters in slab, named prefix + name.
func (p *Params) Arrays(prefix string, slab []float32) []Named {
	var out []Named
	for _, q := range p.List {
		out = append(out, Named{prefix + q.Name, q.Shape, q.Of(slab)})
	}
	return out
}

// Fill copies the arrays named prefix + name into slab, laid out like Region,
// and leaves arrays of other prefixes alone. Every parameter must be there with
// its shape and as float32, and nothing else of that prefix; the error lists all that does not fit.
func (p *Params) Fill(slab []float32, prefix string, arrays []Named) error {
	filled, errs := map[string]bool{}, []error(nil)
	for _, a := range arrays {
		name, ok := strings.CutPrefix(a.Name, prefix)
		if !ok {
			continue
		}
		q := p.find(name)
		if q == nil {
			errs = append(errs, fmt.Errorf("model: the net has no parameter %q", name))
			continue
		}
		data, ok := a.Data.([]float32)
		if !ok || !slices.Equal(a.Shape, q.Shape) {
			errs = append(errs, fmt.Errorf("model: parameter %q has shape %v of float32, the file has %v of %T", name, q.Shape, a.Shape, a.Data))
		} else {
			copy(q.Of(slab), data)
		}
		filled[name] = true
	}
	for _, q := range p.List {
		if !filled[q.Name] {
			errs = append(errs, fmt.Errorf("model: parameter %q is missing in the file", q.Name))
		}
	}
	return errors.Join(errs...)
}
