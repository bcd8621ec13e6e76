package stages

import (
	"fmt"
	"html/template"
	"strings"
	"unicode/utf8"
)

// Measures of a Gantt, in units of its viewBox. Neighbours that together are narrower than a limit are drawn as one: 1, more where there
// are more than ganttMany ranks, so that there are about 2 · ganttWidth · ganttMany bars at most.
const (
	ganttLeft  = 62.0
	ganttWidth = 938.0
	ganttRow   = 20.0
	ganttMany  = 8
	ganttRows  = 64 // ranks that are drawn
)

// gantt draws a row a rank and a bar for each of its attempts, of the colour of the task's stage; it is empty where nothing ran.
func (t *timeline) gantt(stages map[string]string) template.HTML {
	world := t.world()
	if world == 0 || t.seconds <= 0 {
		return ""
	}
	rows := min(world, ganttRows)
	height := ganttRow * float64(rows)
	x := func(seconds float64) float64 { return ganttLeft + ganttWidth*seconds/t.seconds }
	limit := max(1, float64(rows)/ganttMany)
	thin := func(from, to float64) bool { return x(to)-x(from) < limit }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="gantt" viewBox="0 0 1016 %g" role="img" aria-label="ranks and tasks over time">`, height+34)
	for _, tick := range linearTicks(0, t.seconds, 8) {
		fmt.Fprintf(&b, `<path d="M%.1f 0V%g" style="stroke:var(--grid)"/><text x="%.1f" y="%g" font-size="11" text-anchor="middle">%s s</text>`,
			x(tick.Value), height, x(tick.Value), height+14, template.HTMLEscapeString(tick.Label))
	}
	box := func(class, title string, row int, from, to float64) {
		fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%g" width="%.1f" height="%g"><title>%s</title></rect>`, class, x(from), ganttRow*float64(row)+2,
			max(x(to)-x(from), 0.5), ganttRow-4, template.HTMLEscapeString(title))
	}
	for r := range rows {
		fmt.Fprintf(&b, `<g class="row"><text x="%g" y="%g" font-size="11" text-anchor="end">rank %d</text>`, ganttLeft-6, ganttRow*(float64(r)+0.72), r)
		for _, s := range t.sessions {
			if r < s.world {
				s.ganttRow(&b, r, x, thin, stages, box)
			}
		}
		b.WriteString("</g>")
	}
	fmt.Fprintf(&b, `<text x="%g" y="%g" font-size="11" text-anchor="end">seconds of the run</text></svg>`, ganttLeft+ganttWidth, height+30)
	return template.HTML(b.String())
}

// ganttRow draws one rank's part of a session.
func (s *session) ganttRow(b *strings.Builder, rank int, x func(float64) float64, thin func(from, to float64) bool, stages map[string]string, box func(class, title string, row int, from, to float64)) {
	at := s.at + s.boot
	if !thin(s.at, at) {
		box("boot", "boot, "+formatSeconds(s.boot), rank, s.at, at)
	}
	if !thin(at+s.left, at+s.last) {
		box("term", "end, "+formatSeconds(s.last-s.left), rank, at+s.left, at+s.last)
	}
	mine := s.of(rank)
	for i := 0; i < len(mine); {
		p := mine[i]
		from, to, n := p.begin, p.end, 1
		for i++; i < len(mine) && thin(at+from, at+mine[i].end); i++ {
			to = mine[i].end
			n++
		}
		if n > 1 {
			box("bar many", fmt.Sprintf("%d attempts, %s to %s", n, formatSeconds(at+from), formatSeconds(at+to)), rank, at+from, at+to)
			continue
		}
		class, title := "bar "+stages[p.task], fmt.Sprintf("%s, attempt %d, %s", cut(p.task), p.attempt, formatSeconds(to-from))
		if stages[p.task] == "" { // of another config
			class = "bar many"
		}
		switch {
		case p.failure != "":
			class, title = class+" failed", title+", failed: "+cut(p.failure)
		case p.open:
			title += ", has not ended"
		}
		box(class, title, rank, at+from, at+to)
		if wide := int((x(to) - x(from) - 6) / 6); wide >= 4 {
			name := p.task
			if utf8.RuneCountInString(name) > wide {
				name = string([]rune(name)[:wide-1]) + "…"
			}
			fmt.Fprintf(b, `<text class="in" x="%.1f" y="%g" font-size="10.5">%s</text>`, x(at+from)+3, ganttRow*(float64(rank)+0.7), template.HTMLEscapeString(name))
		}
	}
}
