package stages

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"deeprc/collective"
)

// MemoryBench measures the memory of whole runs by the bytes of their data: `deeprc bench memory`.
type MemoryBench struct {
	Rows   int
	Cases  []string
	Deeprc []string // the command that runs MemoryOnce on a case's folder, with --once and the name
}

// MemoryRun is one run in a process of its own, on one rank.
type MemoryRun struct {
	Name      string             `json:"name"`
	Rows      int                `json:"rows"`
	Columns   int                `json:"columns"`
	DataBytes int64              `json:"data_bytes"` // of all cells, at 8 each
	FileBytes int64              `json:"file_bytes"`
	RSSBytes  int64              `json:"rss_bytes"` // the most memory of the process in its life, the binary and its libraries included
	Multiple  float64            `json:"multiple"`  // RSSBytes over DataBytes
	Seconds   map[string]float64 `json:"seconds"`   // of each stage
}

// MemoryResult is one JSON document of `deeprc bench memory`.
type MemoryResult struct {
	benchMachine
	Runs []MemoryRun `json:"runs"`
}

// MemoryCases are the names of what can be measured.
func MemoryCases() (names []string) {
	for _, m := range memoryCases {
		names = append(names, m.name)
	}
	return names
}

// Check reports what cannot be measured.
func (b MemoryBench) Check() error {
	if b.Rows < memorySeries || b.Rows > 1<<30 {
		return configErrorf("bench: --rows %d: want %d, a series, to %d", b.Rows, memorySeries, 1<<30)
	}
	if len(b.Cases) == 0 {
		return configErrorf("bench: --case is empty: want some of %v", MemoryCases())
	}
	return knownOnce("case", "case", b.Cases, MemoryCases())
}

// Run makes each case's file in a temporary folder and runs its experiment.
func (b MemoryBench) Run(ctx context.Context, version string) (*MemoryResult, error) {
	if err := b.Check(); err != nil {
		return nil, err
	}
	res := &MemoryResult{benchMachine: thisMachine(version)}
	for _, m := range memoryCases {
		if !slices.Contains(b.Cases, m.name) {
			continue
		}
		r, err := b.one(ctx, m)
		if err != nil {
			return nil, err
		}
		res.Runs = append(res.Runs, *r)
	}
	return res, nil
}

func (b MemoryBench) one(ctx context.Context, m memoryCase) (*MemoryRun, error) {
	dir, err := os.MkdirTemp("", "deeprc-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, m.file)
	if err := m.write(path, b.Rows); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	stdout, err := output(ctx, append(slices.Clone(b.Deeprc), "--once", m.name, "--dir", dir))
	if err != nil {
		return nil, err
	}
	r := new(MemoryRun)
	d := json.NewDecoder(bytes.NewReader(stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil || d.More() || r.Name != m.name || r.RSSBytes <= 0 {
		return nil, fmt.Errorf("bench: %s printed %.400q: want one run as JSON (%v); is it of this version?", m.name, stdout, err)
	}
	r.Rows, r.Columns, r.FileBytes = b.Rows, memoryColumns, info.Size()
	r.DataBytes = int64(r.Rows) * memoryColumns * 8
	r.Multiple = float64(r.RSSBytes) / float64(r.DataBytes)
	return r, nil
}

// MemoryOnce runs the named case, whose file is in dir, in this process.
func MemoryOnce(ctx context.Context, name, dir, version string) (*MemoryRun, error) {
	k := slices.IndexFunc(memoryCases, func(m memoryCase) bool { return m.name == name })
	if k < 0 {
		return nil, configErrorf("bench: no case %q%s", name, didYouMean(name, MemoryCases()))
	}
	path := filepath.Join(dir, name+".toml")
	if err := os.WriteFile(path, []byte(memoryCases[k].experiment(dir)), 0o666); err != nil {
		return nil, err
	}
	cfg, err := LoadConfig(path, nil)
	if err != nil {
		return nil, err
	}
	r := &MemoryRun{Name: name}
	err = collective.RunLocal(1, func(c collective.Comm) error {
		res, err := Run(ctx, c, cfg, Options{Version: version, Quiet: true})
		if err == nil {
			r.Seconds = res.Seconds
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	r.RSSBytes, _, err = peaks()
	return r, err
}

// Print writes the result as a table.
func (r *MemoryResult) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%v\nwhole runs on one rank, each in a process of its own; data: 8 bytes a cell; peak: of the process, its binary and libraries included\n\n%-8s %10s %7s %9s %9s %9s %8s %8s\n",
		r.benchMachine, "", "rows", "columns", "file MB", "data MB", "peak MB", "multiple", "time")
	for _, x := range r.Runs {
		fmt.Fprintf(&b, "%-8s %10d %7d %9.1f %9.1f %9.1f %8.2f %8v\n", x.Name, x.Rows, x.Columns, float64(x.FileBytes)/1e6, float64(x.DataBytes)/1e6,
			float64(x.RSSBytes)/1e6, x.Multiple, time.Duration(x.Seconds["total"]*1e9).Round(10*time.Millisecond))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
