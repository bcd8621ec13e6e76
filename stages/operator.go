package stages

import (
	"fmt"
	"slices"
	"strings"

	"deeprc/collective"
	"deeprc/frame"
)

// Operator is one step of [[preprocess]]: a struct whose fields are its options.
type Operator interface {
	// Run makes a new table; in is the table that the step works on, nil where it reads one.
	// It does not release what it gets. Collective.
	Run(e *operatorEnv, in *frame.Table) (*frame.Table, error)
}

// operatorKind is an operator that [[preprocess]] knows.
type operatorKind struct {
	name  string
	doc   string
	reads bool // it needs no table
	make  func() Operator
}

var operatorKinds []operatorKind

// registerOperator adds an operator; S's fields have toml, default and doc tags.
func registerOperator[S any, P interface {
	*S
	Operator
}](name, doc string) {
	operatorKinds = append(operatorKinds, operatorKind{name: name, doc: doc, reads: strings.HasPrefix(name, "read_"), make: func() Operator { return P(new(S)) }})
}

// operatorNames lists the operators by name.
func operatorNames() (names []string) {
	for _, k := range operatorKinds {
		names = append(names, k.name)
	}
	slices.Sort(names)
	return names
}

func findOperator(name string) (operatorKind, bool) {
	i := slices.IndexFunc(operatorKinds, func(k operatorKind) bool { return k.name == name })
	if i < 0 {
		return operatorKind{}, false
	}
	return operatorKinds[i], true
}

// operatorEnv is what a step can use.
type operatorEnv struct {
	c      collective.Comm
	mem    *frame.Memory
	dir    string                  // the run's folder; "" where nothing is to be written
	tables map[string]*frame.Table // results that have a name
}

// table is a named result of an earlier step.
func (e *operatorEnv) table(name string) (*frame.Table, error) {
	t, ok := e.tables[name]
	if !ok {
		var names []string
		for n := range e.tables {
			names = append(names, n)
		}
		slices.Sort(names)
		return nil, fmt.Errorf("no earlier step's result is named %q (as = %q)%s", name, name, didYouMean(name, names))
	}
	return t, nil
}

// input is the table that a step works on; last is the result of the step before.
func (e *operatorEnv) input(s StepConfig, last *frame.Table) *frame.Table {
	if s.From != "" {
		return e.tables[s.From]
	}
	return last
}

// inputs are all tables that a step works on.
func (e *operatorEnv) inputs(s StepConfig, last *frame.Table) (in []*frame.Table) {
	if kind, _ := findOperator(s.Op); !kind.reads {
		in = append(in, e.input(s, last))
	}
	for _, name := range otherTables(s.Options) {
		in = append(in, e.tables[name])
	}
	return in
}

// replace puts tables in the place of those that they are copies of.
func (e *operatorEnv) replace(copies map[*frame.Table]*frame.Table) {
	for name, t := range e.tables {
		if to := copies[t]; to != nil {
			e.tables[name] = to
		}
	}
}

// once makes of an operator's result that is the same on every rank a table that has each row once, as all
// tables of steps do: so it counts, joins and is written as with one rank.
func (e *operatorEnv) once(t *frame.Table, err error) (*frame.Table, error) {
	if err != nil {
		return nil, err
	}
	defer t.Release()
	return frame.Distribute(e.c, t), nil
}

// other is a step that works on further tables.
type other interface{ otherTables() []string }

// otherTables are the names of the further tables that a step works on.
func otherTables(o Operator) []string {
	if o, ok := o.(other); ok {
		return o.otherTables()
	}
	return nil
}
