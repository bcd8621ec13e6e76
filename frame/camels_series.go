package frame

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

const (
	mm3PerCubicFoot = 28316846.592
	secPerDay       = 86400
	mm2PerM2        = 1e6

	forcingLines = 4 // before the first record: latitude, elevation, area, names
)

// basinSeries is the rows of basins, as one rank reads them.
type basinSeries struct {
	m     *Memory
	first string   // the file that the names are of
	names []string // forcings
	bytes int64
	basin *array.LargeStringBuilder
	date  *array.Date32Builder
	cols  []*array.Float64Builder // forcings, streamflow
	flow  []float64               // mm/d, of days from day0 on
	day0  int64
}

func newBasinSeries(m *Memory) *basinSeries {
	return &basinSeries{m: m, basin: array.NewLargeStringBuilder(m), date: array.NewDate32Builder(m)}
}

func (s *basinSeries) release() {
	s.basin.Release()
	s.date.Release()
	for _, b := range s.cols {
		b.Release()
	}
}

// setNames sets the names of the forcings, and the file that has them.
func (s *basinSeries) setNames(path string, names []string) {
	s.first, s.names = path, names
	for range len(names) + 1 {
		s.cols = append(s.cols, array.NewFloat64Builder(s.m))
	}
}

// readNames finds the forcings' names.
func (s *basinSeries) readNames(path string) error {
	b, err := s.load(path)
	if err != nil {
		return err
	}
	s.names, _, _, err = forcingHead(path, b)
	return err
}

func (s *basinSeries) load(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, openError(path, err)
	}
	s.bytes += int64(len(b))
	return b, nil
}

// forcingHead reads the lines before a forcing's records: the names of the forcings, the basin's
// area in m², and the records.
func forcingHead(path string, b []byte) (names []string, area float64, rest []byte, err error) {
	var lines [forcingLines][]byte
	for i := range lines {
		line, after, ok := bytes.Cut(b, []byte{'\n'})
		if !ok {
			return nil, 0, nil, fmt.Errorf("%s: has %s: want latitude, elevation, area, names, and a line a day", path, plural(i, "line"))
		}
		lines[i], b = line, after
	}
	text := bytes.TrimSpace(lines[2])
	area, n, ok := scanFloat(text, 0)
	if !ok || n != len(text) || area <= 0 {
		return nil, 0, nil, fmt.Errorf("%s:3: %s is not the basin's area in m²", path, quote(string(text)))
	}
	names = strings.Fields(string(lines[3]))
	if len(names) < 5 || !strings.EqualFold(strings.Join(names[:4], " "), "Year Mnth Day Hr") {
		return nil, 0, nil, fmt.Errorf("%s:4: %s are not the names Year, Mnth, Day, Hr and those of forcings", path, quote(string(lines[3])))
	}
	names = names[4:]
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return nil, 0, nil, fmt.Errorf("%s:4: two columns are named %s", path, quote(n))
		}
	}
	return names, area, b, nil
}

// read appends the rows of a basin.
func (s *basinSeries) read(basin, forcing, flow string) error {
	b, err := s.load(forcing)
	if err != nil {
		return err
	}
	names, area, b, err := forcingHead(forcing, b)
	if err != nil {
		return err
	}
	for i := range max(len(names), len(s.names)) {
		switch {
		case i >= len(names):
			return fmt.Errorf("%s:4: column %s of %s is missing", forcing, quote(s.names[i]), s.first)
		case i >= len(s.names) || names[i] != s.names[i]:
			return fmt.Errorf("%s:4: column %s is not in %s, whose columns are %s", forcing, quote(names[i]), s.first, list(s.names))
		}
	}
	if err := s.readFlow(basin, flow, area); err != nil {
		return err
	}
	room := bytes.Count(b, []byte{'\n'}) + 1
	s.basin.Reserve(room)
	s.date.Reserve(room)
	for _, col := range s.cols {
		col.Reserve(room)
	}
	before := int64(math.MinInt64)
	w := lineWords{b: b, line: forcingLines + 1}
	for ; w.more(); w.line++ {
		day, err := w.day(forcing)
		if err != nil {
			return err
		}
		if day <= before {
			return fmt.Errorf("%s:%d: the date is not behind that of the line before", forcing, w.line)
		}
		before = day
		w.next() // the hour
		for i, name := range s.names {
			cell := w.next()
			v, n, ok := scanFloat(cell, 0)
			if !ok || n != len(cell) {
				return fmt.Errorf("%s:%d: column %s: %s is not a number", forcing, w.line, quote(name), quote(string(cell)))
			}
			s.cols[i].UnsafeAppend(v)
		}
		if cell := w.next(); len(cell) > 0 {
			return fmt.Errorf("%s:%d: %s follows the last column", forcing, w.line, quote(string(cell)))
		}
		s.basin.Append(basin)
		s.date.UnsafeAppend(arrow.Date32(day))
		q := s.cols[len(s.names)]
		if k := day - s.day0; k >= 0 && k < int64(len(s.flow)) && !math.IsNaN(s.flow[k]) {
			q.UnsafeAppend(s.flow[k])
		} else {
			q.AppendNull()
		}
	}
	return nil
}

