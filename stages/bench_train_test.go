package stages

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"deeprc/collective"
	"deeprc/model"
)

// Every net trains on its shape's columns, on any number of ranks.
func TestTrainOnce(t *testing.T) {
	defer func(e float64) { enough = e }(enough)
	enough = 0
	for name := range trainShapes {
		if _, err := model.NewNet(name); err != nil {
			t.Error(err)
		}
	}
	for _, net := range BenchNets() {
		o := BenchOptions{Repeats: 1, Steps: 1, Lookback: 24, Horizon: 2, Channels: 1, Batch: 4}
		first := 0
		for _, ranks := range []int{1, 3} {
			err := collective.RunLocal(ranks, func(c collective.Comm) error {
				r, err := TrainOnce(c, o, net, "v1")
				if err != nil || c.Rank() != 0 {
					return err
				}
				if first == 0 {
					first = r.Parameters
				}
				want := trainShapes[net]
				if r.Engine != "deeprc" || r.Version != "v1" || r.Net != net || r.Steps != 1 || !(r.Seconds > 0) || r.RSSBytes < 1<<20 || r.Threads < 1 ||
					r.Parameters != first || r.Shape.Lookback != 24 || r.Shape.Future != want.Future || r.Shape.Static != want.Static {
					t.Errorf("%+v", r)
				}
				return nil
			})
			if err != nil {
				t.Errorf("%s on %d ranks: %v", net, ranks, err)
			}
		}
	}
}

// One way of PyTorch's that fails is a line of the result; both are an error.
func TestTrainPeerFails(t *testing.T) {
	script := func(engines string) string {
		dir := t.TempDir()
		text := `#!/bin/sh
case "$1" in *.py) shift ;; esac
engine=deeprc
case "$1" in --engine) engine=$2 ;; esac
case "$engine" in ` + engines + `) printf 'Traceback (most recent call last):\n  File "x"\ntorch._inductor.exc.InductorError: no stride\n\nWhile executing: %%view\n' >&2; exit 1 ;; esac
echo '{"engine": "'$engine'", "version": "1", "net": "nlinear", "threads": 1, "parameters": 5, "steps": 1, "seconds": 1, "rss_bytes": 1, "shape": {"lookback": 24, "horizon": 2, "channels": 1, "batch": 4, "future": 0, "static": 0, "loss": "mse"}}'
`
		if err := errors.Join(os.WriteFile(filepath.Join(dir, "run"), []byte(text), 0o755), os.WriteFile(filepath.Join(dir, "train_torch.py"), nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	run := func(dir string) (*BenchResult, error) {
		c := TrainComparison{BenchOptions: BenchOptions{Repeats: 2, Steps: 1, Lookback: 24, Horizon: 2, Channels: 1, Batch: 4, Nets: []string{"nlinear"}},
			Deeprc: []string{filepath.Join(dir, "run")}, Python: filepath.Join(dir, "run"), Scripts: dir}
		return c.Run(t.Context(), "v1")
	}
	r, err := run(script("torch-compile"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "nlinear by torch-compile: torch._inductor.exc.InductorError: no stride"; len(r.Train) != 2 || r.Train[0].Ratio != 1 || len(r.Failed) != 1 || r.Failed[0] != want {
		t.Errorf("%+v\n want ratio 1 to the other and %q", r, want)
	}
	if _, err := run(script("torch-compile | torch-eager")); err == nil || !strings.Contains(err.Error(), "InductorError") {
		t.Errorf("both failed: %v", err)
	}
}
