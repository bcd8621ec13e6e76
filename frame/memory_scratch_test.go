package frame

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"deeprc/collective"
)

// scratchMemory has a limit, real pages and a scratch folder of the test, which must be empty in the end.
func scratchMemory(t *testing.T, limit int64) *Memory {
	m := NewMemory(MemoryOptions{Limit: limit, Scratch: t.TempDir()})
	t.Cleanup(func() {
		left, err := os.ReadDir(m.scratch)
		if m.Used() != 0 || m.files.n.Load() != 0 || m.files.f != nil || err != nil || len(left) != 0 {
			t.Errorf("%d bytes in use, %d arrays in the scratch folder, which has %v, %v", m.Used(), m.files.n.Load(), left, err)
		}
	})
	return m
}

// Arrays beyond the limit are zero, apart from each other, keep what is written when they grow, and are not counted.
func TestBeyondTheLimit(t *testing.T) {
	m := scratchMemory(t, 2<<20)
	rng := rand.New(rand.NewPCG(1, 0))
	type live struct {
		b    []byte
		mark byte
	}
	var all []live
	for i := range 300 {
		k := len(all) - 1
		switch {
		case k >= 0 && rng.IntN(3) == 0:
			rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			m.Free(all[k].b)
			all = all[:k]
		case k >= 0 && rng.IntN(3) == 0:
			old := len(all[k].b)
			all[k].b = m.Reallocate(1+rng.IntN(3<<20), all[k].b)
			for i := old; i < len(all[k].b); i++ {
				all[k].b[i] = all[k].mark
			}
		default:
			b := m.Allocate(1 + rng.IntN(2<<20))
			if bytes.Count(b, []byte{0}) != len(b) {
				t.Fatalf("allocation %d is not zero", i)
			}
			l := live{b, byte(1 + i%255)}
			for i := range b {
				b[i] = l.mark
			}
			all = append(all, l)
		}
		for _, l := range all {
			if bytes.Count(l.b, []byte{l.mark}) != len(l.b) {
				t.Fatalf("after step %d an array has changed", i)
			}
		}
	}
	if m.Peak() > m.limit+8*bigAllocation { // small arrays are Go's
		t.Errorf("a peak of %d bytes, with a limit of %d", m.Peak(), m.limit)
	}
	for _, l := range all {
		m.Free(l.b)
	}
}

// Tables of several times the limit are read, and worked on by operators that know nothing of it.
func TestReadersKeepTheLimit(t *testing.T) {
	const rows = 400_000
	dir := t.TempDir()
	csv, parquet, jsonl := filepath.Join(dir, "csv"), filepath.Join(dir, "parquet"), filepath.Join(dir, "jsonl")
	in := numbersTable(nil, rows, rows)
	defer in.Release()
	alone := collective.Local(1)[0]
	if err := errors.Join(WriteCSV(alone, in, csv, CSVWriteOptions{}), WriteParquet(alone, in, parquet, ParquetWriteOptions{RowGroup: rows / 4}),
		WriteJSONL(alone, in, jsonl, JSONLWriteOptions{})); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(c collective.Comm, m *Memory) (*Table, ReadStats, error){
		"csv": func(c collective.Comm, m *Memory) (*Table, ReadStats, error) {
			return ReadCSVFiles(c, []string{csv}, CSVOptions{Memory: m})
		},
		"parquet": func(c collective.Comm, m *Memory) (*Table, ReadStats, error) {
			return ReadParquet(c, []string{parquet}, ParquetReadOptions{Memory: m})
		},
		"jsonl": func(c collective.Comm, m *Memory) (*Table, ReadStats, error) {
			return ReadJSONL(c, []string{jsonl}, JSONLOptions{Memory: m})
		},
	} {
		t.Run(name, func(t *testing.T) {
			limit := in.Bytes() / 3
			m := scratchMemory(t, limit)
			err := collective.RunLocal(1, func(c collective.Comm) error {
				out, _, err := read(c, m)
				if err != nil {
					return err
				}
				defer out.Release()
				if peak := m.Peak(); peak > limit/2+8*bigAllocation {
					return fmt.Errorf("reading %d bytes took %d, with a limit of %d", out.Bytes(), peak, limit)
				}
				sum, err := Compute(c, out, "y", "k + x")
				if err != nil {
					return err
				}
				defer sum.Release()
				k, err := in.Int64s("k")
				if err != nil {
					return err
				}
				y, err := sum.Int64s("y")
				if err != nil || len(y) != rows {
					return fmt.Errorf("%d rows: %v", len(y), err)
				}
				for i := range y {
					if y[i] != k[i]+int64(i) {
						return fmt.Errorf("row %d: %d, want %d", i, y[i], k[i]+int64(i))
					}
				}
				if peak := m.Peak(); peak > limit+8*bigAllocation {
					return fmt.Errorf("a peak of %d, with a limit of %d", peak, limit)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNoScratchFolder(t *testing.T) {
	m := NewMemory(MemoryOptions{Limit: 1 << 20, Scratch: filepath.Join(t.TempDir(), "none")})
	late := collective.RunLocal(2, func(c collective.Comm) error {
		if c.Rank() == 1 {
			m.Free(m.Allocate(2 << 20))
		}
		return c.Barrier()
	})
	for _, err := range []error{m.CheckScratch(), late} {
		if err == nil || !strings.Contains(err.Error(), "none: no such file or directory; choose one that is there and can be written (run.scratch)") || strings.Contains(err.Error(), "goroutine") {
			t.Errorf("%v", err)
		}
	}
}
