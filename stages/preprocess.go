package stages

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"deeprc/collective"
	"deeprc/frame"
)

// StepConfig is one [[preprocess]] table.
type StepConfig struct {
	Op   string `toml:"op" default:"" doc:"the operator"`
	From string `toml:"from" default:"" doc:"the table that it works on: the name of an earlier step's result; empty: the result of the step before"`
	As   string `toml:"as" default:"" doc:"name of its result, for from and with of later steps"`

	Options Operator // the operator's own keys, in the same table

	at string // file and line
}

// placedError is the error of a step, and where the step stands.
type placedError struct {
	at  string
	err error
}

func (e *placedError) Error() string { return e.at + ": " + e.err.Error() }
func (e *placedError) Unwrap() error { return e.err }

// wrong is an error of step i.
func (s *StepConfig) wrong(i int, format string, args ...any) error {
	err := fmt.Errorf("preprocess %d (%s): %w", i, s.Op, fmt.Errorf(format, args...))
	if s.at == "" {
		return err
	}
	return &placedError{s.at, err}
}

// checkSteps finds what can be found without data: names of tables, and where they come from.
func checkSteps(steps []StepConfig) error {
	names := map[string]bool{}
	for i, s := range steps {
		kind, _ := findOperator(s.Op)
		switch {
		case kind.reads && s.From != "":
			return s.wrong(i, "from = %q: it reads a table from files, so it works on none", s.From)
		case !kind.reads && i == 0:
			return s.wrong(i, "the first step must read a table; operators that do: %s", strings.Join(readers(), ", "))
		case s.From != "" && !names[s.From]:
			return s.wrong(i, "%s", noTable("from", s.From, steps, i))
		case names[s.As] && s.As != "":
			return s.wrong(i, "as = %q: an earlier step's result has this name", s.As)
		}
		for _, with := range otherTables(s.Options) {
			if !names[with] {
				key := "with"
				if _, ok := s.Options.(interface{ params() }); ok {
					key = "params"
				}
				return s.wrong(i, "%s", noTable(key, with, steps, i))
			}
		}
		if s.As != "" {
			names[s.As] = true
		}
	}
	return checkTargets(steps)
}

// noTable says that key of step i names no earlier step's result.
func noTable(key, name string, steps []StepConfig, i int) string {
	if name == "" {
		return key + " is not set: give the name (as) of an earlier step's result"
	}
	msg := fmt.Sprintf("%s = %q: no earlier step's result has this name (as)", key, name)
	var names []string
	for k, s := range steps {
		switch {
		case k >= i && s.As == name:
			return fmt.Sprintf("%s; step %d (%s) makes it: put that step before this one", msg, k, s.Op)
		case k < i && s.As != "":
			names = append(names, s.As)
		}
	}
	if len(names) == 0 {
		return msg + "; none has a name"
	}
	return msg + didYouMean(name, names)
}

func readers() (names []string) {
	for _, n := range operatorNames() {
		if k, _ := findOperator(n); k.reads {
			names = append(names, n)
		}
	}
	return names
}

// stepReport is what a step did, over all ranks.
type stepReport struct {
	rows, bytes int64
	seconds     float64 // on the slowest rank
	imbalance   float64 // rows of the fullest rank ÷ those that it would have of an even share
}

func (r stepReport) String() string {
	return fmt.Sprintf("%d rows, %s, %.2f s, imbalance %.2f", r.rows, decimalText(r.bytes), r.seconds, r.imbalance)
}

// preprocess runs the steps and returns the last one's table, and that of the name keep unless it is "", which the caller releases; after each,
// done is called on every rank. Steps write below dir, the run's folder, or not at all if it is "". Collective.
func preprocess(c collective.Comm, m *frame.Memory, dir string, steps []StepConfig, keep string, done func(i int, t *frame.Table, r stepReport)) (last, kept *frame.Table, err error) {
	e := &operatorEnv{c: c, mem: m, dir: dir, tables: map[string]*frame.Table{}}
	live := waiting{}
	defer live.release()
	for i, s := range steps {
		in := e.input(s, last)
		begin, used := time.Now(), m.Used()
		t, err := s.Options.Run(e, in)
		if err := collective.Agree(c, err); err != nil {
			if t != nil { // another rank failed
				t.Release()
			}
			var bad ConfigError
			err = s.wrong(i, "%w", err)
			if errors.As(err, &bad) {
				return nil, nil, ConfigError{err}
			}
			return nil, nil, err
		}
		report, err := reportStep(c, t, time.Since(begin))
		if err != nil {
			t.Release()
			return nil, nil, err
		}
		until := lastUse(steps, i)
		if s.As != "" {
			e.tables[s.As] = t
			if s.As == keep {
				until = len(steps)
			}
		}
		live[t] = wait{until: until, held: m.Used() - used}
		last = t
		done(i, t, report)
		for t, w := range live {
			if w.until <= i {
				t.Release()
				delete(live, t)
			}
		}
		if m.Limit() > 0 && i+1 < len(steps) {
			moved, err := live.offload(m, e.inputs(steps[i+1], last))
			e.replace(moved)
			if to := moved[last]; to != nil {
				last = to
			}
			if err := collective.Agree(c, err); err != nil {
				return nil, nil, steps[i+1].wrong(i+1, "move tables that wait to files: %w", err)
			}
		}
	}
	delete(live, last)
	if keep == "" {
		return last, nil, nil
	}
	kept = e.tables[keep]
	delete(live, kept)
	if kept == last {
		kept.Retain()
	}
	return last, kept, nil
}

// lastUse is the last step that works on the result of step i; the last result is used after all steps.
func lastUse(steps []StepConfig, i int) int {
	if i == len(steps)-1 {
		return len(steps)
	}
	use := i
	if kind, _ := findOperator(steps[i+1].Op); !kind.reads && steps[i+1].From == "" {
		use = i + 1
	}
	for k, s := range steps {
		if as := steps[i].As; as != "" && (s.From == as || slices.Contains(otherTables(s.Options), as)) {
			use = max(use, k)
		}
	}
	return use
}

func reportStep(c collective.Comm, t *frame.Table, took time.Duration) (stepReport, error) {
	sums := []int64{int64(t.NumRows()), t.Bytes()}
	most := []float64{float64(t.NumRows()), took.Seconds()}
	if err := collective.AllReduce(c, sums, collective.Sum); err != nil {
		return stepReport{}, err
	}
	if err := collective.AllReduce(c, most, collective.Max); err != nil {
		return stepReport{}, err
	}
	r := stepReport{rows: sums[0], bytes: sums[1], seconds: most[1], imbalance: 1}
	if sums[0] > 0 {
		n := int64(c.Size())
		r.imbalance = most[0] / float64((sums[0]+n-1)/n)
	}
	return r, nil
}
