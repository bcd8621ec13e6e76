package stages

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	"deeprc/collective"
	"deeprc/model"
)

// BenchOptions say what `deeprc bench train` measures.
type BenchOptions struct {
	Nets    []string `json:"nets"`
	Repeats int      `json:"repeats"`
	Steps   int      `json:"steps"` // updates of one measurement; 0: as many as take about a second
	// 0 in these: the net's own, as in TrainRun.Shape.
	Lookback int `json:"lookback"`
	Horizon  int `json:"horizon"`
	Channels int `json:"channels"`
	Batch    int `json:"batch"`
}

// Check reports what cannot be measured.
func (o BenchOptions) Check() error {
	if len(o.Nets) == 0 {
		return configErrorf("bench: --net is empty: want some of %v", BenchNets())
	}
	if err := knownOnce("net", "net", o.Nets, BenchNets()); err != nil {
		return err
	}
	if o.Repeats < 1 || o.Repeats > 1000 {
		return configErrorf("bench: --repeats %d: want 1 to 1000", o.Repeats)
	}
	for _, f := range []struct {
		flag string
		n    int
	}{{"steps", o.Steps}, {"lookback", o.Lookback}, {"horizon", o.Horizon}, {"channels", o.Channels}, {"batch", o.Batch}} {
		if f.n < 0 || f.n > 1<<20 {
			return configErrorf("bench: --%s %d: want 1 to %d, or 0 for the default", f.flag, f.n, 1<<20)
		}
	}
	return nil
}

// BenchNets are the nets that can be measured: all.
func BenchNets() []string {
	var names []string
	for _, k := range model.Nets() {
		names = append(names, k.Name)
	}
	return names
}

// TrainShape is the batch that a net is measured on.
type TrainShape struct {
	Lookback int    `json:"lookback"`
	Horizon  int    `json:"horizon"`
	Channels int    `json:"channels"`
	Batch    int    `json:"batch"`  // windows
	Future   int    `json:"future"` // columns known for every step
	Static   int    `json:"static"` // values a series
	Loss     string `json:"loss"`
}

// defaultShape is that of the long-horizon benchmarks on the ETT data (Zeng et al., AAAI 2023, table 2).
var defaultShape = TrainShape{Lookback: 336, Horizon: 96, Channels: 7, Batch: 32, Loss: "mse"}

// trainShapes are those of nets that were made for other data.
var trainShapes = map[string]TrainShape{
	"deepar":             {Lookback: 336, Horizon: 96, Channels: 7, Batch: 32, Loss: "studentt"},
	"cudalstm":           hydrology, // a sequence of 365 days, of which the last is predicted
	"ealstm":             hydrology,
	"autoformer":         {Lookback: 96, Horizon: 96, Channels: 7, Batch: 32, Loss: "mse"}, // as published, Wu et al., NeurIPS 2021
	"fedformer":          {Lookback: 96, Horizon: 96, Channels: 7, Batch: 32, Loss: "mse"},
	"informer":           {Lookback: 96, Horizon: 96, Channels: 7, Batch: 32, Loss: "mse"},
	"timemixer":          {Lookback: 96, Horizon: 96, Channels: 7, Batch: 32, Loss: "mse"},  // Wang et al., ICLR 2024
	"tft":                {Lookback: 168, Horizon: 24, Channels: 1, Batch: 64, Loss: "mse"}, // Lim et al. 2021, table 1, electricity
	"vanillatransformer": {Lookback: 96, Horizon: 96, Channels: 7, Batch: 32, Loss: "mse"},
	"timesnet":           {Lookback: 96, Horizon: 96, Channels: 1, Batch: 32, Loss: "mse"},             // one series: with seven a step takes PyTorch most of a minute
	"deeprc_lstm":        {Lookback: 21, Horizon: 1, Channels: 6, Batch: 256, Static: 27, Loss: "mse"}, // He et al., arXiv 2410.15218
}

