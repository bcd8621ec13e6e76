package stages

import (
	"fmt"
	"io"
	"maps"
	"path"
	"strings"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/model"
)

// Check does all of a run that can go wrong before training: it reads the data,
// cuts the windows and builds the nets, and prints the plan. It writes nothing. Tasks must fit on slots, the ranks that the run will
// have; nil: those of c.
func Check(c collective.Comm, cfg *Config, slots []Slot, w io.Writer) error {
	_, err := CheckEach(c, []*Config{cfg}, func(*Config) []Slot { return slots }, w)
	return err
}

// CheckEach is Check of several configs, in order, and tells which one the error is of. Data that is that of the config before is not read again.
func CheckEach(c collective.Comm, cfgs []*Config, slots func(*Config) []Slot, w io.Writer) (at int, err error) {
	dev, _, err := openCPU(c)
	if err != nil {
		return 0, err
	}
	defer dev.Close()
	var j *job
	for i, cfg := range cfgs {
		same := i > 0 && maps.Equal(cfg.dataKeys(), cfgs[i-1].dataKeys())
		if !same { // and what was read before is not kept while this is
			j = &job{c: c, dev: dev, screen: newScreen(false), times: &timings{}, steps: stepsTo(w, cfg)}
		}
		j.cfg = cfg
		if cfg.hasData() && !same {
			if err := j.load(); err != nil {
				return i, err
			}
		}
		if err := j.checkTasks(slots(cfg), w); err != nil {
			return i, err
		}
	}
	return 0, nil
}

// stepsTo prints what each preprocessing step of cfg has made.
func stepsTo(w io.Writer, cfg *Config) func(i int, t *frame.Table, r stepReport) {
	return func(i int, t *frame.Table, r stepReport) {
		s := cfg.Steps[i]
		fmt.Fprintf(w, "step %-5d %s", i, s.Op)
		if s.From != "" {
			fmt.Fprintf(w, " of %s", s.From)
		}
		if with := otherTables(s.Options); len(with) > 0 {
			fmt.Fprintf(w, " with %s", strings.Join(with, ", "))
		}
		if s.As != "" {
			fmt.Fprintf(w, ", as %s", s.As)
		}
		fmt.Fprintf(w, ": %s\n", r)
		if to, ok := s.Options.(writer); ok {
			fmt.Fprintf(w, "           to %s, in the run's folder; check writes nothing\n", path.Join(tablesDir, to.target()))
		}
		for _, f := range t.Schema().Fields() {
			fmt.Fprintf(w, "           %s %s\n", f.Name, f.Type)
		}
	}
}

// checkTasks is Check, of the job's config and series.
func (j *job) checkTasks(slots []Slot, w io.Writer) error {
	cfg := j.cfg
	tasks, err := cfg.plan()
	if err != nil {
		return err
	}
	if tasks == nil {
		return j.check(w)
	}
	var points []*Config // of each point of the sweep, with all models that are trained there
	index := map[string]int{}
	for _, p := range tasks {
		if p.stage != "train" {
			continue
		}
		i, ok := index[p.point]
		if !ok {
			i = len(points)
			index[p.point] = i
			points = append(points, p.cfg.only(nil))
		}
		points[i].Models = append(points[i].Models, p.cfg.Models...)
	}
	for _, at := range points {
		if cfg.Sweep != nil {
			fmt.Fprintf(w, "\nhorizon %d, seed %d\n", at.Windows.Horizon, at.Run.Seed)
		}
		j.cfg = at
		if err := j.check(w); err != nil {
			if cfg.Sweep != nil {
				err = fmt.Errorf("horizon %d: %w", at.Windows.Horizon, err)
			}
			return err
		}
	}
	if cfg.hasData() {
		fmt.Fprintln(w)
	}
	if err := writePlan(w, tasks); err != nil {
		return err
	}
	var idle []string
	for _, p := range tasks {
		if p.GPUs > 0 && p.stage != "exec" {
			idle = append(idle, p.Name)
		}
	}
	if idle != nil {
		fmt.Fprintf(w, "note:      gpus of %s: they are kept from other tasks, but only commands (stage = \"exec\") compute on GPUs\n", list(idle))
	}
	if slots == nil {
		world, err := viewWorld(j.c, cfg.Pilot.Dedicated)
		if err != nil {
			return err
		}
		slots = world.slots
	}
	_, err = cfg.schedule(tasks, slots, func(string) bool { return false })
	return err
}

// check prints the plan for one config of series that are there.
func (j *job) check(w io.Writer) error {
	if err := j.cut(); err != nil {
		return err
	}
	s, cfg := j.series, j.cfg
	fmt.Fprintf(w, "data       %s: %d rows, a step is %s, %d channels: %s\n", cfg.source(), s.Rows, s.Step, len(s.Channels), list(s.Channels))
	for _, kind := range []struct {
		name string
		cols []string
	}{{"hist", cfg.Data.Hist}, {"future", cfg.Data.Future}, {"static", cfg.Data.Static}} {
		if len(kind.cols) > 0 {
			fmt.Fprintf(w, "%-10s %d columns: %s\n", kind.name, len(kind.cols), list(kind.cols))
		}
	}
	for p, ws := range j.sets {
		g := s.Groups[0]
		from := min(cfg.Windows.Lookback, g.Bounds[p])
		if p > 0 {
			from = max(from, g.Bounds[p-1])
		}
		fmt.Fprintf(w, "%-10s %d windows", partNames[p], ws.Len())
		if len(s.Groups) == 1 && !s.Step.Plain && g.Bounds[p] > from {
			fmt.Fprintf(w, ", targets from %s to %s", showTime(s.Time(0, from)), showTime(s.Time(0, g.Bounds[p]-1)))
		}
		fmt.Fprintln(w)
	}
	for _, text := range j.warnings() {
		fmt.Fprintln(w, "note:     ", text)
	}
	windows, data := j.trainWindows()
	if more := windows.Len() - j.sets[0].Len(); more > 0 {
		fmt.Fprintf(w, "%-10s %d windows more, which pass the end of the train part\n", "", more)
	}
	for _, m := range cfg.Models {
		fit, err := model.NewFit(j.dev, m.net(), j.shape(m.Train.Batch), data, m.Train, uint64(cfg.Run.Seed))
		if err != nil {
			return fmt.Errorf("model %s: %w", m.Name, err)
		}
		n := 0
		for _, p := range fit.Params.List {
			n += p.Len()
		}
		how := "least squares"
		if m.Solver == "gradient" {
			steps := m.Train.Steps
			if steps == 0 {
				steps = m.Train.Epochs * ((windows.Len() + m.Train.Batch - 1) / m.Train.Batch)
			}
			how = fmt.Sprintf("up to %d steps of %d windows, %s, loss %s", steps, m.Train.Batch, m.Train.Optimizer, m.Train.Loss)
		}
		fmt.Fprintf(w, "model      %s: %s, %d parameters, %s\n", m.Name, m.Net, n, how)
	}
	for _, name := range cfg.Evaluate.Baselines {
		if name == "seasonal_naive" {
			name = fmt.Sprintf("%s (%d steps)", name, j.season())
		}
		fmt.Fprintf(w, "baseline   %s\n", name)
	}
	fmt.Fprintf(w, "metrics    %s, %s\n", strings.Join(cfg.Evaluate.Metrics, ", "), cfg.Evaluate.Scale)
	return nil
}
