package frame

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
)

// sameRows fails unless a and b have the same cells in the same order, however chunked.
func sameRows(t testing.TB, a, b *Table) {
	t.Helper()
	if x, y := describe(a.schema), describe(b.schema); x != y {
		t.Fatalf("columns\n%s\nwant\n%s", x, y)
	}
	if a.rows != b.rows {
		t.Fatalf("%d rows, want %d", a.rows, b.rows)
	}
	if a.rows == 0 {
		return
	}
	for i, f := range a.schema.Fields() {
		x, y := a.Record().Column(i), b.Record().Column(i)
		if !array.ApproxEqual(x, y, array.WithNaNsEqual(true), array.WithAbsTolerance(0)) {
			t.Errorf("column %s:\n%.300v\nwant\n%.300v", f.Name, x, y)
		}
	}
}

func TestSpill(t *testing.T) {
	m := checked(t)
	rng := rand.New(rand.NewPCG(1, 2))
	rec := someTable(m, rng, 5000, 50)
	defer rec.Release()
	rec.Retain()
	want, err := NewTable(m, rec.Schema(), rec)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Release()

	before := openFiles(t)
	s, err := newSpill(m, rec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	for lo := int64(0); lo < rec.NumRows(); {
		hi := min(rec.NumRows(), lo+rng.Int64N(700)) // empty ones, too
		part := rec.NewSlice(lo, hi)
		if err := s.Write(part); err != nil {
			t.Fatal(err)
		}
		part.Release()
		lo = hi
	}
	onlyFiles(t, m.scratch)
	used := m.Used()
	got, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if m.Used() != used {
		t.Errorf("mapped rows count as %d bytes of memory", m.Used()-used)
	}
	if len(got.Chunks()) < 2 {
		t.Errorf("%d chunks", len(got.Chunks()))
	}
	part := got.Chunks()[1].NewSlice(1, 2) // holds the file
	sameRows(t, got, want)
	got.Release()
	if !strings.Contains(mapped(t), "deeprc-spill") {
		t.Error("the file is unmapped under a record in use")
	}
	part.Release()
	if strings.Contains(mapped(t), "deeprc-spill") {
		t.Error("the file stays mapped after the last release")
	}
	onlyFiles(t, m.scratch)
	if after := openFiles(t); after != before {
		t.Errorf("%d open files, %d before", after, before)
	}
}

// A spill of nothing is a table without rows.
func TestSpillEmpty(t *testing.T) {
	m := checked(t)
	rec := someTable(m, rand.New(rand.NewPCG(1, 2)), 0, 5)
	defer rec.Release()
	s, err := newSpill(m, rec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if got.NumRows() != 0 || !got.Schema().Equal(rec.Schema()) {
		t.Errorf("%d rows of %v", got.NumRows(), got.Schema())
	}
	got.Release()
}

func TestSpillAbort(t *testing.T) {
	m := checked(t)
	rec := someTable(m, rand.New(rand.NewPCG(1, 2)), 100, 5)
	defer rec.Release()
	before := openFiles(t)
	s, err := newSpill(m, rec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(rec); err != nil {
		t.Fatal(err)
	}
	s.Abort()
	s.Abort()
	onlyFiles(t, m.scratch)
	if after := openFiles(t); after != before {
		t.Errorf("%d open files, %d before", after, before)
	}
	m.scratch += "/no"
	if _, err := newSpill(m, rec.Schema()); fmt.Sprint(err) != "frame: spill: scratch folder "+m.scratch+": no such file or directory; choose one that is there and can be written (run.scratch)" {
		t.Errorf("got %v", err)
	}
}

func TestSpillDiskFull(t *testing.T) {
	m := checked(t)
	if err := syscall.Mount("tmpfs", m.scratch, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a small tmpfs cannot be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(m.scratch, 0); err != nil {
			t.Error(err)
		}
	}()
	rec := someTable(m, rand.New(rand.NewPCG(1, 2)), 5000, 5)
	defer rec.Release()
	for _, writes := range []int{1, 100} { // full in Finish, full while writing
		s, err := newSpill(m, rec.Schema())
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < writes && err == nil; i++ {
			err = s.Write(rec)
		}
		if err == nil {
			var got *Table
			if got, err = s.Finish(); err == nil {
				got.Release()
			}
		}
		s.Abort()
		want := "frame: spill: the scratch folder " + m.scratch + " is full: no space left on device; use one with more room (run.scratch), more ranks, or a higher memory limit"
		if fmt.Sprint(err) != want || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v\nwant %s", err, want)
		}
		onlyFiles(t, m.scratch)
	}
}

// openFiles is the number of files that this process has open.
func openFiles(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(list)
}

// mapped is the map of this process' address space.
func mapped(t *testing.T) string {
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	return string(b)
}
