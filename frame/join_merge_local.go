package frame

import "cmp"

// mergeSide is one side's rows in the order of the keys.
type mergeSide struct {
	levels []level
	order  []uint32
	code   []uint64 // of the first level, in order
	whole  []byte   // bits by row: it has no missing key; nil: all
	done   func()
}

func (s *mergeSide) missing(i int) bool {
	r := s.order[i]
	return s.whole != nil && s.whole[r>>3]>>(r&7)&1 == 0
}

// merger walks along both sides.
type merger struct {
	kind JoinKind
	m    *Memory
	l, r mergeSide
	deep bool // the codes are not all of the keys
	i, k int  // the next rows of l and r
	// the first rows and the last ones of r, up to head and from tail on, have partners in other parts
	head, tail int
	run        mergeRun
}

// mergeRun is rows lo…hi of both sides that all are partners, or of one side that have none there.
type mergeRun struct {
	left, right [2]int
	n, at       int // rows of the result, and how many of them were given out
}

// join gives the result of this rank's part, of at most most rows at a time, to take; the first piece may be empty.
func (g *mergeJoin) join(l, r *Table, part, most int, take func(*Table) error) error {
	w, err := g.merger(l, r, part)
	if err != nil {
		return err
	}
	defer w.free()
	p := &pairs{}
	defer func() { p.free(l.mem) }()
	p.grow(l.mem, min(most, max(64, l.rows)))
	for more := true; more; {
		p.left, p.right = p.left[:0], p.right[:0]
		more = w.next(p, most)
		t, err := g.result(l, r, p)
		if err != nil {
			return err
		}
		if err := take(t); err != nil {
			return err
		}
	}
	return nil
}

// merger sorts both sides of a part.
func (g *mergeJoin) merger(l, r *Table, part int) (*merger, error) {
	w := &merger{kind: g.kind, m: l.mem}
	lc, lk, err := keysToSort(l, g.leftOn)
	if err != nil {
		return nil, err
	}
	rc, rk, err := keysToSort(r, g.rigOn)
	if err != nil {
		return nil, err
	}
	levels := levelsOf(w.m, [][]sortColumn{lk, rk})
	w.deep = len(levels[0]) > 1 || levels[0][0].col != nil
	w.l, w.r = newMergeSide(l, lc, levels[0]), newMergeSide(r, rc, levels[1])
	n := len(w.r.order)
	w.tail = n
	number, err := g.split.Int64s(rowColumn)
	if err != nil {
		w.free()
		return nil, err
	}
	equals := func(i, b int) bool { // sorted row i of r has the keys of splitter b, which is a left row
		return b >= 0 && b < len(number) && number[b] < g.lefts && !w.r.missing(i) && compareKeys(rk, int(w.r.order[i]), g.bounds, b) == 0
	}
	for w.head < n && equals(w.head, part-1) {
		w.head++
	}
	for w.tail > 0 && equals(w.tail-1, part) {
		w.tail--
	}
	return w, nil
}

// newMergeSide sorts a side by its levels, rows of one key by their number in column rowColumn if there is one.
func newMergeSide(t *Table, cols []column, levels []level) mergeSide {
	m := t.mem
	s := mergeSide{levels: levels}
	if at := t.schema.FieldIndices(rowColumn); len(at) > 0 {
		s.order = sortOrder(m, []sortColumn{{column: see(t.Record().Column(at[0]))}}, t.rows)
	} else {
		s.order = ascending(m, t.rows)
	}
	orderBy(m, levels, s.order)
	s.code = alloc[uint64](m, t.rows)
	levels[0].codes(s.code, s.order, 0)
	s.whole, s.done = allValid(m, cols)
	return s
}

func (w *merger) free() {
	for _, s := range []*mergeSide{&w.l, &w.r} {
		freeLevels(w.m, s.levels)
		free(w.m, s.order)
		free(w.m, s.code)
		s.done()
	}
}

// compare compares row i of l with row k of r.
func (w *merger) compare(i, k int) int {
	d := cmp.Compare(w.l.code[i], w.r.code[k])
	if d == 0 && w.deep {
		return compareLevels(w.l.levels, w.l.order[i], w.r.levels, w.r.order[k])
	}
	return d
}

// next appends rows of the result to p, until it has at least one and at most most, and reports whether there are more.
func (w *merger) next(p *pairs, most int) bool {
	for len(p.left) < most {
		if w.run.at == w.run.n && !w.advance() {
			return false
		}
		w.give(p, min(w.run.n-w.run.at, most-len(p.left)))
	}
	return true
}

// advance finds the next run; false: there is none.
func (w *merger) advance() bool {
	nl, nr := len(w.l.order), len(w.r.order)
	i, k := w.i, w.k
	switch {
	case i == nl && k == nr:
		return false
	case k == nr:
		w.i = nl
	case i == nl:
		w.k = nr
	default:
		switch d := w.compare(i, k); {
		case d < 0:
			for w.i++; w.i < nl && w.compare(w.i, k) < 0; w.i++ {
			}
		case d > 0:
			for w.k++; w.k < nr && w.compare(i, w.k) > 0; w.k++ {
			}
		default:
			for w.i++; w.i < nl && w.compare(w.i, k) == 0; w.i++ {
			}
			if w.l.missing(i) { // the right rows come next, alone
				break
			}
			for w.k++; w.k < nr && w.compare(i, w.k) == 0; w.k++ {
			}
		}
	}
	w.run = mergeRun{left: [2]int{i, w.i}, right: [2]int{k, w.k}}
	w.run.n = w.count(&w.run)
	return true
}

// count is the number of rows that b has in the result.
func (w *merger) count(b *mergeRun) int {
	left, right := b.left[1]-b.left[0], b.right[1]-b.right[0]
	switch {
	case left > 0 && right > 0 && w.kind == Semi, left > 0 && right == 0 && (w.kind == Left || w.kind == Full || w.kind == Anti):
		b.right = [2]int{}
		return left
	case left > 0 && right > 0 && w.kind != Anti:
		return left * right
	case left == 0 && (w.kind == Right || w.kind == Full):
		b.right = [2]int{max(b.right[0], w.head), min(b.right[1], w.tail)}
		return max(0, b.right[1]-b.right[0])
	}
	return 0
}

// give appends the next n rows of the run to p.
func (w *merger) give(p *pairs, n int) {
	if need := len(p.left) + n; need > p.room {
		p.grow(w.m, max(need, p.room+p.room/2))
	}
	b := &w.run
	at := len(p.left)
	p.left, p.right = p.left[:at+n], p.right[:at+n]
	left, right := p.left[at:], p.right[at:]
	rights := b.right[1] - b.right[0]
	switch {
	case rights == 0:
		for x := range left {
			left[x], right[x] = w.l.order[b.left[0]+b.at+x], noRow
		}
	case b.left[0] == b.left[1]:
		for x := range left {
			left[x], right[x] = noRow, w.r.order[b.right[0]+b.at+x]
		}
	default:
		i, k := b.at/rights, b.at%rights
		for x := range left {
			left[x], right[x] = w.l.order[b.left[0]+i], w.r.order[b.right[0]+k]
			if k++; k == rights {
				i, k = i+1, 0
			}
		}
	}
	b.at += n
}
