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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"deeprc/collective"
)

// CompareOptions say what `deeprc bench collective --c-program` starts.
type CompareOptions struct {
	CollectiveOptions
	Launcher []string // a command, with its arguments, that starts the program named after them on every rank
	Program  string   // bench/collective.c, built by the mpicc of the launcher's MPI
	Deeprc   []string // deeprc bench collective, with what both programs must not get
}

// CollectiveComparison is one JSON document of `deeprc bench collective --c-program`.
type CollectiveComparison struct {
	benchMachine
	Hosts    int                `json:"hosts"`
	Ranks    int                `json:"ranks"`
	Launcher string             `json:"launcher"`
	Program  string             `json:"c_program"`
	CLibrary string             `json:"c_library"`
	Library  string             `json:"library"`
	Options  CollectiveOptions  `json:"options"`
	Results  []CollectiveOfBoth `json:"results"`
}

// CollectiveOfBoth is one operation on one size, in µs of a call on the slowest rank.
type CollectiveOfBoth struct {
	Name       string     `json:"name"`
	Bytes      int        `json:"bytes"`
	C          BenchTrial `json:"c"`
	Deeprc     BenchTrial `json:"deeprc"`
	Ratio      float64    `json:"ratio"`         // of the medians: deeprc's over C's
	BestRatio  float64    `json:"best_ratio"`    // of the minima
	Difference float64    `json:"difference_us"` // of the medians: deeprc's less C's
}

// CompareCollective starts the C program, then deeprc, Repeats times over, each with one run of
// every operation and size, and compares the medians. The environment goes to both.
func CompareCollective(ctx context.Context, o CompareOptions, version string) (*CollectiveComparison, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if name := collective.LauncherName(); name != "" {
		return nil, configErrorf("bench: --c-program under %s: start deeprc without it; it starts both programs by --launcher", name)
	}
	if len(o.Launcher) == 0 {
		return nil, configErrorf("bench: --launcher is empty: want a command such as mpirun -n 2")
	}
	program, err := exec.LookPath(o.Program)
	if err != nil {
		return nil, configErrorf("bench: --c-program: %w; build it by the mpicc of the launcher's MPI: mpicc -O2 -o %s bench/collective.c", err, o.Program)
	}
	keys := o.benchKeys()
	times := map[collectiveKey]*[2][]float64{}
	for _, k := range keys {
		times[k] = new([2][]float64)
	}
	var of [2]*CollectiveResult // of C, of deeprc
	for range o.Repeats {
		for i, prog := range [][]string{{program}, o.Deeprc} {
			if of[i], err = o.once(ctx, prog); err != nil {
				return nil, err
			}
			if of[0].Ranks != of[i].Ranks {
				return nil, fmt.Errorf("bench: by %q %s runs on %d rank(s), but deeprc on %d over %s: build the C program by the mpicc of the launcher's MPI",
					strings.Join(o.Launcher, " "), o.Program, of[0].Ranks, of[i].Ranks, of[i].Library)
			}
			for _, t := range of[i].Results {
				if both := times[collectiveKey{t.Name, t.Bytes}]; both != nil && len(t.All) == 1 {
					both[i] = append(both[i], t.All[0])
				}
			}
		}
	}
	res := &CollectiveComparison{benchMachine: thisMachine(version), Hosts: of[1].Hosts, Ranks: of[1].Ranks, Launcher: strings.Join(o.Launcher, " "),
		Program: o.Program, CLibrary: of[0].Library, Library: of[1].Library, Options: o.CollectiveOptions}
	for _, k := range keys {
		for i, all := range times[k] {
			if len(all) != o.Repeats || slices.Min(all) <= 0 {
				return nil, fmt.Errorf("bench: %s printed %d times of %s of %d bytes, %v, in %d runs: want a positive one in each; is it built from this version's bench/collective.c?",
					[]string{o.Program, o.Deeprc[0]}[i], len(all), k.op, k.bytes, all, o.Repeats)
			}
		}
		c, d := trial(k.op, "us", times[k][0]), trial(k.op, "us", times[k][1])
		res.Results = append(res.Results, CollectiveOfBoth{k.op, k.bytes, c, d, d.Median / c.Median, d.Min / c.Min, d.Median - c.Median})
	}
	return res, nil
}

// once starts a program on every rank and returns what it prints.
func (o CompareOptions) once(ctx context.Context, prog []string) (*CollectiveResult, error) {
	args := slices.Concat(o.Launcher, prog, []string{"--repeats", "1", "--ops", strings.Join(o.Ops, ",")})
	var sizes []string
	for _, n := range o.Sizes {
		sizes = append(sizes, strconv.Itoa(n))
	}
	args = append(args, "--sizes", strings.Join(sizes, ","))
	stdout, err := output(ctx, args)
	if err != nil {
		return nil, err
	}
	res := new(CollectiveResult)
	if err := json.Unmarshal(stdout, res); err != nil {
		return nil, fmt.Errorf("bench: %s: want one JSON document on standard output: %w; one of each rank means a program that was built for another MPI than the launcher's; it printed\n%.400s", strings.Join(args, " "), err, stdout)
	}
	return res, nil
}

// output runs a command, with more environment, and returns what it prints.
func output(ctx context.Context, args []string, env ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // a launcher then ends its ranks
	cmd.WaitDelay = 10 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("bench: %s: %w\n%s", strings.Join(args, " "), cmp.Or(context.Cause(ctx), err), strings.TrimSpace(stdout.String()+stderr.String()))
	}
	return stdout.Bytes(), nil
}

// Print writes the comparison as a table.
func (r *CollectiveComparison) Print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%v\nC: %s, %s\ndeeprc: %s\n%s: %d rank(s) on %d host(s)\n%d interleaved run(s), median (best) µs of a call on the slowest rank; ratio and difference are deeprc's median to C's\n\n%-10s %8s  %10s %11s  %10s %11s  %6s %10s %13s\n",
		r.benchMachine, r.Program, r.CLibrary, r.Library, r.Launcher, r.Ranks, r.Hosts, r.Options.Repeats,
		"", "size", "C", "(best)", "deeprc", "(best)", "ratio", "best ratio", "difference")
	for _, t := range r.Results {
		if err == nil {
			_, err = fmt.Fprintf(w, "%-10s %8s  %s  %s  %6.2f %10.2f %+13.2f\n", t.Name, sizeText(t.Bytes), medianBest(t.C), medianBest(t.Deeprc), t.Ratio, t.BestRatio, t.Difference)
		}
	}
	return err
}

func medianBest(t BenchTrial) string { return fmt.Sprintf("%10.2f (%9.2f)", t.Median, t.Min) }
