package frame

import (
	"fmt"
	"slices"

	"deeprc/collective"
)

// skewSample is the number of rows of each rank that are looked at for frequent keys.
const skewSample = 4096

// shuffle partitions both sides by their keys. Of keys that are frequent on either side, the rows of the side that has more
// of them are spread over the ranks, and those of the other side go to all ranks. Rows without a whole key,
// which have no partner, stay where they are or are left out. Collective.
func (j *joiner) shuffle(c collective.Comm, l, r *Table) (*met, error) {
	keepL, keepR := j.keeps()
	sides := make([]*routed, 0, 2)
	defer func() {
		for _, s := range sides {
			s.free()
		}
	}()
	for _, s := range []routed{{t: l, on: j.leftOn, keep: keepL}, {t: r, on: j.rigOn, keep: keepR}} {
		if err := s.hash(); err != nil {
			return nil, fmt.Errorf("frame: join: %w", err)
		}
		sides = append(sides, &s)
	}
	often, err := frequentKeys(c, sides)
	if err != nil {
		return nil, fmt.Errorf("frame: join: %w", err)
	}
	m := &met{}
	if m.l, err = sides[0].send(c, often); err != nil {
		return nil, err
	}
	if m.r, err = sides[1].send(c, often); err != nil {
		m.l.Release()
		return nil, err
	}
	left, right := j.asks()
	for s, t := range []*Table{m.l, m.r} {
		if asked := []bool{left, right}[s]; asked && sides[s].copied {
			came := routed{t: t, on: sides[s].on}
			if err := came.hash(); err != nil {
				m.release()
				return nil, fmt.Errorf("frame: join: %w", err)
			}
			m.copies[s] = came.rowsOf(often, sides[s].spread)
			came.free()
		}
	}
	return m, nil
}

// routed is one side of a join on its way.
type routed struct {
	t      *Table
	on     []string
	keep   bool // the rows without a whole key
	h      []uint64
	whole  []byte // bits: the row has no missing key; nil: all
	done   func()
	spread []bool // by frequent key: its rows are spread over the ranks, else they go to all
	copied bool   // rows go to all
}

func (s *routed) hash() error {
	cols, err := keyColumns(s.t, s.on)
	if err != nil {
		return err
	}
	s.h = hashes(s.t.mem, cols, s.t.rows)
	s.whole, s.done = allValid(s.t.mem, cols)
	return nil
}

func (s *routed) free() {
	free(s.t.mem, s.h)
	s.done()
}

// has reports whether row i has a whole key.
func (s *routed) has(i int) bool { return s.whole == nil || s.whole[i>>3]>>(i&7)&1 == 1 }

// rowsOf are the rows of the frequent keys that are not spread.
func (s *routed) rowsOf(often []uint64, spread []bool) (rows []uint32) {
	for i, x := range s.h {
		if k, yes := slices.BinarySearch(often, x); yes && !spread[k] && s.has(i) {
			rows = append(rows, uint32(i))
		}
	}
	return rows
}

// frequentKeys are the hashes, sorted, of keys that are frequent on either side, and decides which side's rows are spread; the
// same on all ranks. Collective.
func frequentKeys(c collective.Comm, sides []*routed) ([]uint64, error) {
	var often []uint64
	for _, s := range sides {
		h, err := frequent(c, s.h, s.has)
		if err != nil {
			return nil, err
		}
		often = append(often, h...)
	}
	slices.Sort(often)
	often = slices.Compact(often)
	if len(often) == 0 {
		return nil, nil
	}
	count := make([]int64, 2*len(often))
	for k, s := range sides {
		n := count[k*len(often):][:len(often)]
		for i, x := range s.h {
			if at, yes := slices.BinarySearch(often, x); yes && s.has(i) {
				n[at]++
			}
		}
	}
	if err := collective.AllReduce(c, count, collective.Sum); err != nil {
		return nil, err
	}
	for i := range often {
		l, r := count[i], count[len(often)+i]
		sides[0].spread, sides[1].spread = append(sides[0].spread, l >= r), append(sides[1].spread, l < r)
		sides[0].copied, sides[1].copied = sides[0].copied || 0 < l && l < r, sides[1].copied || 0 < r && r <= l
	}
	return often, nil
}

// frequent are the hashes of keys that have more than half a rank's share of all
// rows, as far as a sample can tell, of rows for which has says yes; the same on all ranks. Collective.
func frequent(c collective.Comm, h []uint64, has func(i int) bool) ([]uint64, error) {
	rows, err := collective.AllReduceOne(c, int64(len(h)), collective.Sum)
	if err != nil {
		return nil, err
	}
	if rows == 0 {
		return nil, nil
	}
	// a rank's part of the sample is as its part of the rows
	n := int(int64(skewSample) * int64(c.Size()) * int64(len(h)) / rows)
	n = min(n, len(h))
	mine := make([]int64, 0, n)
	for i := range n {
		if row := i * len(h) / n; has(row) {
			mine = append(mine, int64(h[row]))
		}
	}
	// Only what is frequent on some rank can be: a rank sends few hashes, unless there are so many ranks that one row is
	// much. Those of a hash meet on one rank.
	slices.Sort(mine)
	p := c.Size()
	few := map[int][]int64{} // by rank: hash, count
	total := min(int64(skewSample*p), rows)
	for i := 0; i < len(mine); {
		k := i
		for k < len(mine) && mine[k] == mine[i] {
			k++
		}
		if (k-i)*8*p > n {
			to := int(uint64(mine[i]) % uint64(p))
			few[to] = append(few[to], mine[i], int64(k-i))
		}
		i = k
	}
	came, err := collective.Exchange(c, few)
	if err != nil {
		return nil, err
	}
	count := map[int64]int64{}
	for _, pairs := range came {
		for i := 0; i < len(pairs); i += 2 {
			count[pairs[i]] += pairs[i+1]
		}
	}
	var own []int64
	for hash, k := range count {
		if k*2*int64(p) > total {
			own = append(own, hash)
		}
	}
	all, _, err := collective.AllGatherV(c, own)
	if err != nil {
		return nil, err
	}
	often := make([]uint64, len(all))
	for i, hash := range all {
		often[i] = uint64(hash)
	}
	slices.Sort(often)
	return often, nil
}

// send moves each row to its rank or, of the frequent keys, to any or all of them; collective.
func (s *routed) send(c collective.Comm, often []uint64) (*Table, error) {
	m := s.t.mem
	rank, counts := rankOf(m, s.h, c.Size())
	defer free(m, rank)
	if s.whole == nil && len(often) == 0 {
		return send(c, s.t, rank, counts)
	}
	copies := s.rowsOf(often, s.spread)
	most := s.t.rows + len(copies)*(c.Size()-1)
	rows, to := alloc[uint32](m, most)[:0], alloc[uint32](m, most)[:0]
	defer func() { free(m, rows); free(m, to) }()
	clear(counts)
	give := func(i, r int) {
		rows, to = append(rows, uint32(i)), append(to, uint32(r))
		counts[r]++
	}
	next := c.Rank()
	for i, x := range s.h {
		k, yes := slices.BinarySearch(often, x)
		switch {
		case !s.has(i):
			if s.keep {
				give(i, c.Rank())
			}
		case yes && s.spread[k]:
			give(i, next)
			next = (next + 1) % c.Size()
		case yes:
			for r := range c.Size() {
				give(i, r)
			}
		default:
			give(i, int(rank[i]))
		}
	}
	return sendRows(c, s.t, rows, to, counts)
}
