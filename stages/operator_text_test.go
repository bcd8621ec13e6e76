package stages

import (
	"testing"

	"deeprc/frame"
)

func TestParseSortKey(t *testing.T) {
	for s, want := range map[string]frame.SortKey{"q": {Column: "q"}, " q desc": {Column: "q", Desc: true}, "a b desc nulls first": {Column: "a b", Desc: true, NullsFirst: true},
		"q nulls first": {Column: "q", NullsFirst: true}, "desc": {Column: "desc"}} {
		if got := parseSortKey(s); got != want {
			t.Errorf("%q is %+v", s, got)
		}
	}
}
