package stages

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"deeprc/collective"
	"deeprc/frame"
)

// FrameRun is one operation, once, in a process of its own. bench/peers/peer.py prints the
// same, but for what only deeprc knows.
type FrameRun struct {
	Engine      string    `json:"engine"`
	Version     string    `json:"version"`
	Op          string    `json:"op"`
	Threads     int       `json:"threads"`
	Seconds     float64   `json:"seconds"`                // of the operation, on the slowest rank
	RSSBytes    int64     `json:"rss_bytes"`              // the most memory of the process during the operation, inputs included
	RusageBytes int64     `json:"rusage_bytes"`           // the same since the process began
	MemoryBytes int64     `json:"memory_bytes,omitempty"` // the most of tables and operators, as frame.Memory counts
	TableBytes  int64     `json:"table_bytes,omitempty"`  // of input and output together; of a file, its size
	Rows        int64     `json:"rows"`
	Sums        []float64 `json:"sums"` // of the result's columns
}

// frameOps are the operations of [FrameOps]: the tables that one takes, or the format of the file that it reads.
var frameOps = []struct {
	name   string
	tables []benchSide
	format string
	run    func(c collective.Comm, in []*frame.Table, path string, m *frame.Memory) (*frame.Table, error)
}{
	{"join", []benchSide{leftSide, rightSide}, "", func(c collective.Comm, in []*frame.Table, _ string, _ *frame.Memory) (*frame.Table, error) {
		return frame.Join(c, in[0], in[1], frame.JoinOptions{On: []string{"k"}})
	}},
	{"sort", []benchSide{leftSide}, "", func(c collective.Comm, in []*frame.Table, _ string, _ *frame.Memory) (*frame.Table, error) {
		return frame.Sort(c, in[0], frame.SortKey{Column: "k"})
	}},
	{"groupby", []benchSide{leftSide}, "", func(c collective.Comm, in []*frame.Table, _ string, _ *frame.Memory) (*frame.Table, error) {
		return frame.GroupBy(c, in[0], []string{"k"}, frame.Agg{Column: "a", Func: "sum"}, frame.Agg{Column: "a", Func: "mean"})
	}},
	{"csv", nil, "csv", func(c collective.Comm, _ []*frame.Table, path string, m *frame.Memory) (*frame.Table, error) {
		t, _, err := frame.ReadCSV(c, path, frame.CSVOptions{Memory: m})
		return t, err
	}},
	{"parquet", nil, "parquet", func(c collective.Comm, _ []*frame.Table, path string, m *frame.Memory) (*frame.Table, error) {
		t, _, err := frame.ReadParquet(c, []string{path}, frame.ParquetReadOptions{Memory: m})
		return t, err
	}},
}

// FrameOps are the names of the operations that can be measured.
func FrameOps() []string {
	var names []string
	for _, op := range frameOps {
		names = append(names, op.name)
	}
	return names
}

// FrameOnce runs one operation on in-process ranks, in this process, and measures it. Tables are made
// in memory, as in the files that the peers load; a file that the operation reads is in dir.
func FrameOnce(o FrameOptions, op, dir, version string) (*FrameRun, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	var res *FrameRun
	for _, f := range frameOps {
		if f.name != op {
			continue
		}
		m, data := frame.NewMemory(frame.MemoryOptions{}), o.data()
		path := data.path(dir, leftSide, f.format)
		err := collective.RunLocal(o.Ranks, func(c collective.Comm) error {
			var in []*frame.Table
			for _, s := range f.tables {
				lo, hi := collective.Share(o.Rows, c.Rank(), c.Size())
				t, err := frame.NewTable(m, s.schema(), data.record(m, s, lo, hi))
				if err != nil {
					return err
				}
				defer t.Release()
				in = append(in, t)
			}
			r := &FrameRun{Engine: "deeprc", Version: version, Op: op, Threads: o.Ranks}
			out, err := r.measure(c, m, func() (*frame.Table, error) { return f.run(c, in, path, m) })
			if err != nil {
				return err
			}
			defer out.Release()
			if f.format != "" {
				info, err := os.Stat(path)
				if err != nil {
					return err
				}
				if c.Rank() == 0 {
					r.TableBytes = info.Size()
				}
			}
			for _, t := range append(in, out) {
				r.TableBytes += t.Bytes()
			}
			if err := r.count(c, out); err != nil {
				return err
			}
			if c.Rank() == 0 {
				res = r
			}
			return nil
		})
		return res, err
	}
	return nil, configErrorf("bench: no operation %q%s", op, didYouMean(op, FrameOps()))
}

// measure times an operation on the slowest rank; collective.
func (r *FrameRun) measure(c collective.Comm, m *frame.Memory, op func() (*frame.Table, error)) (*frame.Table, error) {
	var err error
	if c.Rank() == 0 {
		err = resetPeak()
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	if err := c.Barrier(); err != nil {
		return nil, err
	}
	begin := time.Now()
	out, err := op()
	if err != nil {
		return nil, err
	}
	r.Seconds, err = collective.AllReduceOne(c, time.Since(begin).Seconds(), collective.Max)
	if err == nil && c.Rank() == 0 {
		r.MemoryBytes = m.Peak()
		r.RSSBytes, r.RusageBytes, err = peaks()
	}
	if err := collective.Agree(c, err); err != nil {
		out.Release()
		return nil, err
	}
	return out, nil
}

// count adds up what the ranks have; collective.
func (r *FrameRun) count(c collective.Comm, out *frame.Table) error {
	n := []int64{int64(out.NumRows()), r.TableBytes}
	if err := collective.AllReduce(c, n, collective.Sum); err != nil {
		return err
	}
	r.Rows, r.TableBytes = n[0], n[1]
	r.Sums = make([]float64, len(out.Names()))
	for i, name := range out.Names() {
		cells, err := out.Float64s(name)
		if err := collective.Agree(c, err); err != nil {
			return err
		}
		for _, v := range cells {
			r.Sums[i] += v
		}
	}
	return collective.AllReduce(c, r.Sums, collective.Sum)
}

// sameResult compares two engines' results: rows, and the columns' sums to rounding.
func (r *FrameRun) sameResult(as *FrameRun) error {
	same := r.Rows == as.Rows && len(r.Sums) == len(as.Sums)
	for i := 0; same && i < len(r.Sums); i++ {
		same = math.Abs(r.Sums[i]-as.Sums[i]) <= 1e-9*max(math.Abs(as.Sums[i]), 1)
	}
	if same {
		return nil
	}
	return fmt.Errorf("bench: %s: %s has %d rows, with columns that sum to %v, but %s has %d, %v: one of them is wrong",
		r.Op, r.Engine, r.Rows, r.Sums, as.Engine, as.Rows, as.Sums)
}

// resetPeak makes this process's highest memory its present one (proc_pid_clear_refs(5)).
func resetPeak() error {
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return fmt.Errorf("bench: reset the peak of this process's memory: %w", err)
	}
	return nil
}

// peaks are the highest memory, in bytes, since resetPeak, and since the process began.
func peaks() (since, ever int64, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, fmt.Errorf("bench: peak of this process's memory: %w", err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	word, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	kib, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("bench: no VmHWM in /proc/self/status: %w", err)
	}
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, 0, fmt.Errorf("bench: getrusage: %w", err)
	}
	return kib << 10, u.Maxrss << 10, nil
}
