package stages

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// HeteroBench measures a pipeline as tasks under one pilot beside the same as jobs one after the other: `deeprc bench hetero`.
type HeteroBench struct {
	HeteroOptions
	Deeprc []string // deeprc run
}

// HeteroOptions say what the pipeline is, and how it is started.
type HeteroOptions struct {
	Rows     int      `json:"rows"` // of each table
	Steps    int      `json:"steps"`
	Nets     []string `json:"nets"`
	Ranks    int      `json:"ranks,omitempty"`    // in-process ones of each job; 0: those of Launcher
	Launcher []string `json:"launcher,omitempty"` // a command that starts what is named after it on every rank
	Repeats  int      `json:"repeats"`
}

// HeteroResult is one JSON document of `deeprc bench hetero`; seconds are those from the start of a job's process to its end.
type HeteroResult struct {
	benchMachine
	Options HeteroOptions `json:"options"`
	Pilot   BenchTrial    `json:"pilot"` // all tasks, one process a rank
	Batch   BenchTrial    `json:"batch"` // the sum of Jobs, in each repeat
	Jobs    []BenchTrial  `json:"jobs"`
	Empty   BenchTrial    `json:"empty"`    // a job that does nothing: start-up and end
	Saved   float64       `json:"saved"`    // of the medians: 1 − pilot ÷ batch
	StartUp float64       `json:"start_up"` // the part of batch that is start-up which the pilot has not: an empty job for each job but one
}

const (
	heteroSeries   = 400 // steps of a series
	heteroBaseline = "repeat_last"
	heteroSame     = 1e-6 // how far the baseline's errors, which are of the tables alone, may be apart
	heteroAgrees   = 0.25 // likewise, those of nets: sums over other ranks are rounded otherwise, which a hundred updates can make a few per cent
)

// Check reports what cannot be measured.
func (b HeteroBench) Check() error {
	switch {
	case b.Rows < heteroSeries || b.Rows > 1e9:
		return configErrorf("bench: --rows %d: want %d, a series, to 10⁹", b.Rows, heteroSeries)
	case b.Steps < 1 || b.Steps > 1e6:
		return configErrorf("bench: --steps %d: want 1 to 1000000", b.Steps)
	case b.Repeats < 1 || b.Repeats > 1000:
		return configErrorf("bench: --repeats %d: want 1 to 1000", b.Repeats)
	case len(b.Launcher) == 0 && (b.Ranks < 1 || b.Ranks > MaxRanks):
		return configErrorf("bench: --ranks %d: want 1 to %d", b.Ranks, MaxRanks)
	case len(b.Launcher) > 0 && b.Ranks > 0:
		return configErrorf("bench: --ranks with --launcher: the launcher gives the ranks; name their number there")
	case len(b.Nets) == 0:
		return configErrorf("bench: --nets is empty: want some of %s", strings.Join(BenchNets(), ", "))
	}
	return knownOnce("nets", "net", b.Nets, BenchNets())
}

