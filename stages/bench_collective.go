package stages

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"

	"deeprc/collective"
)

// CollectiveOptions say which operations are measured, on how many bytes.
type CollectiveOptions struct {
	Ops     []string `json:"ops"`
	Sizes   []int    `json:"sizes"` // bytes of a rank's buffer
	Repeats int      `json:"repeats"`
}

// maxBenchBytes keeps the counts of bench/collective.c within MPI's int.
const maxBenchBytes = 1 << 30

// Check reports what cannot be measured.
func (o CollectiveOptions) Check() error {
	if o.Repeats < 1 || o.Repeats > 1000 {
		return configErrorf("bench: --repeats %d: want 1 to 1000", o.Repeats)
	}
	for i, op := range o.Ops {
		if names := CollectiveOps(); !slices.Contains(names, op) {
			return configErrorf("bench: --ops: no operation %q%s", op, didYouMean(op, names))
		}
		if slices.Contains(o.Ops[:i], op) {
			return configErrorf("bench: --ops: %s is named twice", op)
		}
	}
	for i, n := range o.Sizes {
		if n < 4 || n > maxBenchBytes || n%4 != 0 {
			return configErrorf("bench: --sizes: %d bytes: want a multiple of 4 (an f32) from 4 to %d", n, maxBenchBytes)
		}
		if slices.Contains(o.Sizes[:i], n) {
			return configErrorf("bench: --sizes: %d is named twice", n)
		}
	}
	if len(o.Ops) == 0 || len(o.Sizes) == 0 || len(o.Sizes) > 64 {
		return configErrorf("bench: %d --ops and %d --sizes: want at least one --ops, and 1 to 64 --sizes", len(o.Ops), len(o.Sizes))
	}
	return nil
}

// benchKeys are what is measured, in the order of a table. A barrier has no size.
func (o CollectiveOptions) benchKeys() (keys []collectiveKey) {
	for _, op := range o.Ops {
		for i, n := range o.Sizes {
			if op != "barrier" {
				keys = append(keys, collectiveKey{op, n})
			} else if i == 0 {
				keys = append(keys, collectiveKey{op, 0})
			}
		}
	}
	return keys
}

type collectiveKey struct {
	op    string
	bytes int
}

// CollectiveResult is one JSON document of `deeprc bench collective`. A C program to compare
// with prints the fields Ranks, Library, and of Results Name, Bytes, Iterations and All.
type CollectiveResult struct {
	benchMachine
	Hosts   int               `json:"hosts"`
	Ranks   int               `json:"ranks"`
	Library string            `json:"library"`
	Options CollectiveOptions `json:"options"`
	Results []CollectiveTrial `json:"results"`
}

// benchMachine is what was measured with, and where.
type benchMachine struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	Date    string `json:"date"`
	Host    string `json:"host"` // rank 0's, as are CPU and Cores
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
}

func thisMachine(version string) benchMachine {
	host, _ := os.Hostname() // for people only
	return benchMachine{version, runtime.Version(), time.Now().UTC().Format(time.DateOnly), host, cpuName(), runtime.GOMAXPROCS(0)}
}

func (m benchMachine) String() string {
	return fmt.Sprintf("deeprc %s, %s, %s\n%s: %s, %d core(s)", m.Version, m.Go, m.Date, m.Host, m.CPU, m.Cores)
}

// CollectiveTrial is the time of a call on the slowest rank, in µs, in Repeats runs of Iterations calls.
type CollectiveTrial struct {
	BenchTrial
	Bytes      int     `json:"bytes"` // of a rank's buffer
	Iterations int     `json:"iterations"`
	GBps       float64 `json:"gb_per_s,omitempty"` // Bytes/1e9 over the median time in s
}

// A timed run takes about runSeconds; one of at least estimateSeconds says how many calls that is.
const (
	runSeconds      = 20e-3
	estimateSeconds = 5e-3
	maxIterations   = 1 << 20
)

// BenchCollective measures operations of c: each is checked once and warmed up, then all
// are run in turn, Repeats times over, so that a disturbance spreads over them. Collective; the
// result is rank 0's.
func BenchCollective(c collective.Comm, o CollectiveOptions, version string) (*CollectiveResult, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	place, err := collective.Hosts(c)
	if err != nil {
		return nil, err
	}
	res := &CollectiveResult{benchMachine: thisMachine(version), Hosts: place.Nodes(), Ranks: c.Size(), Library: collective.Backend(c), Options: o}
	buf := newBenchBuffers(c, slices.Max(o.Sizes))
	keys := o.benchKeys()
	calls, iterations, all := make([]benchCall, len(keys)), make([]int, len(keys)), make([][]float64, len(keys))
	for i, k := range keys {
		calls[i] = collectiveOps[slices.Index(CollectiveOps(), k.op)].bind(buf, k.bytes)
		if err := calls[i].verify(c, k); err != nil {
			return nil, err
		}
		clear(buf.mine) // sums of zeros stay zero
		if iterations[i], err = calls[i].iterations(c); err != nil {
			return nil, err
		}
	}
	for range o.Repeats {
		for i := range keys {
			s, err := calls[i].timed(c, iterations[i])
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], s/float64(iterations[i])*1e6)
		}
	}
	for i, k := range keys {
		t := CollectiveTrial{BenchTrial: trial(k.op, "us", all[i]), Bytes: k.bytes, Iterations: iterations[i]}
		t.GBps = float64(k.bytes) / 1e3 / t.Median
		res.Results = append(res.Results, t)
	}
	return res, nil
}

// benchCall is an operation on the buffers of one size.
type benchCall struct {
	call func() error
	fill func()      // sets this rank's buffer
	good func() bool // the result of one call on the filled buffers
}

