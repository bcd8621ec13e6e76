package frame

import (
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/expr-lang/expr/ast"

	"deeprc/collective"
)

// A rowFilter is an expression (see [Expr]) that says which rows a reader keeps. Nil keeps all.
type rowFilter struct {
	text    string
	tree    ast.Node
	columns []string // that it looks at
	shifts  bool     // it looks at other rows
}

// newRowFilter parses an expression, which may be empty.
func newRowFilter(text string) (*rowFilter, error) {
	if text == "" {
		return nil, nil
	}
	tree, err := parseExpr(text)
	if err != nil {
		return nil, err
	}
	f := &rowFilter{text: text, tree: tree}
	f.look(tree)
	return f, nil
}

// look notes what n looks at.
func (f *rowFilter) look(n ast.Node) {
	if name, ok := columnName(n); ok {
		if x, ok := n.(*ast.IdentifierNode); (!ok || x.Value != "null") && !slices.Contains(f.columns, name) {
			f.columns = append(f.columns, name)
		}
		return
	}
	var parts []ast.Node
	switch n := n.(type) {
	case *ast.UnaryNode:
		parts = []ast.Node{n.Node}
	case *ast.BinaryNode:
		parts = []ast.Node{n.Left, n.Right}
	case *ast.ConditionalNode:
		parts = []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.ArrayNode:
		parts = n.Nodes
	case *ast.BuiltinNode:
		parts = n.Arguments
	case *ast.CallNode:
		if name, ok := n.Callee.(*ast.IdentifierNode); ok {
			f.shifts = f.shifts || name.Value == "lag" || name.Value == "lead"
		}
		parts = n.Arguments
	}
	for _, p := range parts {
		f.look(p)
	}
}

// columnName is the column that n is, as x or col("x").
func columnName(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value, true
	case *ast.CallNode:
		f, ok := n.Callee.(*ast.IdentifierNode)
		if ok && f.Value == "col" && len(n.Arguments) == 1 {
			s, ok := n.Arguments[0].(*ast.StringNode)
			if ok {
				return s.Value, true
			}
		}
	}
	return "", false
}

// reads is the columns to read where some are wanted, none meaning all.
func (f *rowFilter) reads(wanted []string) []string {
	if f == nil || len(wanted) == 0 {
		return wanted
	}
	out := slices.Clone(wanted)
	for _, n := range f.columns {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// check is an error where f is no expression of type bool over columns of which schema has all.
func (f *rowFilter) check(schema *arrow.Schema) error {
	if f == nil {
		return nil
	}
	x, err := Compile(f.text, schema)
	if err == nil && x.Type().ID() != arrow.BOOL {
		err = fmt.Errorf("frame: where: %s is %s, not a bool", quote(f.text), x.root.what())
	}
	return err
}

// predicates are comparisons of columns in schema with constants that hold in every row that f keeps: those
// that its topmost ands join. There are none where it looks at other rows, since these are needed, too.
func (f *rowFilter) predicates(schema *arrow.Schema) []Predicate {
	if f == nil || f.shifts {
		return nil
	}
	var out []Predicate
	var take func(n ast.Node)
	take = func(n ast.Node) {
		b, ok := n.(*ast.BinaryNode)
		switch {
		case !ok:
		case b.Operator == "and" || b.Operator == "&&":
			take(b.Left)
			take(b.Right)
		case comparisons[b.Operator]:
			if p, ok := newPredicate(b, schema); ok {
				out = append(out, p)
			}
		}
	}
	take(f.tree)
	return out
}

// turned are the comparisons whose sides are exchanged.
var turned = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// newPredicate is a comparison, if it is one of a column with a constant of a kind that predicates know.
func newPredicate(n *ast.BinaryNode, schema *arrow.Schema) (Predicate, bool) {
	op, left, right := n.Operator, n.Left, n.Right
	name, ok := columnName(left)
	if !ok {
		op, right = turned[op], left
		name, ok = columnName(n.Right)
	}
	at := schema.FieldIndices(name)
	if !ok || len(at) == 0 {
		return Predicate{}, false
	}
	b := &binder{schema: arrow.NewSchema(nil, nil), bound: map[ast.Node]*exprNode{}}
	x, err := b.bind(right)
	if err != nil || x.value == nil {
		return Predicate{}, false
	}
	p := Predicate{Column: name, Op: op, Value: x.value}
	if op == "==" {
		p.Op = "="
	}
	if x.kind == exprTime {
		p.Value = ticksTime(x.value.(int64), x.typ)
	}
	_, err = newCondition(p, schema.Field(at[0]).Type)
	return p, err == nil
}

// ticksTime is a cell of dates or timestamps as a time.
func ticksTime(v int64, dt arrow.DataType) time.Time {
	perDay, _ := ticksPerDay(dt)
	if perDay == 1 {
		return time.Unix(v*86400, 0).UTC()
	}
	per := perDay / 86400
	sec := floorDiv(v, per)
	return time.Unix(sec, (v-sec*per)*(1e9/per)).UTC()
}

// files are those whose folders do not rule out all of their rows, and their keys, of the same types as those of
// all files; at least one file is left, to tell the columns.
func (f *rowFilter) files(paths []string, keys []hiveKey) ([]string, []hiveKey) {
	fields := make([]arrow.Field, len(keys))
	for i, k := range keys {
		fields[i] = arrow.Field{Name: k.name, Type: k.typ, Nullable: true}
	}
	schema := arrow.NewSchema(fields, nil)
	tests := map[string][]*condition{}
	for _, p := range f.predicates(schema) {
		t, err := newCondition(p, schema.Field(schema.FieldIndices(p.Column)[0]).Type)
		if err != nil {
			panic(err) // newPredicate has made one
		}
		tests[p.Column] = append(tests[p.Column], t)
	}
	if len(tests) == 0 {
		return paths, keys
	}
	var left []int
	for i := range paths {
		holds := true
		for name, ts := range tests {
			for _, t := range ts {
				holds = holds && keyHolds(keys, i, name, t)
			}
		}
		if holds {
			left = append(left, i)
		}
	}
	if left == nil {
		left = []int{0}
	}
	some := make([]string, len(left))
	values := make([][]*string, len(keys))
	for to, from := range left {
		some[to] = paths[from]
		for k := range keys {
			values[k] = append(values[k], keys[k].values[from])
		}
	}
	keys = slices.Clone(keys)
	for k := range keys {
		keys[k].values = values[k]
	}
	return some, keys
}

// apply is the rows that f keeps of what was read, the wanted columns of them, all if there are none; it releases
// t and counts the rows in stats. Collective.
func (f *rowFilter) apply(c collective.Comm, t *Table, stats ReadStats, wanted []string) (*Table, ReadStats, error) {
	if f == nil {
		return t, stats, nil
	}
	defer t.Release()
	if err := f.check(t.schema); err != nil {
		return nil, ReadStats{}, err // the same on all ranks
	}
	kept, err := Filter(c, t, f.text)
	if err != nil {
		return nil, ReadStats{}, err
	}
	stats.Rows = int64(kept.rows)
	if len(wanted) == 0 || len(wanted) == kept.schema.NumFields() {
		return kept, stats, nil
	}
	defer kept.Release()
	return kept.sub(wanted), stats, nil
}
