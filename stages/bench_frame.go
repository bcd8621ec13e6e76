package stages

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// FrameOptions say which operations on tables are measured, and on what.
type FrameOptions struct {
	Rows    int      `json:"rows"`  // of each table
	Ranks   int      `json:"ranks"` // in-process ones of deeprc; the peers' threads
	Repeats int      `json:"repeats"`
	Ops     []string `json:"ops"`
	Engines []string `json:"engines"` // peers, of FramePeers
	Seed    uint64   `json:"seed"`
}

// maxBenchRows is what one rank's row numbers of 32 bits suffice for.
const maxBenchRows = 1<<32 - 2

// Check reports what cannot be measured.
func (o FrameOptions) Check() error {
	if o.Rows < 1 || o.Rows > maxBenchRows {
		return configErrorf("bench: --rows %d: want 1 to %d", o.Rows, maxBenchRows)
	}
	if o.Ranks < 1 || o.Ranks > MaxRanks {
		return configErrorf("bench: --ranks %d: want 1 to %d", o.Ranks, MaxRanks)
	}
	if o.Repeats < 1 || o.Repeats > 1000 {
		return configErrorf("bench: --repeats %d: want 1 to 1000", o.Repeats)
	}
	if len(o.Ops) == 0 {
		return configErrorf("bench: --ops is empty: want some of %v", FrameOps())
	}
	if err := knownOnce("ops", "operation", o.Ops, FrameOps()); err != nil {
		return err
	}
	return knownOnce("engines", "engine", o.Engines, FramePeers())
}

// knownOnce checks the words of a flag.
func knownOnce(flag, what string, words, known []string) error {
	for i, w := range words {
		if !slices.Contains(known, w) {
			return configErrorf("bench: --%s: no %s %q%s", flag, what, w, didYouMean(w, known))
		}
		if slices.Contains(words[:i], w) {
			return configErrorf("bench: --%s: %s is named twice", flag, w)
		}
	}
	return nil
}

func (o FrameOptions) data() frameData { return frameData{o.Rows, o.Seed} }

// FramePeers are the engines of bench/peers.
func FramePeers() []string { return []string{"duckdb", "polars", "pandas", "pyarrow"} }

// FrameBench is `deeprc bench frame`: what it starts, and where its files are.
type FrameBench struct {
	FrameOptions
	Deeprc  []string // deeprc bench frame, which runs an operation once
	Dir     string   // of the files, which stay there and are used again; "" means a folder that is removed
	Python  string   // an interpreter that has the peers' packages; "" means no peers
	Scripts string   // the folder of peer.py
}

// FrameResult is one JSON document of `deeprc bench frame`.
type FrameResult struct {
	benchMachine
	Options FrameOptions `json:"options"`
	Results []FrameTrial `json:"results"`
}

// FrameTrial is the seconds of one operation by one engine, and its memory: the most in any run.
type FrameTrial struct {
	BenchTrial
	Engine        string  `json:"engine"`
	EngineVersion string  `json:"engine_version"`
	Threads       int     `json:"threads"`
	Rows          int64   `json:"rows"` // of the result
	RSSBytes      int64   `json:"rss_bytes"`
	RusageBytes   int64   `json:"rusage_bytes"`
	MemoryBytes   int64   `json:"memory_bytes,omitempty"`
	TableBytes    int64   `json:"table_bytes"`     // of input and output as deeprc holds them
	Multiple      float64 `json:"multiple"`        // RSSBytes over TableBytes
	Ratio         float64 `json:"ratio,omitempty"` // of the medians: this engine's over the fastest peer's
}

