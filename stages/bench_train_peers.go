package stages

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// TrainComparison is `deeprc bench train --peer`: what it starts.
type TrainComparison struct {
	BenchOptions
	Deeprc  []string // deeprc bench train, which measures one net once
	Python  string   // an interpreter that has PyTorch
	Scripts string   // the folder of train_torch.py
}

// TrainPeers are the ways of PyTorch to train: see bench/peers/train_torch.py.
func TrainPeers() []string { return []string{"torch-eager", "torch-compile"} }

// Run starts every engine on every net in turn, each in a process of its own,
// Repeats times over, so that a disturbance spreads over them, all on deeprc's number of
// threads. Nets of different numbers of parameters are an error; a way of PyTorch's that cannot train a net is a row that says so,
// as long as another can.
func (t TrainComparison) Run(ctx context.Context, version string) (*BenchResult, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	if _, err := exec.LookPath(t.Python); err != nil {
		return nil, configErrorf("bench: --peer: %w; make peers makes bench/peers/venv/bin/python", err)
	}
	if _, err := os.Stat(t.script()); err != nil {
		return nil, configErrorf("bench: --scripts: %w; name deeprc's folder bench/peers", err)
	}
	engines := append([]string{"deeprc"}, TrainPeers()...)
	runs := map[[2]string][]TrainRun{} // by net and engine
	failed := map[[2]string]error{}
	for range t.Repeats {
		for _, net := range t.Nets {
			for _, engine := range engines {
				key := [2]string{net, engine}
				if failed[key] != nil {
					continue
				}
				of := &TrainRun{Threads: 0, Shape: t.shape(net)}
				if ours := runs[[2]string{net, "deeprc"}]; len(ours) > 0 {
					of = &ours[0]
				}
				r, err := t.start(ctx, net, engine, of)
				if err != nil {
					if engine == "deeprc" || ctx.Err() != nil {
						return nil, err
					}
					failed[key] = err
					if len(t.able(net, failed)) == 0 {
						return nil, err
					}
					continue
				}
				runs[key] = append(runs[key], *r)
				if err := r.sameNet(&runs[[2]string{net, "deeprc"}][0]); err != nil {
					return nil, err
				}
			}
		}
	}
	res := &BenchResult{benchMachine: thisMachine(version), Ranks: 1, Options: t.BenchOptions}
	for _, net := range t.Nets {
		first, best := len(res.Train), 0.
		for _, engine := range append([]string{"deeprc"}, t.able(net, failed)...) {
			trial := trainTrial(runs[[2]string{net, engine}])
			res.Train = append(res.Train, trial)
			if engine != "deeprc" {
				best = max(best, trial.Median)
			}
		}
		res.Train[first].Ratio = res.Train[first].Median / best
	}
	for key, err := range failed {
		res.Failed = append(res.Failed, fmt.Sprintf("%s by %s: %s", key[0], key[1], pythonError(err.Error())))
	}
	slices.Sort(res.Failed)
	res.Mean = geometricMean(res.Train)
	return res, nil
}

// able are the peers that have not failed on the net.
func (t TrainComparison) able(net string, failed map[[2]string]error) (peers []string) {
	for _, engine := range TrainPeers() {
		if failed[[2]string{net, engine}] == nil {
			peers = append(peers, engine)
		}
	}
	return peers
}

// pythonError is the line of a Python traceback that names the error: the last that begins in its first column with "…Error".
func pythonError(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range slices.Backward(lines) {
		if name, _, found := strings.Cut(line, ":"); found && strings.HasSuffix(name, "Error") && !strings.ContainsAny(name, " \t") {
			return line
		}
	}
	return lines[len(lines)-1]
}

func (t TrainComparison) script() string { return filepath.Join(t.Scripts, "train_torch.py") }

// start measures one net by one engine in a process of its own; of says the shape, and the threads of a peer.
func (t TrainComparison) start(ctx context.Context, net, engine string, of *TrainRun) (*TrainRun, error) {
	s := of.Shape
	args := append([]string(nil), t.Deeprc...)
	args = append(args, "--once", net)
	if engine != "deeprc" {
		args = []string{t.Python, t.script(), "--engine", engine, "--net", net, "--threads", strconv.Itoa(of.Threads),
			"--future", strconv.Itoa(s.Future), "--static", strconv.Itoa(s.Static), "--loss", s.Loss}
	}
	args = append(args, "--steps", strconv.Itoa(t.Steps), "--lookback", strconv.Itoa(s.Lookback), "--horizon", strconv.Itoa(s.Horizon),
		"--channels", strconv.Itoa(s.Channels), "--batch", strconv.Itoa(s.Batch))
	stdout, err := output(ctx, args)
	if err != nil {
		return nil, err
	}
	r := new(TrainRun)
	d := json.NewDecoder(bytes.NewReader(stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil || d.More() || r.Engine != engine || r.Net != net || r.Steps < 1 || r.Seconds <= 0 {
		return nil, fmt.Errorf("bench: %s of %s printed %.400q: want one run as JSON (%v); is it of this version?", net, engine, stdout, err)
	}
	return r, nil
}

// sameNet compares what two engines trained.
func (r *TrainRun) sameNet(as *TrainRun) error {
	if r.Parameters == as.Parameters && r.Threads == as.Threads && r.Shape == as.Shape {
		return nil
	}
	return fmt.Errorf("bench: %s: %s has %d parameters and %d thread(s), on batches of %+v, but %s has %d and %d, on %+v: they train different nets",
		r.Net, r.Engine, r.Parameters, r.Threads, r.Shape, as.Engine, as.Parameters, as.Threads, as.Shape)
}
