package stages

import (
	"context"
	"os"
	"slices"
	"time"

	"deeprc/collective"
)

// BenchTrial is one thing measured several times.
type BenchTrial struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	All    []float64 `json:"all"`
}

func trial(name, unit string, all []float64) BenchTrial {
	s := slices.Sorted(slices.Values(all))
	m := s[len(s)/2]
	if len(s)%2 == 0 {
		m = (m + s[len(s)/2-1]) / 2
	}
	return BenchTrial{Name: name, Unit: unit, Median: m, Min: s[0], Max: s[len(s)-1], All: all}
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
