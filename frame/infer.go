package frame

import (
	"bytes"
	"fmt"
	"slices"

	"deeprc/collective"
)

const (
	sampleRecords = 1000 // records of each rank's range that types are inferred from
	codeDigits    = 5    // digits from which a whole number with a leading zero is a code
)

// The votes of a column's sampled cells.
const (
	seen  = iota // not missing
	num          // numbers, infinities included
	frac         // of them, not int64
	code         // of them, whole numbers with leading zeros and ≥ codeDigits digits
	when         // times
	truth        // true and false
	kinds        // number of counters
)

// infer fixes the type of every column that has none declared; collective. Votes
// are summed over the ranks, so all decide the same.
func (p *parser) infer(c collective.Comm) error {
	votes := p.sample()
	if err := collective.AllReduce(c, votes, collective.Sum); err != nil {
		return fmt.Errorf("frame: read CSV: agree on column types: %w", err)
	}
	for i, col := range p.cols {
		v := votes[i*kinds : (i+1)*kinds]
		col.blank = v[seen] == 0
		if !col.declared {
			if err := col.choose(decide(v)); err != nil {
				return err
			}
		}
	}
	return nil
}

func decide(v []int64) Type {
	switch {
	case v[seen] == 0:
		return Float64
	case 2*v[num] > v[seen] && v[frac] > 0:
		return Float64
	case 2*v[num] > v[seen] && v[code] > 0:
		return String
	case 2*v[num] > v[seen]:
		return Int64
	case 2*v[when] > v[seen]:
		return Timestamp
	case v[truth] == v[seen]:
		return Bool
	}
	return String
}

// sample counts the kinds of cells in the first records, up to one with a wrong
// quote, which parse will report. Records with a wrong number of fields do not vote.
func (p *parser) sample() []int64 {
	votes := make([]int64, len(p.cols)*kinds)
	index := make(map[*cellColumn]int, len(p.cols))
	for i, col := range p.cols {
		index[col] = i
	}
	kind := make([]uint8, len(p.at)) // bit k: counts for k
	s := p.scan
	for n := 0; n < sampleRecords && s.more(); n++ {
		fields := 0
		for last := false; !last; fields++ {
			cell, end, err := s.field()
			if err != nil {
				return votes
			}
			if last = end; fields < len(p.at) && p.at[fields] != nil {
				kind[fields] = p.kindOf(cell)
			}
		}
		if fields != len(p.at) {
			continue
		}
		for i, col := range p.at {
			if col == nil {
				continue
			}
			v := votes[index[col]*kinds:]
			for k := range kinds {
				v[k] += int64(kind[i] >> k & 1)
			}
		}
	}
	return votes
}

// kindOf is the set of counters that a cell votes for.
func (p *parser) kindOf(cell []byte) uint8 {
	t := bytes.TrimSpace(cell)
	f, end, isFloat := scanFloat(t, 0)
	isFloat = isFloat && end == len(t)
	if p.na.text(t) || isFloat && p.na.number(f) {
		return 0
	}
	if isFloat {
		_, end, isInt := scanInt(t, 0)
		switch {
		case !isInt || end != len(t):
			return 1<<seen | 1<<num | 1<<frac
		case t[0] == '0' && len(t) >= codeDigits:
			return 1<<seen | 1<<num | 1<<code
		}
		return 1<<seen | 1<<num
	}
	if isInfinite(t) {
		return 1<<seen | 1<<num | 1<<frac
	}
	if _, _, end, ok := scanTime(t, 0); ok && end == len(t) {
		return 1<<seen | 1<<when
	}
	if _, ok := parseBool(t); ok {
		return 1<<seen | 1<<truth
	}
	return 1 << seen
}

// missing is the set of cells that mean a missing value.
type missing struct {
	marks   map[string]struct{}
	longest int
	numbers []float64
	times   bool // a mark reads as a time
}

func newMissing(na []string) missing {
	if na == nil {
		na = []string{"NA", "NaN", "nan", "null", "NULL", "None", "-"}
	}
	m := missing{marks: map[string]struct{}{"": {}}}
	for _, s := range na {
		b := bytes.TrimSpace([]byte(s))
		m.marks[string(b)] = struct{}{}
		m.longest = max(m.longest, len(b))
		if f, end, ok := scanFloat(b, 0); ok && end == len(b) {
			m.numbers = append(m.numbers, f)
		}
		if _, _, end, ok := scanTime(b, 0); ok && end == len(b) {
			m.times = true
		}
	}
	return m
}

// text reports whether a cell, without spaces round it, is a mark.
func (m *missing) text(cell []byte) bool {
	if len(cell) > m.longest {
		return false
	}
	_, ok := m.marks[string(cell)]
	return ok
}

// number reports whether a mark has this value.
func (m *missing) number(f float64) bool {
	return len(m.numbers) > 0 && slices.Contains(m.numbers, f)
}
