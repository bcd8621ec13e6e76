package stages

import (
	"fmt"
	"slices"
	"strings"
)

// SweepConfig is the [sweep] table.
type SweepConfig struct {
	Kind     string   `toml:"kind" default:"grid" doc:"grid: every combination; list: the first of each list together, then the second of each, and so on"`
	Models   []string `toml:"models" default:"[]" doc:"names of the [[model]] to train; empty: all, in every combination"`
	Horizons []int    `toml:"horizons" default:"[]" doc:"in place of windows.horizon; empty: that"`
	Seeds    []int    `toml:"seeds" default:"[]" doc:"in place of run.seed; empty: that"`

	RequestConfig // of each training; an evaluation takes all ranks that are free besides

	at string
}

// maxSweep bounds the tasks that a sweep makes.
const maxSweep = 1_000_000

// A point is one horizon and seed of a sweep.
type point struct{ horizon, seed int }

// training is one combination: a model at a point.
type training struct {
	model string
	at    point
}

// trainings are the combinations in order; horizon and seed of a point are the run's where the sweep does not change them.
func (s *SweepConfig) trainings(cfg *Config) (out []training, err error) {
	wrong := func(key, format string, args ...any) ([]training, error) {
		return nil, &taskError{-1, key, "", fmt.Errorf(format, args...)}
	}
	all := modelNames(cfg.Models)
	for i, name := range s.Models {
		if !slices.Contains(all, name) {
			return nil, &taskError{-1, "models", name, fmt.Errorf("sweep.models: no [[model]] %q%s", name, didYouMean(name, all))}
		}
		if s.Kind == "grid" && slices.Contains(s.Models[:i], name) {
			return nil, &taskError{-1, "models", name, fmt.Errorf("sweep.models names %q twice", name)}
		}
	}
	for i, h := range s.Horizons {
		if h < 1 || s.Kind == "grid" && slices.Contains(s.Horizons[:i], h) {
			return wrong("horizons", "sweep.horizons = %v: want different ones, at least 1 each", s.Horizons)
		}
	}
	for i, seed := range s.Seeds {
		if seed < 0 || s.Kind == "grid" && slices.Contains(s.Seeds[:i], seed) {
			return wrong("seeds", "sweep.seeds = %v: want different ones, none negative", s.Seeds)
		}
	}
	n := 0
	switch {
	case len(all) == 0:
		return wrong("", "[sweep], but there is no [[model]] to train")
	case s.Kind != "grid" && s.Kind != "list":
		return wrong("kind", "sweep.kind = %q: want grid or list", s.Kind)
	case s.Kind == "list":
		for _, l := range []int{len(s.Models), len(s.Horizons), len(s.Seeds)} {
			if n == 0 {
				n = l
			}
			if l > 0 && l != n {
				return wrong("kind", "sweep.kind = \"list\": models, horizons and seeds are %d, %d and %d: want as many of each, or none", len(s.Models), len(s.Horizons), len(s.Seeds))
			}
		}
		if n == 0 {
			return wrong("kind", "sweep.kind = \"list\" without a list: give models, horizons or seeds")
		}
	}
	models, horizons, seeds := s.Models, s.Horizons, s.Seeds
	if len(horizons) == 0 {
		horizons = slices.Repeat([]int{cfg.Windows.Horizon}, max(1, n))
	}
	if len(seeds) == 0 {
		seeds = slices.Repeat([]int{cfg.Run.Seed}, max(1, n))
	}
	if s.Kind == "list" {
		for i := range n {
			each := all
			if len(models) > 0 {
				each = models[i : i+1]
			}
			for _, m := range each {
				out = append(out, training{m, point{horizons[i], seeds[i]}})
			}
		}
		return out, nil
	}
	if len(models) == 0 {
		models = all
	}
	if len(models)*len(horizons) > maxSweep || len(models)*len(horizons)*len(seeds) > maxSweep {
		return wrong("", "[sweep] makes %d × %d × %d trainings: at most %d", len(models), len(horizons), len(seeds), maxSweep)
	}
	for _, h := range horizons {
		for _, seed := range seeds {
			for _, m := range models {
				out = append(out, training{m, point{h, seed}})
			}
		}
	}
	return out, nil
}