// readFlow reads a basin's streamflow into s.flow: lines of gauge, year, month, day, Q in cubic
// feet a second, flag.
//
//	Q [mm/d] = Q [ft³/s] · 28316846.592 mm³/ft³ · 86400 s/d / (area [m²] · 10⁶ mm²/m²)
func (s *basinSeries) readFlow(basin, path string, area float64) error {
	b, err := s.load(path)
	if err != nil {
		return err
	}
	s.flow = s.flow[:0]
	w := lineWords{b: b, line: 1}
	for ; w.more(); w.line++ {
		if gauge := w.next(); strings.TrimLeft(string(gauge), "0") != strings.TrimLeft(basin, "0") {
			return fmt.Errorf("%s:%d: gauge %s, in the file of %s", path, w.line, quote(string(gauge)), basin)
		}
		day, err := w.day(path)
		if err != nil {
			return err
		}
		cell := w.next()
		q, n, ok := scanFloat(cell, 0)
		if !ok || n != len(cell) {
			return fmt.Errorf("%s:%d: %s is not a streamflow", path, w.line, quote(string(cell)))
		}
		if len(s.flow) == 0 {
			s.day0 = day
		}
		if day < s.day0+int64(len(s.flow)) {
			return fmt.Errorf("%s:%d: the date is not behind that of the line before", path, w.line)
		}
		for s.day0+int64(len(s.flow)) < day {
			s.flow = append(s.flow, math.NaN())
		}
		if q < 0 {
			q = math.NaN()
		}
		s.flow = append(s.flow, mm3PerCubicFoot*q*secPerDay/(area*mm2PerM2))
	}
	return nil
}

// table is the rows read so far.
func (s *basinSeries) table() *Table {
	fields := []arrow.Field{{Name: "basin", Type: String, Nullable: true}, {Name: "date", Type: arrow.FixedWidthTypes.Date32, Nullable: true}}
	arrays := []arrow.Array{s.basin.NewArray(), s.date.NewArray()}
	for i, n := range append(slices.Clone(s.names), "QObs(mm/d)") {
		fields = append(fields, arrow.Field{Name: n, Type: Float64, Nullable: true})
		arrays = append(arrays, s.cols[i].NewArray())
	}
	return newTable(s.m, fields, arrays, arrays[0].Len())
}

// lineWords are those of a text, line by line, with blanks between them.
type lineWords struct {
	b    []byte // not looked at yet
	at   []byte // rest of the line
	line int
}

// more goes to the next line that is not blank.
func (w *lineWords) more() bool {
	for len(w.b) > 0 {
		w.at, w.b, _ = bytes.Cut(w.b, []byte{'\n'})
		if len(bytes.TrimSpace(w.at)) > 0 {
			return true
		}
		w.line++
	}
	return false
}

// next is the next word of the line, empty behind the last.
func (w *lineWords) next() []byte {
	i := 0
	for i < len(w.at) && (w.at[i] == ' ' || w.at[i] == '\t' || w.at[i] == '\r') {
		i++
	}
	k := i
	for k < len(w.at) && w.at[k] != ' ' && w.at[k] != '\t' && w.at[k] != '\r' {
		k++
	}
	word := w.at[i:k]
	w.at = w.at[k:]
	return word
}

// day is the date of the next three words, year, month and day, in days since 1970-01-01.
func (w *lineWords) day(path string) (int64, error) {
	var v [3]int64
	var text [3]string
	good := true
	for i := range v {
		cell := w.next()
		x, n, ok := scanInt(cell, 0)
		v[i], text[i] = x, string(cell)
		good = good && ok && n == len(cell)
	}
	if good = good && v[0] >= 1 && v[0] <= 9999 && v[1] >= 1 && v[1] <= 12; !good || v[2] < 1 || v[2] > int64(daysIn(int(v[0]), int(v[1]))) {
		return 0, fmt.Errorf("%s:%d: %s is not a date: want year, month and day", path, w.line, quote(strings.Join(text[:], " ")))
	}
	return daysTo(int(v[0]), int(v[1]), int(v[2])), nil
}
