package frame

import (
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// benchRows is Cylon's workload: keys uniform in [0, 0.9·rows), and a value. DEEPRC_BENCH_ROWS sets the number.
func benchRows(b *testing.B) int {
	if s := os.Getenv("DEEPRC_BENCH_ROWS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	return 1_000_000
}

func benchTable(m *Memory, rows, n int, seed uint64, value string) *Table {
	rng := rand.New(rand.NewPCG(seed, 0))
	k, v := make([]int64, n), make([]int64, n)
	for i := range k {
		k[i], v[i] = rng.Int64N(int64(rows)*9/10), rng.Int64()>>20
	}
	fields := []arrow.Field{{Name: "key", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: value, Type: arrow.PrimitiveTypes.Int64, Nullable: true}}
	return newTable(m, fields, []arrow.Array{arrayOf(m, fields[0].Type, k, nil), arrayOf(m, fields[1].Type, v, nil)}, n)
}

func benchOp(b *testing.B, op func(c collective.Comm, l, r *Table) (*Table, error)) {
	rows := benchRows(b)
	for _, ranks := range []int{1, 2} {
		b.Run(strconv.Itoa(ranks), func(b *testing.B) {
			err := collective.RunLocal(ranks, func(c collective.Comm) error {
				m := NewMemory(MemoryOptions{})
				lo, hi := collective.Share(rows, c.Rank(), ranks)
				l, r := benchTable(m, rows, hi-lo, uint64(c.Rank()), "x"), benchTable(m, rows, hi-lo, uint64(c.Rank()+100), "y")
				defer l.Release()
				defer r.Release()
				if err := c.Barrier(); err != nil {
					return err
				}
				if c.Rank() == 0 {
					b.ResetTimer()
				}
				for range b.N {
					t, err := op(c, l, r)
					if err != nil {
						return err
					}
					t.Release()
				}
				if c.Rank() == 0 {
					b.ReportMetric(float64(m.Peak())/(1<<20), "MiB")
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

func BenchmarkJoin(b *testing.B) {
	benchOp(b, func(c collective.Comm, l, r *Table) (*Table, error) {
		return Join(c, l, r, JoinOptions{On: []string{"key"}})
	})
}

func BenchmarkSort(b *testing.B) {
	benchOp(b, func(c collective.Comm, l, r *Table) (*Table, error) { return Sort(c, l, SortKey{Column: "key"}) })
}

func BenchmarkGroupBy(b *testing.B) {
	benchOp(b, func(c collective.Comm, l, r *Table) (*Table, error) {
		return GroupBy(c, l, []string{"key"}, Agg{Column: "x", Func: "sum"}, Agg{Column: "x", Func: "mean"})
	})
}

// BenchmarkReadParquet reads the file that DEEPRC_BENCH_PARQUET names, and tells the CPU time of this process, too.
func BenchmarkReadParquet(b *testing.B) {
	path := os.Getenv("DEEPRC_BENCH_PARQUET")
	if path == "" {
		b.Skip("DEEPRC_BENCH_PARQUET names no file")
	}
	for _, ranks := range []int{1, 2} {
		b.Run(strconv.Itoa(ranks), func(b *testing.B) {
			before := cpuTime(b)
			for range b.N {
				err := collective.RunLocal(ranks, func(c collective.Comm) error {
					t, _, err := ReadParquet(c, []string{path}, ParquetReadOptions{})
					if err == nil {
						t.Release()
					}
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((cpuTime(b)-before).Seconds()*1e3/float64(b.N), "cpu-ms/op")
		})
	}
}

// cpuTime is what this process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
