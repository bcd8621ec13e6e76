package stages

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"time"
)

// Report is all that report.html shows. Every string may come from untrusted data; NaN and ±Inf are missing values.
type Report struct {
	Title, Version string
	Created        time.Time
	Facts          [][2]string // "data", "rows", "channels", …: a small table
	Tables         []ReportTable
	Curves         []ReportCurve
	Examples       []ReportExample
	Stages         []ReportStage
	Errors         []string // models that failed, shown on top
}

// ReportCurve is one trained model's losses; steps are optimizer steps, ascending. BestStep is the step of the weights
// kept, NaN where none is marked.
type ReportCurve struct {
	Model                                  string
	TrainStep, TrainLoss, ValStep, ValLoss []float64
	BestStep                               float64
}

// ReportExample is a window of one series: the past up to Cutoff, then what came and what each model forecast, at Times.
type ReportExample struct {
	Series    string
	Cutoff    time.Time
	PastTimes []time.Time
	Past      []float64
	Times     []time.Time
	Actual    []float64
	Forecasts []ReportForecast
}

// ReportForecast is one model's values at ReportExample.Times.
type ReportForecast struct {
	Model  string
	Values []float64
}

// ReportStage is what one stage took: Seconds on the slowest rank, Rows and Bytes over all ranks, 0 where not counted.
type ReportStage struct {
	Name        string
	Seconds     float64
	Rows, Bytes int64
}

//go:embed report.html.tmpl
var reportTemplate string

// reportPage is Report made ready for the template: text, and drawings.
type reportPage struct {
	*Report
	CreatedText string
	Compared    []reportTable
	Losses      []reportFigure
	LossKeys    []reportKey
	Windows     []reportFigure
	WindowKeys  []reportKey
	LeftOut     int // examples
	Stages      []reportStageLine
	StageSum    string
}

type reportFigure struct {
	Name, Detail string
	SVG          template.HTML
}

type reportKey struct {
	Label  string
	Swatch template.HTML
}

type reportStageLine struct {
	Name, Seconds, Rows, Bytes string
	Percent                    float64
}

// WriteHTML writes the report as one self-contained page: no script, no reference to anything outside of it.
// A column, curve or example of unequal lengths is an error.
func (r *Report) WriteHTML(w io.Writer) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	page := reportPage{Report: r, CreatedText: r.Created.Format("2006-01-02 15:04 MST")}
	styles := r.modelStyles()
	for i := range r.Tables {
		page.Compared = append(page.Compared, r.Tables[i].lines(styles, r.drawn()))
	}
	page.Stages, page.StageSum = r.stageLines()

	examples, points := r.budget()
	page.LeftOut = len(r.Examples) - len(examples)
	for _, c := range r.Curves {
		f, err := lossFigure(c, points)
		if err != nil {
			return fmt.Errorf("report: loss of %s: %w", c.Model, err)
		}
		page.Losses = append(page.Losses, f)
	}
	page.LossKeys = []reportKey{
		{"training", swatch(lossStyles[0])}, {"validation", swatch(lossStyles[1])}, {"best", bestSwatch},
	}
	page.WindowKeys = []reportKey{{"past", swatch(pastStyle)}, {"actual", swatch(actualStyle)}}
	shown := map[string]bool{}
	for _, e := range examples {
		f, err := exampleFigure(e, styles, points)
		if err != nil {
			return fmt.Errorf("report: example %s: %w", e.Series, err)
		}
		page.Windows = append(page.Windows, f)
		for _, fc := range e.Forecasts {
			if !shown[fc.Model] {
				shown[fc.Model] = true
				page.WindowKeys = append(page.WindowKeys, reportKey{fc.Model, swatch(styles[fc.Model])})
			}
		}
	}

	t, err := template.New("report").Parse(reportTemplate)
	if err != nil {
		panic(err)
	}
	if err := t.Execute(w, page); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// check that lengths agree.
