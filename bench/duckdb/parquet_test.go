package duckdb

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

// TestReadParquet reads what DuckDB writes: its encodings and compressions, several row groups, hive folders.
func TestReadParquet(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		f := randomFileTable(rng, 400, false)
		if rng.IntN(3) == 0 {
			f.Rows = rng.IntN(9000) // DuckDB's row groups have 2,048 rows and more
		}
		codec := []string{"uncompressed", "snappy", "gzip", "zstd", "brotli", "lz4_raw"}[rng.IntN(6)]
		options := fmt.Sprintf("FORMAT parquet, COMPRESSION %s, PARQUET_VERSION v%d, ROW_GROUP_SIZE %d, DICTIONARY_SIZE_LIMIT %d", codec, 1+rng.IntN(2), 2048*(1+rng.IntN(2)), []int{1, 10, 100000}[rng.IntN(3)])
		if rng.IntN(4) > 0 {
			path := f.copied(t, "x.parquet", options)
			return f.reads("read "+options, func(c collective.Comm, m *frame.Memory) (*frame.Table, frame.ReadStats, error) {
				return frame.ReadParquet(c, []string{path}, frame.ParquetReadOptions{Memory: m})
			})
		}
		f.Rows = max(1, f.Rows) // DuckDB makes no folder for no rows
		k := frametest.RandomColumn(rng, "key", frametest.NumberTypes[:8]...)
		k.Distinct, k.Modest = min(k.Distinct, 5), true
		cell := []string{"key::BIGINT", "'p/=% ü' || key"}[rng.IntN(2)]
		if f.Rows > 0 && k.Nulls == 1 {
			k.Nulls = 0.5
		}
		f.Columns, f.cells, f.read = append(f.Columns, k), append(f.cells, cell+" AS key"), append(f.read, cell)
		path := f.copied(t, "x", options+", PARTITION_BY (key)")
		q := f.reads("read folders of "+options, func(c collective.Comm, m *frame.Memory) (*frame.Table, frame.ReadStats, error) {
			return frame.ReadParquet(c, []string{path}, frame.ParquetReadOptions{Memory: m})
		})
		q.diff.Ordered = false
		return q
	})
}

// TestWriteParquet has DuckDB read what several ranks write.
func TestWriteParquet(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		f := randomFileTable(rng, 400, false)
		path, ranks := filepath.Join(t.TempDir(), "x"), 1+rng.IntN(5)
		f.saved(t, ranks, func(c collective.Comm, t *frame.Table) error {
			return frame.WriteParquet(c, t, path, frame.ParquetWriteOptions{RowGroup: 50})
		})
		return f.isRead(fmt.Sprintf("Parquet of %d ranks", ranks), fmt.Sprintf("read_parquet('%s/*.parquet')", path))
	})
}

// TestRoundTrips: what n ranks write n ranks read, in order, by each format that keeps it whole.
func TestRoundTrips(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		f := randomFileTable(rng, 300, false)
		ipc := rng.IntN(2) == 0
		if ipc {
			f.Spec = randomTable(rng, 300)
		}
		return question{
			tables: []frametest.Spec{f.Spec},
			text:   fmt.Sprintf("write and read; IPC: %t", ipc),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				path, err := sharedFolder(c, t)
				if err != nil {
					return nil, err
				}
				var out *frame.Table
				if ipc {
					if err := frame.WriteIPC(c, in[0], path, frame.IPCWriteOptions{}); err != nil {
						return nil, err
					}
					out, _, err = frame.ReadIPC(c, []string{path}, frame.IPCReadOptions{Memory: in[0].Memory()})
					return out, err
				}
				if err := frame.WriteParquet(c, in[0], path, frame.ParquetWriteOptions{RowGroup: 20}); err != nil {
					return nil, err
				}
				out, _, err = frame.ReadParquet(c, []string{path}, frame.ParquetReadOptions{Memory: in[0].Memory()})
				return out, err
			},
			sql:  "SELECT * FROM t0 ORDER BY rowid",
			diff: frametest.DiffOptions{Ordered: true},
		}
	})
}

// sharedFolder is one name of no file yet, on all ranks.
func sharedFolder(c collective.Comm, t *testing.T) (string, error) {
	var name []byte
	var err error
	if c.Rank() == 0 {
		var dir string
		dir, err = os.MkdirTemp(t.TempDir(), "")
		name = []byte(filepath.Join(dir, "x"))
	}
	if err := collective.Agree(c, err); err != nil {
		return "", err
	}
	name, err = collective.BroadcastBytes(c, name, 0)
	return string(slices.Clone(name)), err
}
