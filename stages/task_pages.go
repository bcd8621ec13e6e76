package stages

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"time"
)

//go:embed tasks.html.tmpl
var tasksTemplate string

// maxRows bounds each table of a page.
const maxRows = 5000

// tasksPage is report.html of a run with tasks.
type tasksPage struct {
	Title, Version, CreatedText string
	Facts                       [][2]string
	Failed                      []string
	Compared                    *comparison
	ComparedLeft                int
	Links                       []string // to the pages of evaluations
	Gantt                       template.HTML
	RanksLeft                   int
	Tasks                       []taskLine
	TasksLeft                   int
	Used                        []usedLine
}

type taskLine struct {
	Name, Stage, State, Attempt, Seconds, Ranks, After, Error, Tail string // Tail: of the log of the rank that failed
}

type usedLine struct{ Who, Busy, Exec, Scheduling, Idle, Boot, Term, Wall string }

// WriteTaskPages writes report.html, trace.json and utilisation.json of the run with tasks in dir, each whole or not at all, from what
// lies there, and the comparison of its models as text to show, unless that is nil.
func WriteTaskPages(dir, version string, now time.Time, show io.Writer) error {
	run, err := readStored(dir)
	if err != nil {
		return err
	}
	if run.plan == nil {
		return configErrorf("%s: this run has no tasks: its %s is written by the run itself, after the test, and cannot be made again", dir, reportFile)
	}
	until := time.Time{}
	if run.alive == yes {
		until = now
	}
	t, err := readTimeline(filepath.Join(dir, eventsFile), until)
	if err != nil {
		return err
	}
	c, err := run.compare()
	if err != nil {
		return err
	}
	u := t.utilisation()
	page := newTasksPage(run, version, now, t, c, u)
	for _, p := range run.plan {
		name := filepath.Join(p.point, reportFile)
		if p.point == "" {
			name = evaluationPage
		}
		if _, err := os.Stat(filepath.Join(dir, name)); p.stage == "evaluate" && err == nil && len(page.Links) < maxRows {
			page.Links = append(page.Links, filepath.ToSlash(name))
		}
	}
	if err := writeJSON(filepath.Join(dir, utilisationFile), u); err != nil {
		return err
	}
	if err := writeAtomic(filepath.Join(dir, traceFile), func(w io.Writer) error { return t.writeTrace(w, run.cfg.Run.Name) }); err != nil {
		return err
	}
	if err := writeAtomic(filepath.Join(dir, reportFile), page.write); err != nil || show == nil {
		return err
	}
	return c.print(show)
}

func newTasksPage(run *storedRun, version string, now time.Time, t *timeline, c *comparison, u utilisation) *tasksPage {
	p := &tasksPage{Title: run.cfg.Run.Name, Version: version, CreatedText: now.Format("2006-01-02 15:04 MST"), Compared: c}
	stages, count := map[string]string{}, map[State]int{}
	for _, task := range run.plan {
		stages[task.Name] = task.stage
		at := run.standing(task, now)
		l := taskLine{Name: task.Name, Stage: task.stage, State: string(at.State), After: orDash(list(task.After)), Attempt: at.attempt, Seconds: "–", Ranks: at.ranks, Error: cut(at.failure)}
		if at.took > 0 {
			l.Seconds = formatSeconds(at.took.Seconds())
		}
		if at.State == Failed && len(p.Failed) < 100 {
			p.Failed = append(p.Failed, task.Name+": "+l.Error)
			l.Tail = run.journal.last[task.Name].Tail
		}
		count[at.State]++
		if len(p.Tasks) < maxRows {
			p.Tasks = append(p.Tasks, l)
		} else {
			p.TasksLeft++
		}
	}
	p.Gantt = t.gantt(stages)
	p.RanksLeft = max(0, len(u.Ranks)-ganttRows)
	used := func(who string, busy float64, d Durations) usedLine {
		return usedLine{who, fmt.Sprintf("%.1f %%", 100*busy), formatSeconds(d.Exec), formatSeconds(d.Scheduling), formatSeconds(d.Idle), formatSeconds(d.Boot), formatSeconds(d.Term), formatSeconds(d.Wall)}
	}
	for _, r := range u.Ranks[:len(u.Ranks)-p.RanksLeft] {
		p.Used = append(p.Used, used(fmt.Sprint("rank ", r.Rank), r.Busy, r.Durations))
	}
	p.Used = append(p.Used, used("all", u.Busy, u.All))
	if len(c.Rows) > maxRows {
		p.ComparedLeft = len(c.Rows) - maxRows
		cutRows := *c
		cutRows.Rows = c.Rows[:maxRows]
		p.Compared = &cutRows
	}
	state := map[answer]string{yes: "running", no: "ended"}[run.alive]
	if run.alive == no && count[Done] < len(run.plan) {
		state = "not running, can go on with --resume"
	}
	p.Facts = [][2]string{{"tasks", fmt.Sprint(len(run.plan))}, {"done", fmt.Sprint(count[Done])}, {"failed", fmt.Sprint(count[Failed])}, {"run", orDash(state)}, {"ranks", fmt.Sprint(len(u.Ranks))},
		{"sessions", fmt.Sprint(u.Sessions)}, {"wall", formatSeconds(u.Wall)}, {"busy", fmt.Sprintf("%.1f %%", 100*u.Busy)}}
	return p
}

func (p *tasksPage) write(w io.Writer) error {
	t := template.Must(template.New("report").Parse(reportTemplate))
	t = template.Must(t.New("tasks").Parse(tasksTemplate))
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