func (r *Report) check() error {
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			if len(row.Values) != len(t.Metrics) {
				return fmt.Errorf("%s: model %q has %d values for %d metrics", t.Title, row.Model, len(row.Values), len(t.Metrics))
			}
		}
	}
	for _, c := range r.Curves {
		if len(c.TrainStep) != len(c.TrainLoss) || len(c.ValStep) != len(c.ValLoss) {
			return fmt.Errorf("loss of %q: %d training steps with %d losses, %d validation steps with %d losses",
				c.Model, len(c.TrainStep), len(c.TrainLoss), len(c.ValStep), len(c.ValLoss))
		}
	}
	for _, e := range r.Examples {
		if len(e.PastTimes) != len(e.Past) || len(e.Times) != len(e.Actual) {
			return fmt.Errorf("example %q: %d past times with %d values, %d times with %d actual values",
				e.Series, len(e.PastTimes), len(e.Past), len(e.Times), len(e.Actual))
		}
		for _, f := range e.Forecasts {
			if len(f.Values) != len(e.Times) {
				return fmt.Errorf("example %q: model %q has %d values at %d times", e.Series, f.Model, len(f.Values), len(e.Times))
			}
		}
	}
	return nil
}

// budget is which examples to draw, and of how many points a line may have, so that all drawings together stay below
// about 1.3 MB, at about 13 bytes a point.
func (r *Report) budget() (examples []ReportExample, points int) {
	const most, fewest, total = 400, 48, 100_000
	lines := 2 * len(r.Curves)
	for i, e := range r.Examples {
		n := 2 + len(e.Forecasts)
		if (lines+n)*fewest > total {
			return r.Examples[:i], fewest
		}
		lines += n
	}
	return r.Examples, max(fewest, min(most, total/max(lines, 1)))
}

// drawn are the models that examples show.
func (r *Report) drawn() map[string]bool {
	out := map[string]bool{}
	for _, e := range r.Examples {
		for _, f := range e.Forecasts {
			out[f.Model] = true
		}
	}
	return out
}

// modelStyles gives each model one line style for all drawings, in order of first appearance.
func (r *Report) modelStyles() map[string]lineStyle {
	styles := map[string]lineStyle{}
	add := func(model string) {
		if _, ok := styles[model]; !ok {
			styles[model] = modelStyle(len(styles))
		}
	}
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			add(row.Model)
		}
	}
	for _, e := range r.Examples {
		for _, f := range e.Forecasts {
			add(f.Model)
		}
	}
	return styles
}

// stageLines are the stages as text, with each one's share of the longest, and the sum of seconds.
func (r *Report) stageLines() (lines []reportStageLine, sum string) {
	var longest, total float64
	for _, s := range r.Stages {
		if finite(s.Seconds) && s.Seconds > 0 {
			longest, total = max(longest, s.Seconds), total+s.Seconds
		}
	}
	for _, s := range r.Stages {
		l := reportStageLine{Name: s.Name, Seconds: formatSeconds(s.Seconds), Rows: "–", Bytes: "–"}
		if longest > 0 && finite(s.Seconds) && s.Seconds > 0 {
			l.Percent = math.Round(1000*s.Seconds/longest) / 10
		}
		if s.Rows > 0 {
			l.Rows = groupDigits(s.Rows)
		}
		if s.Bytes > 0 {
			l.Bytes = formatBytes(s.Bytes)
		}
		lines = append(lines, l)
	}
	return lines, formatSeconds(total)
}

func formatSeconds(s float64) string {
	switch {
	case !finite(s) || s < 0:
		return "–"
	case s < 10:
		return fmt.Sprintf("%.2f s", s)
	case s < 100:
		return fmt.Sprintf("%.1f s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %02d s", int(s+0.5)/60, int(s+0.5)%60)
	}
	m := int(s/60 + 0.5)
	return fmt.Sprintf("%d h %02d min", m/60, m%60)
}

// formatBytes uses powers of 1000.
func formatBytes(n int64) string {
	v, unit := float64(n), ""
	for _, u := range []string{"k", "M", "G", "T", "P"} {
		if v < 999.5 {
			break
		}
		v, unit = v/1000, u
	}
	if unit == "" || v >= 99.95 {
		return fmt.Sprintf("%.0f %sB", v, unit)
	}
	return fmt.Sprintf("%.1f %sB", v, unit)
}

// groupDigits sets a narrow no-break space between thousands.
func groupDigits(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}
