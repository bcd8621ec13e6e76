package frame

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// addedColumns are columns that readers make of files' names, their folders, and the numbers of rows.
type addedColumns struct {
	id   string   // column of ids; "" for none
	ids  []string // of each file
	time string   // column of times; "" for none
	t0   int64    // µs since 1970 of a file's first row
	step int64    // µs
	keys []hiveKey
}

// addKeys adds columns for the keys of hive folders: all, or those that are wanted.
func (a *addedColumns) addKeys(keys []hiveKey, wanted []string) {
	for _, k := range keys {
		if len(wanted) == 0 || slices.Contains(wanted, k.name) {
			a.keys = append(a.keys, k)
		}
	}
}

// own is those of the wanted columns that are in the files themselves.
func (a *addedColumns) own(wanted []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(n string) bool {
		return slices.ContainsFunc(a.keys, func(k hiveKey) bool { return k.name == n })
	})
}

func newAddedColumns(paths []string, id, pattern string, start time.Time, step time.Duration, timeColumn string) (*addedColumns, error) {
	a := &addedColumns{id: id}
	switch {
	case step < 0 || step%time.Microsecond != 0:
		return nil, fmt.Errorf("frame: step %s between rows: want whole microseconds, more than none", step)
	case step == 0 && (!start.IsZero() || timeColumn != ""):
		return nil, fmt.Errorf("frame: a time of the first row or a column of times is given without the step between rows")
	case step > 0 && start.IsZero():
		return nil, fmt.Errorf("frame: step %s between rows is given without the time of the first", step)
	case step > 0:
		if a.time = timeColumn; timeColumn == "" {
			a.time = "date"
		}
		if a.time == id {
			return nil, fmt.Errorf("frame: the columns of ids and of times are both named %s", quote(id))
		}
		a.t0, a.step = start.UnixMicro(), step.Microseconds()
	}
	if id == "" {
		if pattern != "" {
			return nil, fmt.Errorf("frame: a pattern of ids, %s, is given without the name of their column", quote(pattern))
		}
		return a, nil
	}
	var err error
	a.ids, err = idsOf(paths, pattern)
	return a, err
}

// idsOf is the part of each path that is {id} in the pattern.
func idsOf(paths []string, pattern string) ([]string, error) {
	ids := make([]string, len(paths))
	if pattern == "" {
		for i, p := range paths {
			ids[i], _, _ = strings.Cut(filepath.Base(p), ".")
			if ids[i] == "" {
				return nil, fmt.Errorf("frame: %s: the file's name gives no id, since it begins with its extension", p)
			}
		}
		return ids, nil
	}
	if strings.Count(pattern, "{id}") != 1 {
		return nil, fmt.Errorf("frame: pattern of ids %s: want {id} once, as in {id}_*.csv", quote(pattern))
	}
	parts := regexp.MustCompile(`\{id\}|\*|\?|[^{*?]+|\{`).FindAllString(pattern, -1)
	for i, s := range parts {
		switch s {
		case "{id}":
			parts[i] = "([^/]+?)"
		case "*":
			parts[i] = "[^/]*"
		case "?":
			parts[i] = "[^/]"
		default:
			parts[i] = regexp.QuoteMeta(s)
		}
	}
	re, err := regexp.Compile("(?:^|/)" + strings.TrimPrefix(strings.Join(parts, ""), "/") + "$")
	if err != nil {
		return nil, fmt.Errorf("frame: pattern of ids %s: %w", quote(pattern), err)
	}
	for i, p := range paths {
		m := re.FindStringSubmatch(filepath.ToSlash(p))
		if m == nil {
			return nil, fmt.Errorf("frame: %s: the path does not end as the pattern of ids %s says", p, quote(pattern))
		}
		ids[i] = m[1]
	}
	return ids, nil
}

// names is those of the columns.
func (a *addedColumns) names() []string {
	var n []string
	if a.id != "" {
		n = append(n, a.id)
	}
	if a.time != "" {
		n = append(n, a.time)
	}
	for _, k := range a.keys {
		n = append(n, k.name)
	}
	return n
}

// keyColumns is the columns of the hive keys for runs of rows.
func (a *addedColumns) keyColumns(m *Memory, runs []run) (fields []arrow.Field, arrays []arrow.Array) {
	for _, k := range a.keys {
		parts := make([]arrow.Array, len(runs))
		for i, r := range runs {
			parts[i] = k.column(m, r.file, int(r.rows))
		}
		fields = append(fields, arrow.Field{Name: k.name, Type: k.typ, Nullable: true})
		arrays = append(arrays, concatenate(m, k.typ, parts))
		for _, p := range parts {
			p.Release()
		}
	}
	return fields, arrays
}

// make is the columns of ids and times for runs of rows, of which the first has before rows of its file before it.
func (a *addedColumns) make(m *Memory, runs []run, before int64) (fields []arrow.Field, arrays []arrow.Array) {
	rows, bytes := 0, 0
	for _, r := range runs {
		rows += int(r.rows)
		if a.id != "" {
			bytes += int(r.rows) * len(a.ids[r.file])
		}
	}
	if a.id != "" {
		off, text := newBuffer(m, (rows+1)*8), newBuffer(m, bytes)
		ends, to, i := view[int64](off), text.Bytes()[:0], 0
		for _, r := range runs {
			for range r.rows {
				to = append(to, a.ids[r.file]...)
				i++
				ends[i] = int64(len(to))
			}
		}
		fields = append(fields, arrow.Field{Name: a.id, Type: String, Nullable: true})
		arrays = append(arrays, newArray(String, rows, 0, nil, off, text))
	}
	if a.time != "" {
		b := newBuffer(m, rows*8)
		at := view[int64](b)
		for _, r := range runs {
			for k := range r.rows {
				at[k] = a.t0 + (before+k)*a.step
			}
			at, before = at[r.rows:], 0
		}
		fields = append(fields, arrow.Field{Name: a.time, Type: Timestamp, Nullable: true})
		arrays = append(arrays, newArray(Timestamp, rows, 0, nil, b))
	}
	return fields, arrays
}

// rowsBefore is the number of rows of the first run's file that lower ranks have; collective.
func (s *textSource) rowsBefore(c collective.Comm, what string, runs []run) (int64, error) {
	mine := s.plan.pieces()
	var own int64
	if n := len(runs); n > 0 && len(mine) > 0 && runs[n-1].file == mine[len(mine)-1].file {
		own = runs[n-1].rows
	}
	before, err := s.plan.carry(c, what, mine, own)
	if err != nil || len(runs) == 0 || runs[0].file != mine[0].file {
		return 0, err
	}
	return before[0], nil
}
