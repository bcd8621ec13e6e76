package stages

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A planned task is one of the graph that a config describes.
type planned struct {
	Task
	stage  string
	point  string   // the folder of its results, below the run's; "": the run's own
	cfg    *Config  // of its point of the sweep
	models []string // to train, or those that tasks before this one train
	index  int      // in the config's tasks; −1: [sweep] has made it

	best        string     // of a predict task
	evaluations []*planned // likewise: those among whose models the best is
}

// wrong is a mistake in the task's key.
func (p *planned) wrong(key, elem, format string, args ...any) error {
	return &taskError{p.index, key, elem, fmt.Errorf("task %q: "+format, append([]any{p.Name}, args...)...)}
}

// plan makes the graph of tasks, each behind those that it comes after; nil for a config without tasks. Errors are of *taskError.
func (cfg *Config) plan() ([]*planned, error) {
	if cfg.Sweep == nil && len(cfg.Tasks) == 0 {
		return nil, nil
	}
	var all []*planned
	var prepared []string // names of preprocess tasks
	own, err := cfg.at(point{cfg.Windows.Horizon, cfg.Run.Seed}, modelNames(cfg.Models))
	if err != nil {
		return nil, err
	}
	for i := range cfg.Tasks {
		c := &cfg.Tasks[i]
		p := &planned{stage: c.Stage, cfg: own, models: c.Models, index: i, best: c.Best, Task: Task{Name: c.Name, After: c.After, Logs: c.Stage == "exec", at: c.at}}
		if key, err := c.check(); err != nil {
			return nil, &taskError{i, key, "", err}
		}
		var key string
		if p.Request, key, err = c.request(); err != nil {
			return nil, p.wrong(key, "", "%w", err)
		}
		if c.Stage == "preprocess" {
			prepared = append(prepared, c.Name)
		}
		all = append(all, p)
	}
	if cfg.Sweep != nil {
		var made []*planned
		if len(prepared) == 0 {
			prepared = []string{"preprocess"}
			made = append(made, &planned{stage: "preprocess", cfg: own, index: -1, Task: Task{Name: "preprocess", at: cfg.Sweep.at, Request: Request{OnFailure: FailureSkips}}})
		}
		more, err := cfg.sweepTasks(prepared)
		if err != nil {
			return nil, err
		}
		if err := afterSweep(all, more); err != nil {
			return nil, err
		}
		all = slices.Concat(made, more, all)
	}
	return link(all)
}

// schedule makes the scheduler of a plan; a request that the world can never meet is a [ConfigError].
func (cfg *Config) schedule(tasks []*planned, slots []Slot, done func(name string) bool) (*Sched, error) {
	list := make([]Task, len(tasks))
	for i, p := range tasks {
		list[i] = p.Task
	}
	s, err := NewSched(list, slots, policies[cfg.Pilot.Policy], done)
	var never *requestError
	if errors.As(err, &never) {
		return nil, configErrorf("%w (for another world: --ranks N, a launcher, or flags of deeprc submit)", err)
	}
	return s, err
}

// only is the config with those models alone.
func (cfg *Config) only(names []string) *Config {
	c := *cfg
	c.Models = slices.DeleteFunc(slices.Clone(cfg.Models), func(m ModelConfig) bool { return !slices.Contains(names, m.Name) })
	return &c
}

func taskNames(tasks []*planned) (names []string) {
	for _, p := range tasks {
		names = append(names, p.Name)
	}
	return names
}

func modelNames(models []ModelConfig) (names []string) {
	for _, m := range models {
		names = append(names, m.Name)
	}
	return names
}

// link checks the tasks' names for each other and sorts them so that each stands behind those that it comes after.
func link(all []*planned) ([]*planned, error) {
	by, names := map[string]*planned{}, make([]string, 0, len(all))
	for _, p := range all {
		if by[p.Name] != nil {
			return nil, p.wrong("name", "", "the name is taken already; give each [[task]] a name of its own")
		}
		by[p.Name] = p
		names = append(names, p.Name)
	}
	for _, p := range all {
		for i, name := range p.After {
			switch {
			case by[name] == nil:
				return nil, p.wrong("after", name, "after: no task %q%s", name, didYouMean(name, names))
			case slices.Contains(p.After[:i], name):
				return nil, p.wrong("after", name, "after names %q twice", name)
			}
		}
	}
	sorted, err := inOrder(all, by)
	if err != nil {
		return nil, err
	}
	return sorted, checkStages(sorted, by)
}