// Run starts every operation of every engine in turn, each in a process of its own,
// Repeats times over, so that a disturbance spreads over them. Results that differ are an error.
func (b FrameBench) Run(ctx context.Context, version string) (*FrameResult, error) {
	if err := b.Check(); err != nil {
		return nil, err
	}
	engines := []string{"deeprc"}
	if b.Python != "" {
		if _, err := exec.LookPath(b.Python); err != nil {
			return nil, configErrorf("bench: --peers: %w; make peers makes bench/peers/venv/bin/python", err)
		}
		if _, err := os.Stat(b.script()); err != nil {
			return nil, configErrorf("bench: --scripts: %w; name deeprc's folder bench/peers", err)
		}
		engines = append(engines, b.Engines...)
	}
	if b.Dir == "" {
		dir, err := os.MkdirTemp("", "deeprc-bench-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		b.Dir = dir
	} else if err := os.MkdirAll(b.Dir, 0o777); err != nil {
		return nil, err
	}
	if err := b.writeFiles(); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	runs := map[[2]string][]*FrameRun{} // by operation and engine
	for range b.Repeats {
		for _, op := range b.Ops {
			for _, engine := range engines {
				r, err := b.start(ctx, op, engine)
				if err != nil {
					return nil, err
				}
				runs[[2]string{op, engine}] = append(runs[[2]string{op, engine}], r)
				if err := r.sameResult(runs[[2]string{op, "deeprc"}][0]); err != nil {
					return nil, err
				}
			}
		}
	}
	res := &FrameResult{benchMachine: thisMachine(version), Options: b.FrameOptions}
	for _, op := range b.Ops {
		var trials []FrameTrial
		for _, engine := range engines {
			trials = append(trials, frameTrial(runs[[2]string{op, engine}], runs[[2]string{op, "deeprc"}][0].TableBytes))
		}
		if len(trials) > 1 {
			fastest := slices.MinFunc(trials[1:], func(a, b FrameTrial) int { return cmp.Compare(a.Median, b.Median) }).Median
			for i := range trials {
				trials[i].Ratio = trials[i].Median / fastest
			}
		}
		res.Results = append(res.Results, trials...)
	}
	return res, nil
}

func (b FrameBench) script() string { return filepath.Join(b.Scripts, "peer.py") }

// writeFiles makes the files that the operations and the peers need.
func (b FrameBench) writeFiles() error {
	data := b.data()
	for _, op := range frameOps {
		if !slices.Contains(b.Ops, op.name) {
			continue
		}
		if op.format != "" {
			if _, err := data.write(b.Dir, leftSide, op.format); err != nil {
				return err
			}
		}
		for _, s := range op.tables {
			if b.Python != "" {
				if _, err := data.write(b.Dir, s, "parquet"); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// start runs one operation of one engine in a process of its own.
func (b FrameBench) start(ctx context.Context, op, engine string) (*FrameRun, error) {
	threads := strconv.Itoa(b.Ranks)
	var args []string
	if engine == "deeprc" {
		args = append(slices.Clone(b.Deeprc), "--once", op, "--dir", b.Dir, "--rows", strconv.Itoa(b.Rows), "--ranks", threads, "--seed", strconv.FormatUint(b.Seed, 10))
	} else {
		format := "parquet"
		if op == "csv" {
			format = op
		}
		data := b.data()
		args = []string{b.Python, b.script(), "--engine", engine, "--op", op, "--threads", threads,
			"--left", data.path(b.Dir, leftSide, format), "--right", data.path(b.Dir, rightSide, "parquet")}
	}
	stdout, err := output(ctx, args, "GOMAXPROCS="+threads)
	if err != nil {
		return nil, err
	}
	r := new(FrameRun)
	d := json.NewDecoder(bytes.NewReader(stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil || d.More() || r.Engine != engine || r.Op != op || r.Seconds <= 0 {
		return nil, fmt.Errorf("bench: %s of %s printed %.400q: want one run as JSON (%v); is it of this version?", op, engine, stdout, err)
	}
	return r, nil
}

func frameTrial(runs []*FrameRun, tableBytes int64) FrameTrial {
	var seconds []float64
	t := FrameTrial{Engine: runs[0].Engine, EngineVersion: runs[0].Version, Threads: runs[0].Threads, Rows: runs[0].Rows, TableBytes: tableBytes}
	for _, r := range runs {
		seconds = append(seconds, r.Seconds)
		t.RSSBytes, t.RusageBytes, t.MemoryBytes = max(t.RSSBytes, r.RSSBytes), max(t.RusageBytes, r.RusageBytes), max(t.MemoryBytes, r.MemoryBytes)
	}
	t.BenchTrial = trial(runs[0].Op, "s", seconds)
	t.Multiple = float64(t.RSSBytes) / float64(tableBytes)
	return t
}

// Print writes the result as a table.
func (r *FrameResult) Print(w io.Writer) error {
	const mib = 1 << 20
	_, err := fmt.Fprintf(w, "%v\ntables of %d rows of two int64 columns; %d interleaved run(s), each in a process of its own; ratio is to the fastest peer's median\n"+
		"peak: of the process during the operation, inputs included, and of it what frame.Memory counts; tables: input and output\n\n%-8s %-8s %-8s %7s %10s %21s %6s %9s %9s %11s %9s\n",
		r.benchMachine, r.Options.Rows, r.Options.Repeats, "", "engine", "version", "threads", "median s", "(min–max)", "ratio", "peak MiB", "counted", "tables MiB", "multiple")
	for _, t := range r.Results {
		ratio, counted := "", ""
		if t.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f", t.Ratio)
		}
		if t.MemoryBytes > 0 {
			counted = fmt.Sprintf("%.0f", float64(t.MemoryBytes)/mib)
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "%-8s %-8s %-8s %7d %10.4f %21s %6s %9.0f %9s %11.0f %9.2f\n", t.Name, t.Engine, t.EngineVersion, t.Threads, t.Median,
				fmt.Sprintf("(%.4f–%.4f)", t.Min, t.Max), ratio, float64(t.RSSBytes)/mib, counted, float64(t.TableBytes)/mib, t.Multiple)
		}
	}
	return err
}
