package frame

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"deeprc/collective"
)

// The votes of a key's sampled values.
const (
	jsonSeen  = iota // not null
	jsonNum          // numbers
	jsonFrac         // of them, not int64
	jsonStr          // text
	jsonWhen         // of it, times
	jsonKinds        // number of counters
)

// jsonVotes are the counters of a key.
type jsonVotes [jsonKinds]int64

// count adds a value.
func (v *jsonVotes) count(token jsonToken, text []byte) {
	if token == jsonNull {
		return
	}
	v[jsonSeen]++
	switch token {
	case jsonNumber:
		v[jsonNum]++
		if _, n, ok := scanInt(text, 0); !ok || n != len(text) {
			v[jsonFrac]++
		}
	case jsonText:
		v[jsonStr]++
		if _, n, ok := scanTime(text, 0); ok && n == len(text) {
			v[jsonWhen]++
		}
	}
}

var errSampled = errors.New("enough lines")

// infer fixes the columns and their types; collective. Votes are summed over the ranks, so all
// decide the same.
func (p *jsonParser) infer(c collective.Comm, what string) error {
	seen, votes := p.sample()
	for i, n := range p.o.Columns {
		if slices.Contains(p.o.Columns[:i], n) {
			return fmt.Errorf("frame: %s: column %s is asked for twice", what, quote(n))
		}
		p.add(n)
	}
	names, err := agreeOnKeys(c, what, seen)
	if err != nil {
		return err
	}
	if len(p.o.Columns) == 0 {
		for _, n := range names {
			p.add(n)
		}
	}
	for _, n := range sortedKeys(p.o.Types) {
		if p.byName[n] == nil && !slices.Contains(names, n) {
			return fmt.Errorf("frame: %s: %s", what, noColumn(n, names))
		}
	}
	sum := make([]int64, 0, len(p.keys)*jsonKinds)
	for _, k := range p.keys {
		if v := votes[string(k.name)]; v != nil {
			sum = append(sum, v[:]...)
		} else {
			sum = append(sum, make([]int64, jsonKinds)...)
		}
	}
	if err := collective.AllReduce(c, sum, collective.Sum); err != nil {
		return fmt.Errorf("frame: %s: agree on column types: %w", what, err)
	}
	for i, k := range p.keys {
		t, declared := p.o.Types[k.col.name]
		v := sum[i*jsonKinds : (i+1)*jsonKinds]
		k.col.declared, k.col.blank = declared, v[jsonSeen] == 0
		switch {
		case !declared && !slices.Contains(names, k.col.name):
			return fmt.Errorf("frame: %s: in the first %d lines of each rank %s; if it comes later, declare its type", what, sampleRecords, noColumn(k.col.name, names))
		case !declared:
			t = decideJSON(v)
		}
		if err := k.col.choose(t); err != nil {
			return fmt.Errorf("frame: %s: %w", what, err)
		}
	}
	return nil
}

func decideJSON(v []int64) Type {
	switch {
	case v[jsonSeen] == 0 || 2*v[jsonNum] > v[jsonSeen] && v[jsonFrac] > 0:
		return Float64
	case 2*v[jsonNum] > v[jsonSeen]:
		return Int64
	case v[jsonWhen] == v[jsonSeen]:
		return Timestamp
	case v[jsonStr] > 0:
		return String
	case v[jsonNum] > 0:
		return Int64
	}
	return Bool
}

// sample is the keys of the first lines, in order, and their votes, up to a line that is wrong, which
// parse will report.
func (p *jsonParser) sample() (names []string, votes map[string]*jsonVotes) {
	votes = map[string]*jsonVotes{}
	n := 0
	p.lines(func(line []byte, _ int) error {
		if n++; n > sampleRecords {
			return errSampled
		}
		s := jsonScanner{b: line}
		if err := s.open(); err != nil {
			return err
		}
		for {
			key, ok, err := s.key()
			if err != nil || !ok {
				return err
			}
			v := votes[string(key)]
			if v == nil {
				v = new(jsonVotes)
				votes[string(key)] = v
				names = append(names, string(key))
			}
			token, text, err := s.value()
			if err != nil {
				return err
			}
			v.count(token, text)
		}
	})
	return names, votes
}

// agreeOnKeys is the keys of all ranks, in the order of ranks; collective. Ranks whose keys
// others have too cost nothing.
func agreeOnKeys(c collective.Comm, what string, mine []string) ([]string, error) {
	var all []string
	known := map[string]bool{}
	for {
		mine = slices.DeleteFunc(mine, func(n string) bool { return known[n] })
		first := int64(c.Size())
		if len(mine) > 0 {
			first = int64(c.Rank())
		}
		first, err := collective.AllReduceOne(c, first, collective.Min)
		if err != nil {
			return nil, fmt.Errorf("frame: %s: agree on keys: %w", what, err)
		}
		if first == int64(c.Size()) {
			return all, nil
		}
		var msg []byte
		if int(first) == c.Rank() {
			if msg, err = json.Marshal(mine); err != nil {
				panic(err) // text
			}
		}
		if msg, err = collective.BroadcastBytes(c, msg, int(first)); err != nil {
			return nil, fmt.Errorf("frame: %s: agree on keys: %w", what, err)
		}
		var names []string
		if err := json.Unmarshal(msg, &names); err != nil {
			return nil, fmt.Errorf("frame: %s: agree on keys: %w", what, err)
		}
		for _, n := range names {
			known[n] = true
		}
		all = append(all, names...)
	}
}
