package stages

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// TaskConfig is one [[task]] table.
type TaskConfig struct {
	Name  string   `toml:"name" default:"" doc:"of the task, for after and all output; of its folder in tasks/ of the run's, so without slashes; empty: the stage"`
	Stage string   `toml:"stage" default:"" doc:"preprocess: read and prepare the data, once for all tasks after it; train: train models; evaluate: test the models that tasks before it have trained, and write what a run without tasks writes; predict: forecast what follows new data; exec: a command"`
	After []string `toml:"after" default:"[]" doc:"names of the tasks that must have ended before; sweep stands for all evaluations of [sweep]"`

	Models  []string `toml:"models" default:"[]" doc:"train: names of the [[model]] to train; empty: all"`
	Best    string   `toml:"best" default:"" doc:"predict: forecast with the best model of all evaluations that it comes after, as those of [sweep], by val (the loss on the validation part) or a metric (on the test part, whose error of that model is then too small); empty: with all models of the evaluation that it comes after"`
	Data    string   `toml:"data" default:"" doc:"predict: CSV or Parquet file with the columns of the run's data"`
	Steps   int      `toml:"horizon" default:"0" doc:"predict: steps to forecast; 0: windows.horizon"`
	Out     string   `toml:"out" default:"" doc:"predict: CSV file to write, in the task's folder; empty: predictions.csv"`
	Command []string `toml:"command" default:"[]" doc:"exec: program and arguments, started on every rank of the task in its folder, without the variables of MPI and Slurm, with RANK, WORLD_SIZE, LOCAL_RANK, DEEPRC_TASK and DEEPRC_RUN (the run's folder); what it prints is in log.txt there, of another rank than 0 in log-RANK.txt"`
	MPI     bool     `toml:"mpi" default:"false" doc:"exec: the command is an MPI program of its own, started once with a rank on each rank of the task, by srun --overlap in a Slurm job, else by mpirun (DEEPRC_MPI=openmpi or mpich says which, where there are several)"`

	RequestConfig

	at string // where its ranks stand
}

// taskStages are the stages that a [[task]] may be, with the keys that only they have.
var taskStages = map[string][]string{"preprocess": nil, "train": {"models"}, "evaluate": nil, "predict": {"best", "data", "horizon", "out"}, "exec": {"command", "mpi"}}

var taskStageNames = []string{"preprocess", "train", "evaluate", "predict", "exec"}

// PilotConfig is the [pilot] table.
type PilotConfig struct {
	Policy    string `toml:"policy" default:"backfill" doc:"which ready task starts next, priorities apart: fifo (in the order in which they become ready; one that must wait holds up all others), backfill (others may start on ranks that the first one does not need, or not before they have ended by their timeout), locality (backfill, on ranks that hold what the task reads, where there are such)"`
	Dedicated bool   `toml:"dedicated" default:"false" doc:"rank 0 runs no tasks, unless it is the only rank"`
}

// taskError is a mistake in a key of [[task]] number task, or in [sweep] where that is −1; elem is the part of its value that is meant.
type taskError struct {
	task      int
	key, elem string
	err       error
}

func (e *taskError) Error() string { return e.err.Error() }
func (e *taskError) Unwrap() error { return e.err }

// tasks fills the [[task]] tables and [sweep], and checks [pilot].
func (d decoder) tasks(cfg *Config, tree map[string]any) error {
	if p := cfg.Pilot.Policy; !slices.Contains(policyNames, p) {
		return fmt.Errorf("%s: pilot.policy = %q%s", d.where("pilot", "policy", ""), p, didYouMean(p, policyNames))
	}
	if v, ok := tree["sweep"]; ok {
		t, ok := v.(map[string]any)
		if !ok {
			return d.at("sweep", errors.New("want a table"))
		}
		cfg.Sweep = &SweepConfig{}
		if err := d.fill(reflect.ValueOf(cfg.Sweep).Elem(), t, "sweep"); err != nil {
			return err
		}
		cfg.Sweep.at = d.where("sweep", "ranks", "")
	}
	list, err := tables(tree["task"])
	if err != nil {
		return d.at("task", errors.New("want [[task]] tables, with two brackets"))
	}
	for i, t := range list {
		path := fmt.Sprintf("task.%d", i)
		var c TaskConfig
		if err := d.fill(reflect.ValueOf(&c).Elem(), t, path); err != nil {
			return err
		}
		if !slices.Contains(taskStageNames, c.Stage) {
			if c.Stage == "" {
				return d.at(path, fmt.Errorf("stage is not set: want one of %s", strings.Join(taskStageNames, ", ")))
			}
			return d.at(path+".stage", fmt.Errorf("no stage %q%s", c.Stage, didYouMean(c.Stage, taskStageNames)))
		}
		for stage, keys := range taskStages {
			for _, k := range keys {
				if stage != c.Stage && given(t[k]) {
					return d.at(path+"."+k, fmt.Errorf("is a key of stage = %q, not of %q", stage, c.Stage))
				}
			}
		}
		if c.Name == "" {
			c.Name = c.Stage
		}
		c.at = d.where(path, "ranks", "")
		cfg.Tasks = append(cfg.Tasks, c)
	}
	return nil
}

