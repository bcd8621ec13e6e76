package frame

import (
	"fmt"
	"strings"
	"testing"
)

func TestSelectDropRename(t *testing.T) {
	tab := sampleTable(checked(t))
	defer tab.Release()
	names := func(out *Table, err error) string {
		if err != nil {
			return err.Error()
		}
		defer out.Release()
		if out.NumRows() != 3 {
			t.Errorf("%d rows", out.NumRows())
		}
		return strings.Join(out.Names(), " ")
	}
	all := list(tab.Names())
	for _, c := range []struct{ what, got, want string }{
		{"select", names(Select(tab, "s", "f64")), "s f64"},
		{"select", names(Select(tab)), "frame: select: no column is named"},
		{"select", names(Select(tab, "s", "i63")), `frame: select: no column "i63"; did you mean "i64"?; columns: ` + all},
		{"select", names(Select(tab, "s", "s")), `frame: select: column "s" is named twice`},
		{"drop", names(Drop(tab, "us", "ns", "sec", "day", "f32", "u32")), "f64 i64 i8 holes s dict"},
		{"drop", names(Drop(tab, "qqqq")), `frame: drop: no column "qqqq"; columns: ` + all},
		{"drop", names(Drop(tab, tab.Names()...)), "frame: drop: no column would be left"},
		{"rename", names(Rename(tab, map[string]string{"f64": "f32", "f32": "f64", "s": "text"})), "f32 f64 i64 i8 u32 holes text dict us ns sec day"},
		{"rename", names(Rename(tab, map[string]string{"f64": "f32"})), `frame: rename: two columns would be named "f32"`},
		{"rename", names(Rename(tab, map[string]string{"f64": ""})), `frame: rename: the new name of column "f64" is empty`},
		{"rename", names(Rename(tab, map[string]string{"f65": "x"})), `frame: rename: no column "f65"; did you mean "f64"?; columns: ` + all},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s\nwant %s", c.what, c.got, c.want)
		}
	}
	out, err := Rename(tab, map[string]string{"f64": "f32", "f32": "f64"})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	if f, err := out.Float64s("f32"); err != nil || fmt.Sprint(f) != "[1.5 NaN -2]" {
		t.Errorf("renamed column: %v, %v", f, err)
	}
}
