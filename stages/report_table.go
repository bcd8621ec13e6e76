package stages

import (
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ReportTable compares models: a row a model, a column a metric, whose best value is bold.
type ReportTable struct {
	Title, Detail string
	Metrics       []string // column heads, e.g. "mse", "mae"
	Rows          []ReportRow
}

// ReportRow is one model's metrics, in the order of ReportTable.Metrics.
type ReportRow struct {
	Model, Note string
	Values      []float64
}

type reportHead struct{ Name, Better string }

type reportLine struct {
	Model, Note string
	Key         template.HTML // the colour of its lines; empty where it has none
	Cells       []reportCell
}

type reportCell struct {
	Text string
	Best bool
}

// reportTable is a ReportTable as text.
type reportTable struct {
	*ReportTable
	Heads []reportHead
	Lines []reportLine
	Notes bool // some row has one
}

// lines is the table as text, with the colours of the models that are drawn; values equal as printed share the mark of the best.
func (r *ReportTable) lines(styles map[string]lineStyle, drawn map[string]bool) reportTable {
	out := reportTable{ReportTable: r}
	lines := make([]reportLine, len(r.Rows))
	for i, row := range r.Rows {
		lines[i] = reportLine{Model: row.Model, Note: row.Note, Cells: make([]reportCell, len(r.Metrics))}
		if drawn[row.Model] {
			lines[i].Key = swatch(styles[row.Model])
		}
		out.Notes = out.Notes || row.Note != ""
	}
	heads := make([]reportHead, len(r.Metrics))
	for j, name := range r.Metrics {
		better := betterMetric(name)
		heads[j] = reportHead{Name: name, Better: better}
		column := make([]float64, len(r.Rows))
		best := math.Inf(1)
		for i, row := range r.Rows {
			column[i] = row.Values[j]
			best = min(best, distanceFromBest(better, column[i]))
		}
		bestText := ""
		text := formatColumn(column, better)
		for i := range lines {
			if bestText == "" && distanceFromBest(better, column[i]) == best && !math.IsInf(best, 1) {
				bestText = text[i]
			}
		}
		for i := range lines {
			lines[i].Cells[j] = reportCell{Text: text[i], Best: bestText != "" && text[i] == bestText}
		}
	}
	out.Heads, out.Lines = heads, lines
	return out
}

// betterMetric is "↓" where lower is better (errors and losses), "↑" for scores of agreement, "→0" for biases, and ""
// for a coverage, whose best value depends on its level, and for ratios.
func betterMetric(name string) string {
	switch strings.TrimSuffix(name, "_mean") {
	case "nnse", "pearson_r":
		return "↑"
	case "alpha_nse", "beta_kge": // ratios, best at 1
		return ""
	case "beta_nse", "fhv", "fms", "flv":
		return "→0"
	}
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune(" _-@()/", r) })
	for _, w := range words {
		switch w {
		case "nse", "kge", "r2", "r²", "corr", "correlation", "pearson", "spearman", "skill", "accuracy":
			return "↑"
		case "bias", "pbias", "me", "mbe":
			return "→0"
		case "coverage", "picp":
			return ""
		}
	}
	return "↓"
}

// distanceFromBest is smaller for a better value; +Inf for none.
func distanceFromBest(better string, v float64) float64 {
	if !finite(v) {
		return math.Inf(1)
	}
	switch better {
	case "↓":
		return v
	case "↑":
		return -v
	case "→0":
		return math.Abs(v)
	}
	return math.Inf(1)
}

// finite is false for NaN, ±Inf, and values so large that a difference of two could overflow.
func finite(v float64) bool { return math.Abs(v) <= 1e300 }

// formatColumn prints values with one number of decimals, six at most: such that, where lower is better, the smallest has
// four significant digits, else the middle one. Columns of very large or small values have exponents. Missing values
// are "–".
func formatColumn(values []float64, better string) []string {
	var sizes []float64
	for _, v := range values {
		if finite(v) && v != 0 {
			sizes = append(sizes, math.Abs(v))
		}
	}
	slices.Sort(sizes)
	format, digits := byte('f'), 3
	if len(sizes) > 0 {
		largest, typical := sizes[len(sizes)-1], sizes[0]
		if better != "↓" {
			typical = sizes[len(sizes)/2]
		}
		switch {
		case typical >= 1e7 || largest < 1e-3:
			format = 'e'
		case typical >= 1000:
			digits = 0
		default:
			digits = min(6, 3-int(math.Floor(math.Log10(typical))))
		}
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = "–"
		if !finite(v) {
			continue
		}
		f, d := format, digits
		if math.Abs(v) >= 1e7 { // a diverged model among others
			f, d = 'e', 3
		}
		out[i] = strings.ReplaceAll(strconv.FormatFloat(v, f, d, 64), "-", "−")
	}
	return out
}
