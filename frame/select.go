package frame

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// Select is the named columns of t, in that order; it shares their cells.
func Select(t *Table, names ...string) (*Table, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("frame: select: no column is named")
	}
	if err := differentColumns(t, names); err != nil {
		return nil, fmt.Errorf("frame: select: %w", err)
	}
	return t.sub(names), nil
}

// Drop is t without the named columns, of which some column must be left; it shares the cells of the others.
func Drop(t *Table, names ...string) (*Table, error) {
	if err := differentColumns(t, names); err != nil {
		return nil, fmt.Errorf("frame: drop: %w", err)
	}
	left := slices.DeleteFunc(t.Names(), func(n string) bool { return slices.Contains(names, n) })
	if len(left) == 0 {
		return nil, fmt.Errorf("frame: drop: no column would be left")
	}
	return t.sub(left), nil
}

// Rename gives columns other names, all at once, so that two may exchange theirs: names maps an old name to
// the new one. It shares the cells.
func Rename(t *Table, names map[string]string) (*Table, error) {
	fields := slices.Clone(t.schema.Fields())
	for _, old := range sortedKeys(names) {
		i, err := t.index(old)
		if err != nil {
			return nil, fmt.Errorf("frame: rename: %w", err)
		}
		if names[old] == "" {
			return nil, fmt.Errorf("frame: rename: the new name of column %s is empty", quote(old))
		}
		fields[i].Name = names[old]
	}
	seen := map[string]bool{}
	for _, f := range fields {
		if seen[f.Name] {
			return nil, fmt.Errorf("frame: rename: two columns would be named %s", quote(f.Name))
		}
		seen[f.Name] = true
	}
	out := &Table{mem: t.mem, schema: arrow.NewSchema(fields, nil), rows: t.rows}
	for _, r := range t.chunks {
		out.chunks = append(out.chunks, array.NewRecord(out.schema, r.Columns(), r.NumRows()))
	}
	return out, nil
}

// differentColumns is an error unless the names are columns of t, each named once.
func differentColumns(t *Table, names []string) error {
	for i, n := range names {
		if _, err := t.index(n); err != nil {
			return err
		}
		if slices.Contains(names[:i], n) {
			return fmt.Errorf("column %s is named twice", quote(n))
		}
	}
	return nil
}