// hydrology is that of NeuralHydrology on CAMELS-US: Kratzert et al., HESS 2019, §2.2 and §3.2.
var hydrology = TrainShape{Lookback: 364, Horizon: 1, Channels: 1, Batch: 256, Future: 5, Static: 27, Loss: "mse"}

func (o BenchOptions) shape(net string) TrainShape {
	s, ok := trainShapes[net]
	if !ok {
		s = defaultShape
	}
	for _, f := range []struct {
		flag int
		to   *int
	}{{o.Lookback, &s.Lookback}, {o.Horizon, &s.Horizon}, {o.Channels, &s.Channels}, {o.Batch, &s.Batch}} {
		if f.flag > 0 {
			*f.to = f.flag
		}
	}
	return s
}

// TrainRun is one measurement of one net. bench/peers/train_torch.py prints the same.
type TrainRun struct {
	Engine     string     `json:"engine"`
	Version    string     `json:"version"`
	Net        string     `json:"net"`
	Threads    int        `json:"threads"` // of all ranks
	Shape      TrainShape `json:"shape"`
	Parameters int        `json:"parameters"`
	Steps      int        `json:"steps"`
	Seconds    float64    `json:"seconds"`   // of the steps
	RSSBytes   int64      `json:"rss_bytes"` // the most memory of rank 0's process during the steps
}

// netBench is one net, ready to train on noise.
type netBench struct {
	c       collective.Comm
	fit     *model.Fit
	windows noiseWindows
	run     TrainRun
	seen    int // updates made
}

// noiseWindows are those of series of noise of that length, the inputs' rows laid out as the series are.
type noiseWindows struct {
	TrainShape
	length int
}

func (w noiseWindows) Len() int { return w.length - w.Lookback - w.Horizon + 1 }

// Offsets is as [model.Windows] says.
func (w noiseWindows) Offsets(dst []int64, i int) {
	for r := range dst {
		switch {
		case r < w.Channels:
			dst[r] = int64(r*w.length + i)
		case r < w.Channels+w.Future:
			dst[r] = int64((r-w.Channels)*w.length + i)
		default:
			dst[r] = int64(w.Future * w.length)
		}
	}
}

// newNetBench builds a net with its default options, Adam and loss as [train] has them.
func newNetBench(c collective.Comm, dev model.Device, net string, s TrainShape) (*netBench, error) {
	cfg, err := parseConfig("bench", "[data]\npath = \"synth\"\n[[model]]\n", []string{"model.0.net=" + net,
		fmt.Sprint("windows.lookback=", s.Lookback), fmt.Sprint("windows.horizon=", s.Horizon), fmt.Sprint("train.batch=", s.Batch), "train.loss=" + s.Loss})
	if err != nil {
		return nil, err
	}
	const starts = 8192
	w := noiseWindows{s, starts + s.Lookback + s.Horizon - 1}
	random := rand.New(rand.NewPCG(1, 0))
	noise := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(random.NormFloat64())
		}
		return x
	}
	data := model.Data{Past: noise(s.Channels * w.length), Inputs: noise(s.Future*w.length + s.Static), Columns: model.Columns{Future: s.Future, Static: s.Static},
		Deviation: func(int64) float32 { return 1 }}
	data.Target = data.Past
	m := cfg.Models[0]
	fit, err := model.NewFit(dev, m.net(), model.Shape{Lookback: s.Lookback, Horizon: s.Horizon, Channels: s.Channels,
		Batch: (s.Batch + c.Size() - 1) / c.Size()}, data, m.Train, 1)
	if err != nil {
		return nil, fmt.Errorf("bench: %s: %w", net, err)
	}
	b := &netBench{c: c, fit: fit, windows: w, run: TrainRun{Engine: "deeprc", Net: net, Shape: s}}
	for _, p := range fit.Params.List {
		b.run.Parameters += p.Len()
	}
	return b, nil
}

