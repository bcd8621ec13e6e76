package stages

import (
	"encoding/json"
	"time"

	"deeprc/collective"
)

// StageTime is what one rank spent on one stage.
type StageTime struct {
	Stage   string  `json:"stage"`
	Rank    int     `json:"rank"`
	Seconds float64 `json:"seconds"`
	Rows    int64   `json:"rows"`  // read, trained on, or forecast: the stage's own unit; of the whole run where the stage is collective
	Bytes   int64   `json:"bytes"` // read or written by this rank

	begin time.Time
}

// timings are one rank's stages in order.
type timings struct {
	rank   int
	stages []StageTime
}

// start begins a stage; the function returned ends it.
func (t *timings) start(stage string) func(rows, bytes int64) {
	begin := time.Now()
	return func(rows, bytes int64) {
		t.stages = append(t.stages, StageTime{stage, t.rank, time.Since(begin).Seconds(), rows, bytes, begin})
	}
}

// gather brings the stages of all ranks to rank 0, ordered by stage, then rank; collective.
func (t *timings) gather(c collective.Comm) ([]StageTime, error) {
	mine, err := json.Marshal(t.stages)
	if err != nil {
		return nil, err
	}
	all, counts, err := collective.GatherV(c, mine, 0)
	if err != nil || c.Rank() != 0 {
		return nil, err
	}
	ranks := make([][]StageTime, len(counts))
	for r, n := range counts {
		if err := json.Unmarshal(all[:n], &ranks[r]); err != nil {
			return nil, err
		}
		all = all[n:]
	}
	var out []StageTime
	for i := range ranks[0] {
		for _, s := range ranks {
			if i < len(s) {
				out = append(out, s[i])
			}
		}
	}
	return out, nil
}
