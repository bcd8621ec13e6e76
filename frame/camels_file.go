package frame

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
)

// cubicFoot is a cubic foot in mm³, 304.8³.
const cubicFoot = 28316846.592

// missingValue is a missing cell on its way into a column.
var missingValue = math.NaN()

// forcing is a file of a basin's meteorology: lines with latitude in degrees, elevation in m
// and area in m², one with the columns' names, the first four Year, Mnth, Day and Hr, and one a
// day. Spaces or tabs separate fields.
type forcing struct {
	fields
	area  float64 // m²
	names []string
	most  int // days, at most
}

// forcingHead are the bytes in which a forcing file's first four lines must end.
const forcingHead = 4096

// readHead is the first bytes of a file.
func readHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	defer f.Close()
	b := make([]byte, forcingHead)
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
		return nil, openError(path, err)
	}
	return b[:n], nil
}

func newForcing(path string, text []byte) (*forcing, error) {
	f := &forcing{fields: fields{path: path, b: text}, most: bytes.Count(text, []byte{'\n'}) + 1}
	for range 3 {
		if !f.next() {
			return nil, fmt.Errorf("%s: ends in its header of four lines", path)
		}
	}
	var ok bool
	if f.area, ok = f.float(); !ok || f.area <= 0 {
		return nil, fmt.Errorf("%s:%d: %s is no area in m²", path, f.line, quote(string(f.text())))
	}
	if !f.next() {
		return nil, fmt.Errorf("%s: ends in its header of four lines", path)
	}
	names := strings.Fields(string(f.text()))
	if len(names) < 5 || !strings.EqualFold(strings.Join(names[:4], " "), "year mnth day hr") {
		return nil, fmt.Errorf("%s:%d: the line is %s, want the columns' names, Year Mnth Day Hr and others", path, f.line, quote(string(f.text())))
	}
	f.names = names[4:]
	for i, n := range f.names {
		for _, m := range f.names[:i] {
			if strings.EqualFold(n, m) {
				return nil, fmt.Errorf("%s:%d: two columns are named %s", path, f.line, quote(n))
			}
		}
	}
	return f, nil
}

// read appends the days since 1970 and, of each column, the values.
func (f *forcing) read(days []int32, cells [][]float64) ([]int32, error) {
	for f.next() {
		day, err := f.day()
		if err != nil {
			return nil, err
		}
		if n := len(days); n > 0 && day <= days[n-1] {
			return nil, fmt.Errorf("%s:%d: the date is not after that of the line before", f.path, f.line)
		}
		if _, ok := f.float(); !ok {
			return nil, f.misfit("Hr")
		}
		days = append(days, day)
		for i := range cells {
			v, ok := f.float()
			if !ok {
				return nil, f.misfit(f.names[i])
			}
			cells[i] = append(cells[i], v)
		}
		if !f.end() {
			return nil, fmt.Errorf("%s:%d: more fields than the header's %d", f.path, f.line, 4+len(f.names))
		}
	}
	return days, nil
}

// readFlow is the streamflow in cubic feet a second on the given days, NaN where there is none.
// A line is basin, year, month, day, streamflow and a flag.
func readFlow(path string, text []byte, basin string, days []int32) ([]float64, error) {
	flow := make([]float64, len(days))
	for i := range flow {
		flow[i] = missingValue
	}
	f := &fields{path: path, b: text}
	at, last := 0, int32(math.MinInt32)
	for f.next() {
		if id := string(f.word()); id != basin {
			return nil, fmt.Errorf("%s:%d: a line of basin %s among those of %s", path, f.line, quote(id), basin)
		}
		day, err := f.day()
		if err != nil {
			return nil, err
		}
		if day <= last {
			return nil, fmt.Errorf("%s:%d: the date is not after that of the line before", path, f.line)
		}
		last = day
		v, ok := f.float()
		if !ok {
			return nil, f.misfit("streamflow")
		}
		for at < len(days) && days[at] < day {
			at++
		}
		if at < len(days) && days[at] == day {
			flow[at] = v
		}
	}
	return flow, nil
}

// fields walks over lines of fields that spaces and tabs separate.
type fields struct {
	path string
	b    []byte
	line int // from 1
	lo   int // the line's first byte, and the one behind its last
	hi   int
	pos  int // of the next field
	from int // of the last one
}

// next goes to the next line that is not blank.
func (f *fields) next() bool {
	for f.hi < len(f.b) {
		f.lo = f.hi
		if f.line > 0 && f.b[f.lo] == '\n' {
			f.lo++
		}
		f.line++
		f.pos, f.hi = f.lo, len(f.b)
		if i := bytes.IndexByte(f.b[f.lo:], '\n'); i >= 0 {
			f.hi = f.lo + i
		}
		if !f.end() {
			return true
		}
	}
	return false
}

// text is the line without spaces round it.
func (f *fields) text() []byte { return bytes.TrimSpace(f.b[f.lo:f.hi]) }

// end passes over spaces and reports whether the line ends there.
func (f *fields) end() bool {
	for f.pos < f.hi && isBlank(f.b[f.pos]) {
		f.pos++
	}
	return f.pos == f.hi
}

func isBlank(ch byte) bool { return ch == ' ' || ch == '\t' || ch == '\r' }

// word is the next field; empty at the end of the line.
func (f *fields) word() []byte {
	f.end()
	f.from = f.pos
	for f.pos < f.hi && !isBlank(f.b[f.pos]) {
		f.pos++
	}
	return f.b[f.from:f.pos]
}

// float is the next field as a number; NaN and NA are missing.
func (f *fields) float() (float64, bool) {
	w := f.word()
	v, end, ok := scanFloat(w, 0)
	if ok && end == len(w) {
		return v, true
	}
	return missingValue, string(w) == "NaN" || string(w) == "NA"
}

// day is the next three fields, a year, a month and a day, as days since 1970.
func (f *fields) day() (int32, error) {
	var v [3]int64
	from := f.pos
	for i := range v {
		w := f.word()
		n, end, ok := scanInt(w, 0)
		if !ok || end != len(w) {
			return 0, f.noDate(from)
		}
		v[i] = n
	}
	if v[0] < 0 || v[0] > 9999 || v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > int64(daysIn(int(v[0]), int(v[1]))) {
		return 0, f.noDate(from)
	}
	return int32(daysTo(int(v[0]), int(v[1]), int(v[2]))), nil
}

func (f *fields) noDate(from int) error {
	return fmt.Errorf("%s:%d: %s is no date of year, month and day", f.path, f.line, quote(string(bytes.TrimSpace(f.b[from:f.pos]))))
}

// misfit says that the last field is no number.
func (f *fields) misfit(name string) error {
	if f.from == f.hi {
		return fmt.Errorf("%s:%d: the line ends before %s", f.path, f.line, quote(name))
	}
	return fmt.Errorf("%s:%d: column %s: %s is not a number", f.path, f.line, quote(name), quote(string(f.b[f.from:f.pos])))
}

// repeated is n rows of one text.
func repeated(m *Memory, s string, n int) arrow.Array {
	k := hiveKey{typ: arrow.BinaryTypes.LargeString, values: []*string{&s}}
	return k.column(m, 0, n)
}

// numbers is a column of v, in which NaN means a missing cell.
func numbers(m *Memory, v []float64) arrow.Array {
	c := newCollector[float64](m, len(v))
	for i, x := range v {
		if !math.IsNaN(x) {
			c.put(i, x)
		}
	}
	return c.array(Float64)
}