// steps makes updates and returns the seconds that they took on the slowest rank; collective.
func (b *netBench) steps(n int) (float64, error) {
	lo, hi := collective.Share(b.run.Shape.Batch, b.c.Rank(), b.c.Size())
	begin := time.Now()
	for range n {
		i := b.seen
		b.seen++
		loss, err := b.fit.Step(b.c, b.windows, model.Part{Batch: i, First: lo, N: hi - lo, Pick: func(k int) int { return (i*7919 + (lo+k)*31) % b.windows.Len() }}, 1e-4)
		if err != nil {
			return 0, fmt.Errorf("bench: %s: %w", b.run.Net, err)
		}
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return 0, fmt.Errorf("bench: %s: the loss is %v after %d updates on noise", b.run.Net, loss, b.seen)
		}
	}
	return collective.AllReduceOne(b.c, time.Since(begin).Seconds(), collective.Max)
}

// enough is the seconds of updates after which a net is warm; tests set less.
var enough = .2

// warm makes updates until caches and threads are as later, and says how many take about a second; collective.
func (b *netBench) warm() (steps int, err error) {
	for n := 1; ; n *= 2 {
		s, err := b.steps(n)
		if err != nil {
			return 0, err
		}
		if s >= enough {
			return max(1, int(float64(n)/s)), nil
		}
	}
}

// measure makes that many updates, 0 for as many as take about a second; collective.
func (b *netBench) measure(steps int) (r TrainRun, err error) {
	r = b.run
	if r.Steps, err = b.warm(); err != nil {
		return r, err
	}
	if steps > 0 {
		r.Steps = steps
	}
	if b.c.Rank() == 0 {
		debug.FreeOSMemory() // what nets before this one had
		err = resetPeak()
	}
	if err := collective.Agree(b.c, err); err != nil {
		return r, err
	}
	if r.Seconds, err = b.steps(r.Steps); err != nil {
		return r, err
	}
	if b.c.Rank() == 0 {
		r.RSSBytes, _, err = peaks()
	}
	return r, collective.Agree(b.c, err)
}

// eachNet opens this rank's device, then builds and hands over net after net; collective.
func eachNet(c collective.Comm, o BenchOptions, version string, do func(*netBench) error) (device string, err error) {
	dev, threads, err := openCPU(c)
	if err != nil {
		return "", err
	}
	defer dev.Close()
	all, err := collective.AllReduceOne(c, int64(threads), collective.Sum)
	if err != nil {
		return "", err
	}
	for _, net := range o.Nets {
		b, err := newNetBench(c, dev, net, o.shape(net))
		if err != nil {
			return "", err
		}
		b.run.Version, b.run.Threads = version, int(all)
		if err := do(b); err != nil {
			return "", err
		}
	}
	return dev.Name(), nil
}

// TrainOnce measures one net once, in the processes of c; collective. The result is rank 0's.
func TrainOnce(c collective.Comm, o BenchOptions, net, version string) (r TrainRun, err error) {
	o.Nets = []string{net}
	if err := o.Check(); err != nil {
		return r, err
	}
	_, err = eachNet(c, o, version, func(b *netBench) error {
		r, err = b.measure(o.Steps)
		return err
	})
	return r, err
}

// BenchTrain measures each net's training, gradient AllReduce and optimizer
// included, and the seconds of a whole quickstart in a scratch folder;
// collective. The result is rank 0's.
func BenchTrain(c collective.Comm, o BenchOptions, version string) (*BenchResult, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	res := &BenchResult{benchMachine: thisMachine(version), Ranks: c.Size(), Options: o}
	var err error
	res.Device, err = eachNet(c, o, version, func(b *netBench) error {
		var runs []TrainRun
		for range o.Repeats {
			r, err := b.measure(o.Steps)
			if err != nil {
				return err
			}
			runs = append(runs, r)
		}
		res.Train = append(res.Train, trainTrial(runs))
		return nil
	})
	if err != nil {
		return nil, err
	}
	run, err := benchRun(c, o.Repeats)
	res.Run = &run
	return res, err
}