// Run starts the pilot's run and the jobs Repeats times over, in turn, each first in every second repeat.
func (b HeteroBench) Run(ctx context.Context, version string) (*HeteroResult, error) {
	if err := b.Check(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "deeprc-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	series := max(1, b.Rows/heteroSeries)
	for _, f := range []struct {
		name string
		Synth
	}{{"left", Synth{Series: series, Hours: heteroSeries, Seed: 1}}, {"right", Synth{Series: series, Hours: heteroSeries, Seed: 2}}, {"tiny", Synth{Series: 1, Hours: 100, Seed: 1}}} {
		if err := WriteSynth(filepath.Join(dir, f.name+".csv"), f.Synth, "long"); err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
	}
	var pilot, batch, empty []float64
	jobs := make([][]float64, 2+len(b.Nets))
	for i := range b.Repeats {
		at := filepath.Join(dir, strconv.Itoa(i))
		together := func() (map[string]float64, error) {
			run, took, err := b.start(ctx, at, "pilot", heteroTables(dir)+heteroJoin+heteroSort+b.learn(b.Nets)+b.tasks())
			pilot = append(pilot, took)
			if err != nil {
				return nil, err
			}
			return mseOf(run)
		}
		apart := func() (map[string]float64, error) {
			end := heteroTiny(dir) + heteroAlone
			joined, took, err := b.start(ctx, at, "join", heteroTables(dir)+heteroJoin+"[[preprocess]]\nop = \"write_ipc\"\npath = \"out\"\n"+end)
			if err != nil {
				return nil, err
			}
			jobs[0] = append(jobs[0], took)
			sorted, took, err := b.start(ctx, at, "sort", heteroIPC(joined)+heteroSort+"[[preprocess]]\nop = \"write_ipc\"\npath = \"out\"\n"+end)
			if err != nil {
				return nil, err
			}
			jobs[1] = append(jobs[1], took)
			all := map[string]float64{}
			for k, net := range b.Nets {
				run, took, err := b.start(ctx, at, net, heteroIPC(sorted)+b.learn([]string{net}))
				if err != nil {
					return nil, err
				}
				jobs[2+k] = append(jobs[2+k], took)
				one, err := mseOf(run)
				if err != nil {
					return nil, err
				}
				maps.Copy(all, one)
			}
			sum := 0.
			for _, j := range jobs {
				sum += j[i]
			}
			batch = append(batch, sum)
			return all, nil
		}
		order := []func() (map[string]float64, error){together, apart}
		if i%2 == 1 {
			slices.Reverse(order)
		}
		var of [2]map[string]float64
		for k, f := range order {
			if of[k], err = f(); err != nil {
				return nil, err
			}
		}
		for _, name := range append(slices.Clone(b.Nets), heteroBaseline) {
			near := heteroAgrees
			if name == heteroBaseline {
				near = heteroSame
			}
			x, measured := of[0][name]
			y, also := of[1][name]
			if !measured || !also {
				return nil, fmt.Errorf("bench: %s has no mse, under one pilot or as a job: it failed there", name)
			}
			if !(math.Abs(x-y) <= near*y) {
				return nil, fmt.Errorf("bench: the mse of %s is %g and %g, under one pilot and as a job: one of them is wrong", name, x, y)
			}
		}
		_, took, err := b.start(ctx, at, "empty", heteroTiny(dir)+heteroAlone)
		if err != nil {
			return nil, err
		}
		empty = append(empty, took)
		if err := os.RemoveAll(at); err != nil {
			return nil, err
		}
	}
	names := append([]string{"join", "sort"}, b.Nets...)
	r := &HeteroResult{benchMachine: thisMachine(version), Options: b.HeteroOptions, Pilot: trial("pilot", "s", pilot), Batch: trial("batch", "s", batch), Empty: trial("empty", "s", empty)}
	for i, name := range names {
		r.Jobs = append(r.Jobs, trial(name, "s", jobs[i]))
	}
	r.Saved = 1 - r.Pilot.Median/r.Batch.Median
	r.StartUp = float64(len(jobs)-1) * r.Empty.Median / r.Batch.Median
	return r, nil
}

// start runs an experiment, in processes of its own, and tells its folder and how long that took.
func (b HeteroBench) start(ctx context.Context, dir, name, text string) (run string, seconds float64, err error) {
	file, runs := filepath.Join(dir, name+".toml"), filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", 0, err
	}
	if err := os.WriteFile(file, []byte(heteroData+text), 0o666); err != nil {
		return "", 0, err
	}
	args := slices.Concat(b.Launcher, b.Deeprc, []string{file, "--dir", runs, "--no-cache"})
	if b.Ranks > 0 {
		args = append(args, "--ranks", strconv.Itoa(b.Ranks))
	}
	begin := time.Now()
	if _, err := output(ctx, args); err != nil {
		return "", 0, err
	}
	seconds = time.Since(begin).Seconds()
	found, err := filepath.Glob(filepath.Join(runs, "*"))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("bench: %s left %d folders in %s, want one: does the launcher start one program a rank?", strings.Join(args, " "), len(found), runs)
	}
	if err != nil {
		return "", 0, err
	}
	return found[0], seconds, nil
}

// mseOf is the test error of a run's models.
func mseOf(run string) (map[string]float64, error) {
	m, err := readMetrics(filepath.Join(run, "metrics.json"))
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for name, values := range m.Test {
		if v := values["mse"]; v != nil {
			out[name] = *v
		}
	}
	if len(out) == 0 {
		return nil, errors.New("bench: no model of " + run + " has an mse")
	}
	return out, nil
}

