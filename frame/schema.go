package frame

import (
	"fmt"
	"hash/fnv"
	"math"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// schemaText is a schema as text, a column a line.
func schemaText(s *arrow.Schema) string {
	var b []byte
	for _, f := range s.Fields() {
		b = fmt.Appendf(b, "%q %s\n", f.Name, f.Type)
	}
	return string(b)
}

// sameSchema makes sure, before any data moves, that all ranks have the same columns; collective.
func sameSchema(c collective.Comm, t *Table) error {
	text := schemaText(t.schema)
	h := fnv.New64a()
	h.Write([]byte(text))
	id := int64(h.Sum64() & math.MaxInt64)
	both := []int64{id, -id}
	if err := collective.AllReduce(c, both, collective.Min); err != nil {
		return fmt.Errorf("frame: compare schemas: %w", err)
	}
	if both[0] == -both[1] {
		return nil
	}
	first, err := collective.BroadcastBytes(c, []byte(text), 0)
	if err != nil {
		return fmt.Errorf("frame: compare schemas: %w", err)
	}
	if text != string(first) {
		err = fmt.Errorf("frame: rank %d has other columns than rank 0: %s", c.Rank(), difference(string(first), text, "rank 0"))
	}
	return collective.Agree(c, err)
}

// difference is the first line in which a schema differs from that of another, which is named.
func difference(other, own, name string) string {
	x, y := strings.Split(strings.TrimSpace(other), "\n"), strings.Split(strings.TrimSpace(own), "\n")
	for i := range max(len(x), len(y)) {
		switch {
		case i >= len(x):
			return fmt.Sprintf("column %s is not in that of %s", y[i], name)
		case i >= len(y):
			return fmt.Sprintf("column %s of %s is missing", x[i], name)
		case x[i] != y[i]:
			return fmt.Sprintf("column %d is %s, in that of %s %s", i+1, y[i], name, x[i])
		}
	}
	return "none"
}
