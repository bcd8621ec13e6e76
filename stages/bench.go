package stages

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"time"

	"deeprc/collective"
	"deeprc/model"
)

// BenchOptions are the sizes of a benchmark of training.
type BenchOptions struct {
	Nets                               []string
	Repeats, Steps                     int
	Lookback, Horizon, Channels, Batch int
}

// BenchResult is one JSON document of `deeprc bench train`.
type BenchResult struct {
	Version string       `json:"version"`
	Date    string       `json:"date"`
	Device  string       `json:"device"`
	CPU     string       `json:"cpu"`
	Ranks   int          `json:"ranks"`
	Options BenchOptions `json:"options"`
	Train   []BenchTrial `json:"train"`
	Run     BenchTrial   `json:"run"` // the whole quickstart: seconds
}

// BenchTrial is one thing measured several times.
type BenchTrial struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	All    []float64 `json:"all"`
	GFlops float64   `json:"gflops,omitempty"` // of the matrix products, at the median
}

func trial(name, unit string, all []float64) BenchTrial {
	s := slices.Sorted(slices.Values(all))
	m := s[len(s)/2]
	if len(s)%2 == 0 {
		m = (m + s[len(s)/2-1]) / 2
	}
	return BenchTrial{Name: name, Unit: unit, Median: m, Min: s[0], Max: s[len(s)-1], All: all}
}

// BenchTrain measures training steps per second of each net, gradient AllReduce
// and optimizer included, on synthetic series, and the seconds of a whole
// quickstart in a scratch folder; collective. The result is rank 0's.
func BenchTrain(c collective.Comm, o BenchOptions, version string) (*BenchResult, error) {
	if o.Repeats < 1 || o.Steps < 1 || o.Lookback < 1 || o.Horizon < 1 || o.Channels < 1 || o.Batch < 1 {
		return nil, configErrorf("bench: every number must be at least 1")
	}
	cfg, err := parseConfig("bench", "[data]\npath = \"synth\"\n", []string{
		fmt.Sprint("data.synth.series=", o.Channels), fmt.Sprint("data.synth.hours=", 8640+2*2880+4*(o.Lookback+o.Horizon)),
		fmt.Sprint("windows.lookback=", o.Lookback), fmt.Sprint("windows.horizon=", o.Horizon)})
	if err != nil {
		return nil, err
	}
	j := &job{ctx: context.Background(), c: c, cfg: cfg, screen: newScreen(false), times: &timings{rank: c.Rank()}}
	if err := j.prepare(); err != nil {
		return nil, err
	}
	res := &BenchResult{Version: version, Date: time.Now().UTC().Format(time.DateOnly), Device: j.dev.Name(),
		CPU: fmt.Sprintf("%s, %d cores", cpuName(), runtime.GOMAXPROCS(0)), Ranks: c.Size(), Options: o}
	for _, name := range o.Nets {
		t, err := j.benchNet(name, o)
		if err != nil {
			return nil, err
		}
		res.Train = append(res.Train, t)
	}
	if res.Run, err = benchRun(c, o.Repeats); err != nil {
		return nil, err
	}
	return res, nil
}

func (j *job) benchNet(name string, o BenchOptions) (t BenchTrial, err error) {
	cfg, err := parseConfig("bench", "[data]\npath = \"synth\"\n[[model]]\n", []string{"model.0.net=" + name,
		fmt.Sprint("train.batch=", o.Batch), fmt.Sprint("train.steps=", o.Steps), "train.patience=0",
		fmt.Sprint("train.val_every=", math.MaxInt32), fmt.Sprint("train.log_every=", o.Steps)})
	if err != nil {
		return t, err
	}
	m := cfg.Models[0]
	o.Batch = min(o.Batch, j.sets[0].Len())
	fit, err := model.NewFit(j.dev, m.net(), j.shape(o.Batch), j.series.Data, m.Train, 1)
	if err != nil {
		return t, err
	}
	rate := func() (float64, error) {
		begin := time.Now()
		for i := range o.Steps {
			lo, hi := collective.Share(o.Batch, j.c.Rank(), j.c.Size())
			_, err := fit.Step(j.c, j.sets[0], model.Part{Batch: i, First: lo, N: hi - lo, Pick: func(k int) int { return (i*7919 + (lo+k)*31) % j.sets[0].Len() }}, 1e-4)
			if err != nil {
				return 0, err
			}
		}
		return float64(o.Steps) / time.Since(begin).Seconds(), nil
	}
	if _, err := rate(); err != nil { // warms caches and the matrix library
		return t, err
	}
	var all []float64
	for range o.Repeats {
		r, err := rate()
		if err != nil {
			return t, err
		}
		all = append(all, r)
	}
	t = trial(name, "steps/s", all)
	weights := 0
	for _, p := range fit.Params.List {
		if len(p.Shape) == 2 {
			weights += p.Len()
		}
	}
	// Forward and weight gradient: two products of 2·rows·weights; the input needs no gradient.
	t.GFlops = t.Median * 4 * float64(o.Batch*o.Channels) * float64(weights) / 1e9
	return t, nil
}

// benchRun measures whole quickstarts, from config to report.
func benchRun(c collective.Comm, repeats int) (t BenchTrial, err error) {
	dir := ""
	if c.Rank() == 0 {
		if dir, err = os.MkdirTemp("", "deeprc-bench-"); err == nil {
			defer os.RemoveAll(dir)
		}
	}
	if err := collective.Agree(c, err); err != nil {
		return t, err
	}
	b, err := collective.BroadcastBytes(c, []byte(dir), 0)
	if err != nil {
		return t, err
	}
	cfg, err := LoadConfig("", nil)
	if err != nil {
		return t, err
	}
	cfg.Run.Dir = string(b)
	var all []float64
	for range repeats {
		begin := time.Now()
		if _, err := Run(context.Background(), c, cfg, Options{Quiet: true}); err != nil {
			return t, err
		}
		all = append(all, time.Since(begin).Seconds())
	}
	return trial("quickstart", "s", all), nil
}

// Print writes the result as a table.
func (r *BenchResult) Print(w io.Writer) error {
	o := r.Options
	_, err := fmt.Fprintf(w, "%s\n%s, %d rank(s); lookback %d, horizon %d, %d channels, batch %d; %d repeats of %d steps\n\n%-12s %10s %10s %10s  %s\n",
		r.CPU, r.Device, r.Ranks, o.Lookback, o.Horizon, o.Channels, o.Batch, o.Repeats, o.Steps, "", "median", "min", "max", "unit")
	for _, t := range append(slices.Clone(r.Train), r.Run) {
		if err == nil {
			_, err = fmt.Fprintf(w, "%-12s %10.4g %10.4g %10.4g  %s\n", t.Name, t.Median, t.Min, t.Max, t.Unit)
		}
	}
	return err
}
