package frame

import (
	"encoding/json"
	"fmt"

	"deeprc/collective"
)

// jsonKey is a key of the sampled objects and how many values of each kind it has.
type jsonKey struct {
	name  string
	votes [jsonVotes]int64
}

// The votes of a key's values.
const (
	jsonInts  = iota
	jsonFracs // numbers that are not int64
	jsonTexts // that are not times
	jsonTimes // texts that are times
	jsonBools
	jsonOthers // nested
	jsonVotes
)

func (k *jsonKey) blank() bool { return k.votes == [jsonVotes]int64{} }

// decide is the type of the most values.
func (k *jsonKey) decide() Type {
	v := k.votes
	nums, texts := v[jsonInts]+v[jsonFracs], v[jsonTexts]+v[jsonTimes]
	switch {
	case nums >= texts && nums >= v[jsonBools] && v[jsonInts] > 0 && v[jsonFracs] == 0:
		return Int64
	case nums >= texts && nums >= v[jsonBools]:
		return Float64
	case v[jsonBools] > texts:
		return Bool
	case v[jsonTexts] == 0:
		return Timestamp
	}
	return String
}

// infer is the keys of the first objects of all ranks, in the order in which they have them
// first, with the sums of their votes; collective.
func (p *jsonParser) infer(c collective.Comm) ([]jsonKey, error) {
	mine := p.sample()
	names, err := unionOfKeys(c, mine)
	if err != nil {
		return nil, err
	}
	at := make(map[string]int, len(names))
	for i, n := range names {
		at[n] = i
	}
	votes := make([]int64, jsonVotes*len(names))
	for _, k := range mine {
		copy(votes[jsonVotes*at[k.name]:], k.votes[:])
	}
	if err := collective.AllReduce(c, votes, collective.Sum); err != nil {
		return nil, fmt.Errorf("frame: %s: agree on keys: %w", readJSONL, err)
	}
	keys := make([]jsonKey, len(names))
	for i, n := range names {
		keys[i].name = n
		copy(keys[i].votes[:], votes[jsonVotes*i:])
	}
	return keys, nil
}

// unionOfKeys is the names of all ranks' keys, rank 0's first; collective. The lowest rank that
// has keys which none has told tells them to all, until there are none: one round where
// all have the same.
func unionOfKeys(c collective.Comm, mine []jsonKey) ([]string, error) {
	var all []string
	told := map[string]bool{}
	for {
		var rest []string
		for _, k := range mine {
			if !told[k.name] {
				rest = append(rest, k.name)
			}
		}
		next := c.Size()
		if len(rest) > 0 {
			next = c.Rank()
		}
		first, err := collective.AllReduceOne(c, int64(next), collective.Min)
		if err != nil || int(first) == c.Size() {
			return all, wrap(readJSONL+": agree on keys", err)
		}
		msg, err := json.Marshal(rest)
		if err != nil {
			panic(err) // text
		}
		if msg, err = collective.BroadcastBytes(c, msg, int(first)); err != nil {
			return nil, wrap(readJSONL+": agree on keys", err)
		}
		rest = nil
		if err := json.Unmarshal(msg, &rest); err != nil {
			return nil, wrap(readJSONL+": agree on keys", err)
		}
		for _, n := range rest {
			told[n] = true
		}
		all = append(all, rest...)
	}
}

// sample is the keys of this rank's first objects, up to a line that is wrong, which parse will report.
func (p *jsonParser) sample() []jsonKey {
	var keys []jsonKey
	at := map[string]int{}
	lines := lineWalker{b: p.text}
	for n := 0; n < sampleRecords; n++ {
		line, ok := lines.next()
		if !ok || p.scan.open(line) != nil {
			break
		}
		for {
			key, more, err := p.scan.key()
			if err != nil {
				return keys
			}
			if !more {
				break
			}
			i, ok := at[string(key)]
			if !ok {
				i = len(keys)
				keys = append(keys, jsonKey{name: string(key)})
				at[keys[i].name] = i
			}
			v, kind, err := p.scan.value()
			if err != nil {
				return keys
			}
			if kind != jsonNull {
				keys[i].votes[voteOf(v, kind)]++
			}
		}
	}
	return keys
}

func voteOf(v []byte, kind jsonKind) int {
	switch kind {
	case jsonNumber:
		if _, end, ok := scanInt(v, 0); ok && end == len(v) {
			return jsonInts
		}
		return jsonFracs
	case jsonText:
		if _, _, end, ok := scanTime(v, 0); ok && end == len(v) {
			return jsonTimes
		}
		return jsonTexts
	case jsonBool:
		return jsonBools
	}
	return jsonOthers
}
