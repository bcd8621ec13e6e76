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
	// Plan is how rows with equal keys come together.
	Plan JoinPlan
}

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
// The order of the result's rows is not defined, with one exception: where the right table is
// broadcast, an inner, left, semi or anti join keeps the left table's order and rows stay on
// their rank. Under Auto that is so where it moves fewer bytes than a shuffle. Of a shuffle,
// keys that have so many left rows that one rank would get far more than its share are
// not moved to one rank: their left rows are spread, and their right rows go to every rank.
//
// Beyond the memory limit of the left table's [Memory] both tables are partitioned to files, and the
// result is in a file.
func Join(c collective.Comm, l, r *Table, o JoinOptions) (*Table, error) {
	j, err := newJoiner(l, r, o)
	if err != nil {
		return nil, fmt.Errorf("frame: join: %w", err)
	}
	if err := sameSchema(c, l); err != nil {
		return nil, err
	}
	if err := sameSchema(c, r); err != nil {
		return nil, err
	}
	buckets, err := spillBuckets(c, joinFactor, l, r)
	if err != nil {
		return nil, err
	}
	if buckets > 0 {
		return j.spilled(c, l, r, buckets)
	}
	l, r, err = j.meet(c, l, r)
	if err != nil {
		return nil, err
	}
	defer l.Release()
	defer r.Release()
	t, err := j.local(l, r)
	if err := collective.Agree(c, err); err != nil {
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

// meet brings rows with equal keys to one rank; the caller releases both tables. Collective.
func (j *joiner) meet(c collective.Comm, l, r *Table) (*Table, *Table, error) {
	if c.Size() == 1 {
		return l.Retain(), r.Retain(), nil
	}
	size := []int64{l.Bytes(), r.Bytes()}
	if err := collective.AllReduce(c, size, collective.Sum); err != nil {
		return nil, nil, fmt.Errorf("frame: join: %w", err)
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
		r, err := Replicate(c, r)
		return l.Retain(), r, err
	case j.plan != Shuffle && toLeft:
		l, err := Replicate(c, l)
		return l, r.Retain(), err
	}
	return j.shuffle(c, l, r)
}

// local joins the rows of this rank.
func (j *joiner) local(l, r *Table) (*Table, error) {
	p, err := j.pairs(l, r)
	if err != nil {
		return nil, fmt.Errorf("frame: join: %w", err)
	}
	defer p.free(l.mem)
	arrays := make([]arrow.Array, 0, len(j.fields))
	for i, f := range l.schema.Fields() {
		a := take(l.mem, l.Record().Column(i), p.left)
		if j.key[i] >= 0 && (j.kind == Right || j.kind == Full) && hasNoRow(p.left) {
			a = fillFrom(l.mem, f.Type, a, r.Record().Column(j.key[i]), p.left, p.right)
		}
		arrays = append(arrays, a)
	}
	for _, i := range j.right {
		arrays = append(arrays, take(l.mem, r.Record().Column(i), p.right))
	}
	return newTable(l.mem, j.fields, arrays, len(p.left)), nil
}

// fillFrom replaces a's cells of rows without a left row, which follow all others, by right ones.
func fillFrom(m *Memory, dt arrow.DataType, a, right arrow.Array, left, rows []uint32) arrow.Array {
	defer a.Release()
	n := slices.Index(left, noRow)
	head := sliceArray(a, 0, n)
	defer head.Release()
	tail := take(m, right, rows[n:])
	defer tail.Release()
	return concatenate(m, dt, []arrow.Array{head, tail})
}
