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
	var msg []byte
	for _, k := range p.sample() {
		line, err := json.Marshal([]any{k.name, k.votes})
		if err != nil {
			panic(err)
		}
		msg = append(append(msg, line...), '\n')
	}
	all, _, err := collective.AllGatherV(c, msg)
	if err != nil {
		return nil, fmt.Errorf("frame: %s: agree on keys: %w", readJSONL, err)
	}
	var keys []jsonKey
	at := map[string]int{}
	for len(all) > 0 {
		var k jsonKey
		n := 0
		for all[n] != '\n' {
			n++
		}
		if err := json.Unmarshal(all[:n], &[]any{&k.name, &k.votes}); err != nil {
			panic(err)
		}
		all = all[n+1:]
		i, ok := at[k.name]
		if !ok {
			i = len(keys)
			at[k.name] = i
			keys = append(keys, jsonKey{name: k.name})
		}
		for j, v := range k.votes {
			keys[i].votes[j] += v
		}
	}
	return keys, nil
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
		if _, end, ok := scanTime(v, 0); ok && end == len(v) {
			return jsonTimes
		}
		return jsonTexts
	case jsonBool:
		return jsonBools
	}
	return jsonOthers
}
