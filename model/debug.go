package model

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// debugLevel is what $DEEPRC_DEBUG asks of the ops of a device: 0 nothing; ops 1: a check of each result; ops=2 also the time of each kind of op,
// as a table when the device is closed; ops=3 also a line for each op that runs.
func debugLevel() (level int, err error) {
	for _, what := range strings.Split(os.Getenv("DEEPRC_DEBUG"), ",") {
		name, value, leveled := strings.Cut(strings.TrimSpace(what), "=")
		switch {
		case name != "ops":
		case !leveled || value == "1":
			level = 1
		case value == "2" || value == "3":
			level = int(value[0] - '0')
		default:
			return 0, fmt.Errorf("model: DEEPRC_DEBUG: %s: want ops (check each result), ops=2 (and time each op) or ops=3 (and print each)", what)
		}
	}
	return level, nil
}

// A debugger watches the ops of a device that $DEEPRC_DEBUG asks to watch.
type debugger struct {
	level int
	out   io.Writer
	mu    sync.Mutex
	times map[string]opTime // by the op's type
}

type opTime struct {
	count int
	time  time.Duration
}

// newDebugger is nil where nothing is asked for.
func newDebugger() (*debugger, error) {
	level, err := debugLevel()
	if level == 0 {
		return nil, err
	}
	return &debugger{level: level, out: os.Stderr, times: map[string]opTime{}}, nil
}

// run runs step i of n, which a CPU device does before it returns, and checks it.
func (d *debugger) run(p *Pool, s *cpuStep, i, n int) error {
	start := time.Now()
	s.op.CPU(p, s.y, s.in)
	took := time.Since(start)
	if d.level > 1 {
		d.mu.Lock()
		defer d.mu.Unlock()
		t := d.times[opName(s.op)]
		d.times[opName(s.op)] = opTime{t.count + 1, t.time + took}
	}
	if d.level > 2 {
		fmt.Fprintf(d.out, "op %d of %d: %s → %s, %.3f ms\n", i+1, n, opName(s.op), summary(s.y), ms(took))
	}
	if err := checkFinite(s.op, s.y, s.in); err != nil {
		return fmt.Errorf("model: DEEPRC_DEBUG=ops: step %d of %d, %T%+v → %v: %w", i+1, n, s.op, s.op, s.y.Shape, err)
	}
	return nil
}

// close prints the table of times, the dearest first.
func (d *debugger) close() {
	if d == nil || len(d.times) == 0 {
		return
	}
	var all time.Duration
	for _, t := range d.times {
		all += t.time
	}
	fmt.Fprintf(d.out, "%-24s %10s %12s %10s %7s\n", "op", "count", "total ms", "ms each", "share")
	names := slices.SortedFunc(maps.Keys(d.times), func(a, b string) int {
		return cmp.Or(cmp.Compare(d.times[b].time, d.times[a].time), cmp.Compare(a, b))
	})
	for _, name := range names {
		t := d.times[name]
		fmt.Fprintf(d.out, "%-24s %10d %12.3f %10.4f %6.1f%%\n", name, t.count, ms(t.time), ms(t.time)/float64(t.count), 100*float64(t.time)/float64(all))
	}
	clear(d.times)
}

// opName is the op's type.
func opName(op Op) string {
	return strings.TrimPrefix(strings.TrimPrefix(fmt.Sprintf("%T", op), "*"), "model.")
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// blind is an op that skips the elements of an input which are NaN, as missing targets are.
type blind interface{ blind() int }

// checkFinite is an error where a step made NaN or infinities out of inputs that
// have none. NaN in data, such as missing targets, is no error where the op lets it through.
func checkFinite(op Op, y Array, in []Array) error {
	if bad(y) == 0 {
		return nil
	}
	skip := -1
	if b, ok := op.(blind); ok {
		skip = b.blind()
	}
	var of []string
	for i, x := range in {
		if bad(x) > 0 && i != skip {
			return nil
		}
		if x.F != nil {
			of = append(of, summary(x))
		}
	}
	return fmt.Errorf("%d of %d values are NaN or infinite; inputs: %s", bad(y), len(y.F), strings.Join(of, "; "))
}

func bad(a Array) (n int) {
	for _, v := range a.F {
		if d := float64(v); math.IsNaN(d) || math.IsInf(d, 0) {
			n++
		}
	}
	return n
}

// summary is the shape of a, the least, mean and greatest of its values that are not NaN, and how many are.
func summary(a Array) string {
	least, most, sum, n := math.Inf(1), math.Inf(-1), 0., 0
	add := func(v float64) {
		if v == v {
			least, most, sum, n = min(least, v), max(most, v), sum+v, n+1
		}
	}
	for _, v := range a.F {
		add(float64(v))
	}
	for _, v := range a.I {
		add(float64(v))
	}
	return fmt.Sprintf("%v min %g mean %.6g max %g NaN %d", a.Shape, least, sum/float64(n), most, len(a.F)+len(a.I)-n)
}
