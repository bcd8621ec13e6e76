package frame

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// JoinKind says which rows a join keeps.
type JoinKind uint8

const (
	Inner JoinKind = iota // pairs of rows with equal keys
	Left                  // those, and the left rows without a partner
	Right                 // pairs, and the right rows without a partner
	Full                  // pairs, and the rows of both sides without a partner
	Semi                  // left rows that have a partner, once
	Anti                  // left rows that have none
)

func (k JoinKind) String() string {
	return [...]string{"inner", "left", "right", "full", "semi", "anti"}[k]
}

// JoinOptions says how [Join] joins. All ranks pass the same.
type JoinOptions struct {
	Kind JoinKind
	// On are the key columns, of the same types on both sides. LeftOn and RightOn
	// take its place where the names differ.
	On, LeftOn, RightOn []string
	// Suffix is added to names of right columns that the left table has too; "" means _right.
	Suffix string
	// Algorithm is how a rank finds the partners of its rows.
	Algorithm JoinAlgorithm
	// Plan is how rows with equal keys come together, of a hash join.
	Plan JoinPlan
}

// JoinAlgorithm is how a rank finds the partners of its rows.
type JoinAlgorithm uint8

const (
	Hash  JoinAlgorithm = iota // a table of one side's keys, which the other's rows look into
	Merge                      // both sides are sorted by their keys, as the result is then
)

// JoinPlan is how rows with equal keys come together on one rank.
type JoinPlan uint8

const (
	Auto      JoinPlan = iota // by size
	Shuffle                   // both tables are partitioned by their keys
	Broadcast                 // the side that keeps no row without a partner goes to all ranks
)

// Join brings rows of two tables with equal keys together. A missing key has no
// partner; NaN equals NaN. The result has the left columns, then the right ones but the
// keys, which are in the left ones' place, for right and full joins taken from the side that has
// the row; semi and anti joins have the left columns only. Collective.
//
// The order of a hash join's rows is not defined, with one exception: where the right table is
// broadcast, an inner, left, semi or anti join keeps the left table's order and rows stay on
// their rank. Under Auto that is so where it moves fewer bytes than a shuffle. Of a shuffle, rows
// without a whole key stay where they are, and keys that have so many rows that one rank would get
// far more than its share are not moved to one rank: the rows of the side that has more of them
// are spread, and those of the other side go to every rank.
//
// A merge join's result is in the ascending order of the keys over all ranks, missing ones last; rows of one key
// are in the order of their left rows, of one left row in that of the right ones, rows of the
// right table without a left one behind them. Ranks handle about the same number of rows, also where the left
// table has many of one key; all right rows of a key go to each rank that has left ones of it.
//
// Beyond the memory limit of the left table's [Memory] both tables are partitioned to files, by hash or in
// ranges, and the result is in a file.
func Join(c collective.Comm, l, r *Table, o JoinOptions) (*Table, error) {
	defer l.mem.reuse()()
	j, err := newJoiner(l, r, o)
	if err := collective.Agree(c, wrap("join", err)); err != nil {
		return nil, err
	}
	if err := sameSchema(c, l); err != nil {
		return nil, err
	}
	if err := sameSchema(c, r); err != nil {
		return nil, err
	}
	buckets, err := spillBuckets(c, l.mem, joinFactor, l.Bytes()+r.Bytes())
	if err != nil {
		return nil, err
	}
	switch {
	case o.Algorithm == Merge:
		return j.merge(c, l, r, buckets)
	case buckets > 0:
		return j.spilled(c, l, r, buckets)
	}
	m, err := j.meet(c, l, r)
	if err != nil {
		return nil, err
	}
	defer m.release()
	p, err := j.pairs(m.l, m.r, m.ordered)
	if err := collective.Agree(c, wrap("join", err)); err != nil {
		if p != nil {
			p.free(l.mem)
		}
		return nil, err
	}
	defer p.free(l.mem)
	has := j.partners(l.mem, m.l.rows, m.r.rows)
	defer has.free(l.mem)
	has.mark(p)
	if err := j.settle(c, m, has); err != nil {
		return nil, wrap("join", err)
	}
	j.complete(l.mem, p, has)
	t, err := j.result(m.l, m.r, p)
	return agreed(c, t, wrap("join", err))
}

// agreed is t unless some rank has an error; then it is released. Collective.
func agreed(c collective.Comm, t *Table, err error) (*Table, error) {
	if err = collective.Agree(c, err); err != nil {
		if t != nil {
			t.Release()
		}
		return nil, err
	}
	return t, nil
}

