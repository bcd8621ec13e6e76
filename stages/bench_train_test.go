package stages

import (
	"testing"

	"deeprc/collective"
	"deeprc/model"
)

// Every net trains on its shape's columns, on any number of ranks.
func TestTrainOnce(t *testing.T) {
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
