package frame

import (
	"bytes"
	"fmt"

	"deeprc/collective"
)

// maxTail is how far, in bytes, a rank reads beyond its range for the end of its last record.
const maxTail = 64 << 20

// readPart reads this rank's n-th of the bytes behind the header and returns a
// scanner over the records that start in it; collective.
//
// Where records start in a range depends on whether it begins inside quotes.
// Every quote opens, closes or is one of a pair, so it does if and only if the
// number of quotes in all lower ranges is odd.
func readPart(c collective.Comm, f *csvFile, h *header) (scanner, error) {
	n := h.size - h.start
	r, ranks := int64(c.Rank()), int64(c.Size())
	lo, hi := h.start+share(n, r, ranks), h.start+share(n, r+1, ranks)
	from := lo
	if lo > h.start && lo < hi {
		from-- // whether a record ends there
	}
	buf := make([]byte, hi-from, hi-from+min(h.size-hi, firstRead))
	if err := collective.Agree(c, f.pread(buf, from)); err != nil {
		return scanner{}, err
	}
	own := buf[lo-from:]
	lines, err := collective.ExclusiveScan(c, int64(bytes.Count(own, []byte{'\n'})))
	if err != nil {
		return scanner{}, fmt.Errorf("%s: count lines: %w", f.path, err)
	}
	quotes := bytes.Count(own, []byte{'"'})
	before, err := collective.ExclusiveScan(c, int64(quotes))
	if err != nil {
		return scanner{}, fmt.Errorf("%s: count quotes: %w", f.path, err)
	}
	s := scanner{line: h.lines + 1 + int(lines)}
	s.setComma(h.comma)
	quoted := before%2 == 1
	if i := bytes.IndexByte(own, 0); i >= 0 {
		err = nulError(f.path, s.line+bytes.Count(own[:i], []byte{'\n'}))
	} else if lo < hi {
		first := 0 // index in own of the first record
		if lo > h.start && (quoted || buf[0] != '\n') {
			first, _ = recordEnd(own, quoted)
		}
		if first >= 0 && first < len(own) {
			s.line += bytes.Count(own[:first], []byte{'\n'})
			s.b, s.cut, err = f.finishRecord(buf, hi, h.size, (before+int64(quotes))%2 == 1)
			s.b = s.b[int(lo-from)+first:]
		}
	}
	return s, collective.Agree(c, err)
}

// share is where part r of n bytes in parts begins.
func share(n, r, parts int64) int64 {
	q, rest := n/parts, n%parts
	return q*r + min(r, rest)
}

// finishRecord appends the bytes from hi on up to the end of the record in which b
// ends; open says whether that is inside quotes. It is cut where it does not end
// within maxTail.
func (f *csvFile) finishRecord(b []byte, hi, size int64, open bool) (_ []byte, cut bool, err error) {
	if !open && b[len(b)-1] == '\n' {
		return b, false, nil
	}
	limit := min(size, hi+maxTail)
	for step := int64(firstRead); hi < limit; step *= 2 {
		n := len(b)
		b = append(b, make([]byte, min(step, limit-hi))...)
		if err := f.pread(b[n:], hi); err != nil {
			return b, false, err
		}
		end := 0
		if end, open = recordEnd(b[n:], open); end > 0 {
			return b[:n+end], false, nil
		}
		hi += int64(len(b) - n)
	}
	return b, hi < size, nil
}