// folder names a point by what the sweep changes; "" where that is nothing.
func (s *SweepConfig) folder(p point) string {
	var parts []string
	if len(s.Horizons) > 0 {
		parts = append(parts, fmt.Sprintf("h%d", p.horizon))
	}
	if len(s.Seeds) > 0 {
		parts = append(parts, fmt.Sprintf("s%d", p.seed))
	}
	return strings.Join(parts, "-")
}

// taskName joins parts to a task's name.
func taskName(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Map(func(r rune) rune {
		if notInName(r) {
			return '_'
		}
		return r
	}, strings.Join(parts, "-"))
}

// at is the config of one point: the run's with another horizon, seed and models, and without tasks. Errors are of *taskError.
func (cfg *Config) at(p point, models []string) (*Config, error) {
	c := *cfg
	c.Tasks, c.Sweep = nil, nil
	c.Windows.Horizon, c.Run.Seed = p.horizon, p.seed
	c.Models = cfg.only(models).Models
	for _, m := range c.Models {
		if p.seed != cfg.Run.Seed && len(m.Seeds) > 0 {
			return nil, &taskError{-1, "seeds", "", fmt.Errorf("sweep.seeds changes run.seed, which model %q does not follow: it has seeds of its own", m.Name)}
		}
	}
	if p.horizon != cfg.Windows.Horizon {
		if err := c.check(); err != nil {
			return nil, &taskError{-1, "horizons", "", fmt.Errorf("sweep, with windows.horizon = %d: %w", p.horizon, err)}
		}
	}
	return &c, nil
}

// sweepTasks are the tasks of [sweep], without the preprocess task.
func (cfg *Config) sweepTasks(after []string) ([]*planned, error) {
	s := cfg.Sweep
	list, err := s.trainings(cfg)
	if err != nil {
		return nil, err
	}
	req, key, err := s.request()
	if err != nil {
		return nil, &taskError{-1, key, "", fmt.Errorf("sweep: %w", err)}
	}
	var order []point
	models := map[point][]string{}
	for _, t := range list {
		if slices.Contains(models[t.at], t.model) {
			return nil, &taskError{-1, "models", t.model, fmt.Errorf("[sweep] trains %q twice with horizon %d and seed %d", t.model, t.at.horizon, t.at.seed)}
		}
		if models[t.at] == nil {
			order = append(order, t.at)
		}
		models[t.at] = append(models[t.at], t.model)
	}
	configs := map[point]*Config{}
	for _, p := range order {
		if configs[p], err = cfg.at(p, models[p]); err != nil {
			return nil, err
		}
	}
	var out []*planned
	trained := map[point][]string{}
	for _, t := range list {
		p := &planned{stage: "train", point: s.folder(t.at), cfg: configs[t.at], models: []string{t.model}, index: -1,
			Task: Task{Name: taskName("train", t.model, s.folder(t.at)), After: after, Request: req, at: s.at}}
		trained[t.at] = append(trained[t.at], p.Name)
		out = append(out, p)
	}
	if req.Ranks != (Ranks{}) {
		req.Ranks.Max = maxRequest
	}
	for _, at := range order {
		out = append(out, &planned{stage: "evaluate", point: s.folder(at), cfg: configs[at], index: -1,
			Task: Task{Name: taskName("evaluate", s.folder(at)), After: trained[at], Request: req, at: s.at}})
	}
	for _, p := range out {
		if err := checkTaskName(p.Name); err != nil {
			return nil, &taskError{-1, "", "", err}
		}
	}
	return out, nil
}