// given reports whether a key says more than that there is nothing, which is what a config that was written by a run says.
func given(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case []any:
		return len(v) > 0
	}
	return !reflect.ValueOf(v).IsZero()
}

// where is file:line:column of a key of the table at path, or of the table, or the --set that gave it.
func (d decoder) where(path, key, elem string) string {
	if key != "" && d.set[path+"."+key] {
		return "--set " + path + "." + key
	}
	at, ok := d.places[path+"."+key]
	if !ok {
		at, elem = d.places[path], ""
	}
	if at.line == 0 {
		return d.file
	}
	if elem != "" {
		at = at.element(d.text, elem)
	}
	return fmt.Sprintf("%s:%d:%d", d.file, at.line, at.col)
}

// task says where a mistake that plan has found stands.
func (d decoder) task(err error) error {
	var e *taskError
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", d.file, err)
	}
	path := "sweep"
	if e.task >= 0 {
		path = fmt.Sprintf("task.%d", e.task)
	}
	return fmt.Errorf("%s: %w", d.where(path, e.key, e.elem), err)
}

// check finds mistakes in a task that has no need of the others.
func (c *TaskConfig) check() (key string, err error) {
	if err := checkTaskName(c.Name); err != nil {
		return "name", err
	}
	switch {
	case c.Stage == "predict" && c.Data == "":
		return "stage", fmt.Errorf("task %q: data is not set: name a CSV or Parquet file with the columns of the run's data", c.Name)
	case c.Stage == "predict" && (c.Steps < 0 || c.Steps > maxPredictHorizon):
		return "horizon", fmt.Errorf("task %q: horizon = %d: want 0 to %d", c.Name, c.Steps, maxPredictHorizon)
	case c.Stage == "predict" && c.Out != "" && (!filepath.IsLocal(c.Out) || filepath.Base(c.Out) != c.Out):
		return "out", fmt.Errorf("task %q: out = %q: want a file's name without folders: it lies in the task's own", c.Name, c.Out)
	case c.Stage == "exec" && (len(c.Command) == 0 || c.Command[0] == ""):
		return "stage", fmt.Errorf("task %q: command is not set: want a program and its arguments, as [\"python3\", \"clean.py\"]", c.Name)
	case slices.ContainsFunc(c.Command, func(s string) bool { return strings.ContainsRune(s, 0) }):
		return "command", fmt.Errorf("task %q: command has a zero byte", c.Name)
	}
	return "", nil
}

// hasData reports whether the config names data to learn from.
func (cfg *Config) hasData() bool { return cfg.Data.Path != "" || len(cfg.Steps) > 0 }

// commandsOnly reports whether all that the config asks for is commands, which need no data.
func (cfg *Config) commandsOnly() bool {
	return cfg.Sweep == nil && len(cfg.Tasks) > 0 && !slices.ContainsFunc(cfg.Tasks, func(c TaskConfig) bool { return c.Stage != "exec" })
}

// maxTaskName bounds a task's name in bytes: it is a folder's.
const maxTaskName = 200

// notInName reports what a task's name must not hold.
func notInName(r rune) bool { return r == '/' || r == '\\' || r < ' ' || r == 0x7f }

func checkTaskName(name string) error {
	if name == "" || len(name) > maxTaskName || name[0] == '.' || strings.ContainsFunc(name, notInName) {
		return fmt.Errorf("task name %q: it is a folder's, so it must have 1 to %d bytes, no slash and no control character, and not begin with a dot", name, maxTaskName)
	}
	return nil
}