// verify makes one call and compares its result.
func (b benchCall) verify(c collective.Comm, k collectiveKey) error {
	b.fill()
	if err := b.call(); err != nil {
		return err
	}
	var err error
	if !b.good() {
		err = fmt.Errorf("bench: %s of %d bytes over %s gives a wrong result: an error of deeprc or of that library", k.op, k.bytes, collective.Backend(c))
	}
	return collective.Agree(c, err)
}

// timed is the seconds of n calls on the slowest rank.
func (b benchCall) timed(c collective.Comm, n int) (float64, error) {
	if err := b.call(); err != nil {
		return 0, err
	}
	if err := c.Barrier(); err != nil {
		return 0, err
	}
	begin := time.Now()
	for range n {
		if err := b.call(); err != nil {
			return 0, err
		}
	}
	return collective.AllReduceOne(c, time.Since(begin).Seconds(), collective.Max)
}

// iterations is the number of calls, the same on all ranks, that fills a run.
func (b benchCall) iterations(c collective.Comm) (int, error) {
	for n := 1; ; n *= 2 {
		s, err := b.timed(c, n)
		if err != nil {
			return 0, err
		}
		again, err := b.timed(c, n)
		if err != nil {
			return 0, err
		}
		if s = min(s, again); s >= estimateSeconds || n >= maxIterations {
			return int(max(1, min(maxIterations, runSeconds/(s/float64(n))))), nil
		}
	}
}

// benchBuffers are one rank's memory, for all sizes.
type benchBuffers struct {
	c      collective.Comm
	floats []float32
	mine   []byte // the same memory
	in     []byte // what AllToAll receives
}

// newBenchBuffers has room for n bytes, and for one to each rank.
func newBenchBuffers(c collective.Comm, n int) *benchBuffers {
	n = max(n, (c.Size()+3)/4*4)
	f := make([]float32, n/4)
	return &benchBuffers{c, f, collective.Of(f).Bytes(), make([]byte, n)}
}

// collectiveOps are the operations of [CollectiveOps] on n bytes. Data that only moves are bytes.
var collectiveOps = []struct {
	name string
	bind func(m *benchBuffers, n int) benchCall
}{
	{"barrier", func(m *benchBuffers, _ int) benchCall {
		return benchCall{m.c.Barrier, func() {}, func() bool { return true }}
	}},
	{"broadcast", func(m *benchBuffers, n int) benchCall {
		b := m.mine[:n]
		return benchCall{func() error { return collective.Broadcast(m.c, b, 0) }, func() { m.fill(b) }, func() bool { return allAre(b, 1) }}
	}},
	{"allreduce", func(m *benchBuffers, n int) benchCall {
		f := m.floats[:n/4]
		fill := func() {
			for i := range f {
				f[i] = float32(m.c.Rank() + 1)
			}
		}
		p := float32(m.c.Size())
		return benchCall{func() error { return collective.AllReduce(m.c, f, collective.Sum) }, fill, func() bool { return allAre(f, p*(p+1)/2) }}
	}},
	{"alltoall", func(m *benchBuffers, n int) benchCall {
		p := m.c.Size()
		part := max(1, n/p) // what is left over is not sent
		counts := slices.Repeat([]int{part}, p)
		src, dst := m.mine[:p*part], m.in[:p*part]
		call := func() error { return m.c.AllToAll(collective.Of(dst), counts, collective.Of(src), counts) }
		return benchCall{call, func() { m.fill(src) }, func() bool { return partsAre(dst, part) }}
	}},
	{"allgather", func(m *benchBuffers, n int) benchCall {
		b, all := m.mine[:n], []byte(nil)
		call := func() (err error) { all, err = collective.AllGather(m.c, b); return err }
		return benchCall{call, func() { m.fill(b) }, func() bool { return len(all) == n*m.c.Size() && partsAre(all, n) }}
	}},
}

// CollectiveOps are the names of the operations that can be measured.
func CollectiveOps() []string {
	var names []string
	for _, op := range collectiveOps {
		names = append(names, op.name)
	}
	return names
}

// fill sets every byte to rank+1, modulo 256.
func (m *benchBuffers) fill(b []byte) {
	for i := range b {
		b[i] = byte(m.c.Rank() + 1)
	}
}

func allAre[T comparable](s []T, v T) bool {
	return !slices.ContainsFunc(s, func(x T) bool { return x != v })
}

// partsAre reports whether b is each rank's part, as fill sets it, in rank order.
func partsAre(b []byte, part int) bool {
	for r := 0; r < len(b)/part; r++ {
		if !allAre(b[r*part:(r+1)*part], byte(r+1)) {
			return false
		}
	}
	return true
}

// Print writes the result as a table.
func (r *CollectiveResult) Print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%v\n%s, %d rank(s) on %d host(s); %d run(s) of about %.0f ms, µs of a call on the slowest rank; GB/s are of the bytes of one rank's buffer\n\n%-10s %8s %12s %12s %12s %8s\n",
		r.benchMachine, r.Library, r.Ranks, r.Hosts, r.Options.Repeats, runSeconds*1e3, "", "size", "median", "min", "max", "GB/s")
	for _, t := range r.Results {
		rate := ""
		if t.Bytes > 0 {
			rate = fmt.Sprintf("%.3g", t.GBps)
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "%-10s %8s %12.2f %12.2f %12.2f %8s\n", t.Name, sizeText(t.Bytes), t.Median, t.Min, t.Max, rate)
		}
	}
	return err
}

func sizeText(n int) string {
	switch {
	case n == 0:
		return ""
	case n%(1<<20) == 0:
		return fmt.Sprint(n>>20, " MiB")
	case n%(1<<10) == 0:
		return fmt.Sprint(n>>10, " KiB")
	}
	return fmt.Sprint(n, " B")
}