// The parts of the experiments.
const (
	heteroData = "[windows]\nlookback = 24\nhorizon = 24\n[evaluate]\nmetrics = [\"mse\"]\nbaselines = [\"repeat_last\"]\nforecasts = false\nplots = 0\n"
	heteroJoin = "[[preprocess]]\nop = \"join\"\nfrom = \"left\"\nwith = \"right\"\non = [\"unique_id\", \"ds\"]\n[[preprocess]]\nop = \"compute\"\ncolumns = [\"y = y + y_right\"]\n" +
		"[[preprocess]]\nop = \"select\"\ncolumns = [\"unique_id\", \"ds\", \"y\"]\n"
	heteroSort = "[[preprocess]]\nop = \"sort\"\nby = [\"ds\", \"unique_id\"]\n" + // and the mean over all series, which is what nets learn
		"[[preprocess]]\nop = \"groupby\"\nby = [\"ds\"]\naggs = [\"y = mean(y)\"]\n[[preprocess]]\nop = \"sort\"\nby = [\"ds\"]\n"
	heteroAlone = "[[task]]\nstage = \"preprocess\"\nranks = \"all\"\n" // without a model there is nothing after it
)

// heteroTables reads both tables.
func heteroTables(dir string) string { return heteroRead(dir, "left") + heteroRead(dir, "right") }

// heteroTiny ends the steps with a table of no size, of which a job that only writes a table makes its series.
func heteroTiny(dir string) string { return heteroRead(dir, "tiny") }

func heteroRead(dir, name string) string {
	return fmt.Sprintf("[[preprocess]]\nop = \"read_csv\"\npaths = [%q]\ntext = [\"unique_id\"]\nas = %q\n", filepath.Join(dir, name+".csv"), name)
}

// heteroIPC reads what an earlier job has written.
func heteroIPC(run string) string {
	return fmt.Sprintf("[[preprocess]]\nop = \"read_ipc\"\npaths = [%q]\n", filepath.Join(run, tablesDir, "out"))
}

// learn is the training of nets.
func (b HeteroBench) learn(nets []string) string {
	text := fmt.Sprintf("[train]\nbatch = 32\nsteps = %d\nval_every = %[1]d\npatience = 0\n", b.Steps)
	for _, net := range nets {
		text += fmt.Sprintf("[[model]]\nnet = %q\n", net)
	}
	return text
}

// tasks are preprocessing on all ranks, each training on one, and the evaluation on all.
func (b HeteroBench) tasks() string {
	text := heteroAlone
	for _, net := range b.Nets {
		text += fmt.Sprintf("[[task]]\nname = %q\nstage = \"train\"\nmodels = [%[1]q]\nafter = [\"preprocess\"]\n", net)
	}
	return text + fmt.Sprintf("[[task]]\nstage = \"evaluate\"\nranks = \"all\"\nafter = [\"%s\"]\n", strings.Join(b.Nets, "\", \""))
}

// Print writes the result as a table.
func (r *HeteroResult) Print(w io.Writer) error {
	var b strings.Builder
	how := fmt.Sprintf("%d in-process rank(s)", r.Options.Ranks)
	if len(r.Options.Launcher) > 0 {
		how = strings.Join(r.Options.Launcher, " ")
	}
	fmt.Fprintf(&b, "%v\n%s; tables of %d rows, %d updates of each net; median (least–most) of %d interleaved runs\n\n", r.benchMachine, how, r.Options.Rows, r.Options.Steps, r.Options.Repeats)
	line := func(name string, t BenchTrial) {
		fmt.Fprintf(&b, "%-24s %8.2f s (%.2f–%.2f)\n", name, t.Median, t.Min, t.Max)
	}
	line("tasks under one pilot", r.Pilot)
	line(fmt.Sprintf("%d jobs", len(r.Jobs)), r.Batch)
	for _, t := range r.Jobs {
		line("  "+t.Name, t)
	}
	line("an empty job", r.Empty)
	fmt.Fprintf(&b, "\nthe pilot saves %.1f %% of the jobs' time; start-up that it has once is %.1f %%\n", 100*r.Saved, 100*r.StartUp)
	_, err := io.WriteString(w, b.String())
	return err
}