// joiner is a join of two schemas.
type joiner struct {
	kind          JoinKind
	plan          JoinPlan
	leftOn, rigOn []string
	fields        []arrow.Field // of the result
	right         []int         // the right columns in it
	key           []int         // by left column: the right column of the same key, or -1
}

func newJoiner(l, r *Table, o JoinOptions) (*joiner, error) {
	j := &joiner{kind: o.Kind, plan: o.Plan, leftOn: o.LeftOn, rigOn: o.RightOn}
	if len(o.On) > 0 {
		if len(o.LeftOn)+len(o.RightOn) > 0 {
			return nil, fmt.Errorf("give either On or LeftOn and RightOn")
		}
		j.leftOn, j.rigOn = o.On, o.On
	}
	if len(j.leftOn) == 0 || len(j.leftOn) != len(j.rigOn) {
		return nil, fmt.Errorf("%s on the left and %s on the right: want at least one, and as many on both sides",
			plural(len(j.leftOn), "key column"), plural(len(j.rigOn), "key column"))
	}
	if err := sameTypes(l, j.leftOn, r, j.rigOn); err != nil {
		return nil, err
	}
	if j.plan == Broadcast && j.kind == Full {
		return nil, fmt.Errorf("a full join keeps rows of both sides, so neither can be broadcast")
	}
	if j.plan != Auto && o.Algorithm == Merge {
		return nil, fmt.Errorf("a merge join has one way to bring rows together: leave the plan at auto, or join by hash")
	}
	names := l.Names()
	j.fields = slices.Clone(l.schema.Fields())
	j.key = make([]int, len(names))
	for i, n := range names {
		j.key[i] = -1
		if k := slices.Index(j.leftOn, n); k >= 0 {
			j.key[i], _ = r.index(j.rigOn[k])
		}
	}
	if j.kind == Semi || j.kind == Anti {
		return j, nil
	}
	suffix := o.Suffix
	if suffix == "" {
		suffix = "_right"
	}
	for i, f := range r.schema.Fields() {
		if slices.Contains(j.rigOn, f.Name) {
			continue
		}
		if slices.Contains(names, f.Name) {
			f.Name += suffix
		}
		if slices.Contains(names, f.Name) {
			return nil, fmt.Errorf("two columns of the result would be named %s; rename one, or choose another suffix", quote(f.Name))
		}
		names = append(names, f.Name)
		j.fields, j.right = append(j.fields, f), append(j.right, i)
	}
	return j, nil
}

// keeps reports whether the result has rows of each side without a partner.
func (j *joiner) keeps() (left, right bool) {
	return j.kind == Left || j.kind == Full || j.kind == Anti, j.kind == Right || j.kind == Full
}

// met are two tables of which rows with equal keys are on one rank, or their other sides' on all.
type met struct {
	l, r    *Table
	ordered bool      // the pairs are to be in l's order
	copies  [2]copies // of l and r
}

// copies are the rows of a table that every rank has, in an order that is the same on all.
type copies []uint32

func (m *met) release() {
	m.l.Release()
	m.r.Release()
}

// meet brings rows with equal keys to one rank; the caller releases the result. Collective.
func (j *joiner) meet(c collective.Comm, l, r *Table) (*met, error) {
	if c.Size() == 1 {
		return &met{l: l.Retain(), r: r.Retain(), ordered: j.plan == Broadcast && j.kind != Right}, nil
	}
	size := []int64{l.Bytes(), r.Bytes()}
	if err := collective.AllReduce(c, size, collective.Sum); err != nil {
		return nil, fmt.Errorf("frame: join: %w", err)
	}
	toLeft, toRight := j.kind == Right, j.kind != Full && j.kind != Right // the side that is broadcast
	ranks := int64(c.Size())
	if j.plan == Auto { // bytes to each rank, against a share of both
		all := (size[0] + size[1]) / ranks
		toLeft = (toLeft || j.kind == Inner && size[0] < size[1]) && size[0] < all
		toRight = toRight && !toLeft && size[1] < all
	}
	switch {
	case j.plan != Shuffle && toRight:
		all, err := Replicate(c, r)
		if err != nil {
			return nil, err
		}
		return &met{l: l.Retain(), r: all, ordered: true}, nil
	case j.plan != Shuffle && toLeft:
		all, err := Replicate(c, l)
		if err != nil {
			return nil, err
		}
		return &met{l: all, r: r.Retain()}, nil
	}
	return j.shuffle(c, l, r)
}