// inOrder sorts tasks topologically, keeping their order where it can; a cycle is an error that shows it.
func inOrder(all []*planned, by map[string]*planned) (sorted []*planned, err error) {
	const open, done = 1, 2
	state := map[*planned]int{}
	for _, root := range all {
		type frame struct {
			p    *planned
			next int // of After
		}
		path := []frame{}
		if state[root] == 0 {
			state[root] = open
			path = append(path, frame{p: root})
		}
		for len(path) > 0 {
			top := &path[len(path)-1]
			if top.next == len(top.p.After) {
				state[top.p] = done
				sorted = append(sorted, top.p)
				path = path[:len(path)-1]
				continue
			}
			q := by[top.p.After[top.next]]
			top.next++
			switch state[q] {
			case 0:
				state[q] = open
				path = append(path, frame{p: q})
			case open:
				i := slices.IndexFunc(path, func(f frame) bool { return f.p == q })
				names := []string{}
				for _, f := range path[i:] {
					names = append(names, f.p.Name)
				}
				last := path[len(path)-1].p
				return nil, last.wrong("after", q.Name, "after: the tasks wait for each other: %s", strings.Join(append(names, q.Name), " after "))
			}
		}
	}
	return sorted, nil
}

// checkStages finds what the stages of a graph need of each other: who trains a model, who evaluates it. It gives each evaluation
// the models that are trained before it.
func checkStages(sorted []*planned, by map[string]*planned) error {
	trainers := map[string]*planned{} // of a model at a point
	evaluated := map[string]*planned{}
	known := map[*planned]map[string]bool{} // models trained before each task of some point, and whether it was evaluated
	for _, p := range sorted {
		before := map[string]bool{}
		for _, name := range p.After {
			for k := range known[by[name]] {
				before[k] = true
			}
		}
		key := func(model string) string { return p.point + "\x00" + model }
		switch p.stage {
		case "train":
			all := modelNames(p.cfg.Models)
			if len(all) == 0 {
				return p.wrong("stage", "", "there is no [[model]] to train")
			}
			if len(p.models) == 0 {
				p.models = all
			}
			for _, m := range p.models {
				if !slices.Contains(all, m) {
					return p.wrong("models", m, "models: no [[model]] %q%s", m, didYouMean(m, all))
				}
				if other := trainers[key(m)]; other != nil {
					return p.wrong("models", m, "model %q is trained by task %q already", m, other.Name)
				}
				trainers[key(m)] = p
				before[key(m)] = true
			}
			p.cfg = p.cfg.only(p.models)
		case "evaluate":
			if other := evaluated[p.point]; other != nil {
				return p.wrong("stage", "", "task %q evaluates already: both would write the same files", other.Name)
			}
			evaluated[p.point] = p
			for _, m := range modelNames(p.cfg.Models) {
				if before[key(m)] {
					p.models = append(p.models, m)
				}
			}
			p.cfg = p.cfg.only(p.models)
			if len(p.models) == 0 {
				return p.wrong("after", "", "it comes after no task that trains: name those whose models it shall test in after")
			}
			before[key("")] = true
		case "predict":
			for _, q := range sorted {
				if q.stage == "evaluate" && before[q.point+"\x00"] {
					p.evaluations = append(p.evaluations, q)
				}
			}
			switch {
			case len(p.evaluations) == 0:
				return p.wrong("after", "", "it comes after no task that evaluates, which writes the models to forecast with: name one in after")
			case p.best != "":
				if err := p.checkBest(); err != nil {
					return err
				}
			case !before[key("")]:
				return p.wrong("after", "", "it comes after evaluations of points of [sweep] (%s), which have models each: say which are meant, as best = %q or a metric", list(taskNames(p.evaluations)), byValidation)
			}
		}
		known[p] = before
	}
	return nil
}

// writePlan shows the graph, a line a task, each below those that it comes after.
func writePlan(w io.Writer, tasks []*planned) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "task\tstage\tranks\tneeds\tafter\tif it fails")
	for _, p := range tasks {
		stage := p.stage
		if p.stage == "train" || p.stage == "evaluate" {
			stage += " " + list(p.models)
		} else if p.best != "" {
			stage += fmt.Sprintf(" the best of %d evaluations by %s", len(p.evaluations), p.best)
		}
		fmt.Fprintf(t, "%s\t%s\t%v\t%s\t%s\t%s\n", p.Name, stage, p.Ranks, orDash(p.needs()), orDash(list(p.After)), p.failure())
	}
	return t.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// needs is what else than ranks the request asks for, for people.
func (q Request) needs() string {
	var parts []string
	if q.PerNode > 0 {
		parts = append(parts, fmt.Sprintf("%d a node", q.PerNode))
	}
	if q.GPUs > 0 {
		parts = append(parts, fmt.Sprintf("%d GPU", q.GPUs))
	}
	if q.Memory > 0 {
		parts = append(parts, binaryText(q.Memory))
	}
	if q.Priority != 0 {
		parts = append(parts, fmt.Sprintf("priority %d", q.Priority))
	}
	if q.Timeout > 0 {
		parts = append(parts, "at most "+q.Timeout.String())
	}
	return strings.Join(parts, ", ")
}

// failure is what becomes of a task that fails, for people.
func (q Request) failure() string {
	text := map[OnFailure]string{FailureSkips: "skip those after it", FailureStops: "stop", FailureContinues: "continue"}[q.OnFailure]
	if q.Retries > 0 {
		text = fmt.Sprintf("try %d times more, then %s", q.Retries, text)
	}
	return text
}