// BenchResult is one JSON document of `deeprc bench train`.
type BenchResult struct {
	benchMachine
	Device  string       `json:"device,omitempty"`
	Ranks   int          `json:"ranks"`
	Options BenchOptions `json:"options"`
	Train   []TrainTrial `json:"train"`
	Failed  []string     `json:"failed,omitempty"`         // peers that could not train a net, with their error
	Mean    float64      `json:"geometric_mean,omitempty"` // of the ratios
	Run     *BenchTrial  `json:"run,omitempty"`            // the whole quickstart: seconds
}

// TrainTrial is windows a second of one net by one engine, and its memory: the most in any run.
type TrainTrial struct {
	BenchTrial
	Engine        string     `json:"engine"`
	EngineVersion string     `json:"engine_version"`
	Threads       int        `json:"threads"`
	Shape         TrainShape `json:"shape"`
	Parameters    int        `json:"parameters"`
	StepSeconds   float64    `json:"step_seconds"` // at the median
	RSSBytes      int64      `json:"rss_bytes"`
	Ratio         float64    `json:"ratio,omitempty"` // of the medians: deeprc's over the fastest peer's
}

func trainTrial(runs []TrainRun) TrainTrial {
	r := runs[0]
	t := TrainTrial{Engine: r.Engine, EngineVersion: r.Version, Threads: r.Threads, Shape: r.Shape, Parameters: r.Parameters}
	var rates []float64
	for _, r := range runs {
		rates = append(rates, float64(r.Shape.Batch)*float64(r.Steps)/r.Seconds)
		t.RSSBytes = max(t.RSSBytes, r.RSSBytes)
	}
	t.BenchTrial = trial(r.Net, "windows/s", rates)
	t.StepSeconds = float64(r.Shape.Batch) / t.Median
	return t
}

// Print writes the result as a table.
func (r *BenchResult) Print(w io.Writer) error {
	device := ""
	if r.Device != "" {
		device = r.Device + "; "
	}
	shapes := func(s TrainShape) string {
		return fmt.Sprintf("%d/%d/%d/%d/%d/%d", s.Lookback, s.Horizon, s.Channels, s.Batch, s.Future, s.Static)
	}
	_, err := fmt.Fprintf(w, "%v\n%s%d rank(s); %d measurement(s); float32, Adam; noise; shape: lookback/horizon/channels/windows/future/static columns\n\n%-12s %-13s %8s %7s %-18s %10s %11s %21s %9s %9s %6s\n",
		r.benchMachine, device, r.Ranks, r.Options.Repeats, "", "engine", "version", "threads", "shape", "parameters", "windows/s", "(min–max)", "ms/step", "peak MiB", "ratio")
	for _, t := range r.Train {
		ratio := ""
		if t.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f", t.Ratio)
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "%-12s %-13s %8.8s %7d %-18s %10d %11.5g %21s %9.4g %9d %6s\n", t.Name, t.Engine, t.EngineVersion, t.Threads, shapes(t.Shape), t.Parameters,
				t.Median, fmt.Sprintf("(%.5g–%.5g)", t.Min, t.Max), t.StepSeconds*1e3, t.RSSBytes>>20, ratio)
		}
	}
	var last []string
	for _, f := range r.Failed {
		last = append(last, "failed: "+f)
	}
	if r.Mean > 0 {
		last = append(last, fmt.Sprintf("ratio: deeprc's windows/s over the fastest peer's, of the medians; geometric mean %.2f", r.Mean))
	}
	if r.Run != nil {
		last = append(last, fmt.Sprintf("%s: %.4g s (%.4g–%.4g)", r.Run.Name, r.Run.Median, r.Run.Min, r.Run.Max))
	}
	if err == nil {
		_, err = fmt.Fprintln(w, "\n"+strings.Join(last, "\n"))
	}
	return err
}

// geometricMean is of the ratios that there are.
func geometricMean(all []TrainTrial) float64 {
	sum, n := 0., 0
	for _, t := range all {
		if t.Ratio > 0 {
			sum, n = sum+math.Log(t.Ratio), n+1
		}
	}
	if n == 0 {
		return 0
	}
	return math.Exp(sum / float64(n))
}
