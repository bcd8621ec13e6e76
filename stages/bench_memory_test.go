package stages

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// Every case's file is read as the experiment wants it, and the run is whole.
func TestMemoryOnce(t *testing.T) {
	for _, m := range memoryCases {
		dir := t.TempDir()
		if err := m.write(filepath.Join(dir, m.file), 2*memorySeries); err != nil {
			t.Fatal(err)
		}
		r, err := MemoryOnce(context.Background(), m.name, dir, "v1")
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if r.Name != m.name || r.RSSBytes < 1<<20 || !(r.Seconds["evaluate"] > 0) || !(r.Seconds["total"] > r.Seconds["evaluate"]) {
			t.Errorf("%+v", r)
		}
	}
	if _, err := MemoryOnce(context.Background(), "cvs", t.TempDir(), "v1"); err == nil || !strings.Contains(err.Error(), `no case "cvs"; there are csv, parquet`) {
		t.Errorf("got %v", err)
	}
}

func TestMemoryBenchCheck(t *testing.T) {
	for _, c := range []struct {
		b    MemoryBench
		want string
	}{
		{MemoryBench{Rows: 9999, Cases: []string{"csv"}}, "--rows 9999"},
		{MemoryBench{Rows: 10000}, "--case is empty"},
		{MemoryBench{Rows: 10000, Cases: []string{"json"}}, `no case "json"`},
		{MemoryBench{Rows: 10000, Cases: []string{"csv", "csv"}}, "csv"},
	} {
		if err := c.b.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}
