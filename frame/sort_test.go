package frame

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"

	"deeprc/collective"
)

// slowCompare compares two rows by the keys, cell by cell.
func slowCompare(rec arrow.Record, keys []SortKey, i, k int) int {
	for _, key := range keys {
		a := rec.Column(rec.Schema().FieldIndices(key.Column)[0])
		if a.IsNull(i) || a.IsNull(k) {
			if a.IsNull(i) == a.IsNull(k) {
				continue
			}
			if a.IsNull(i) == key.NullsFirst {
				return -1
			}
			return 1
		}
		d := 0
		switch a := a.(type) {
		case *array.Int64:
			d = cmp.Compare(a.Value(i), a.Value(k))
		case *array.Int16:
			d = cmp.Compare(a.Value(i), a.Value(k))
		case *array.LargeString:
			d = bytes.Compare([]byte(a.Value(i)), []byte(a.Value(k)))
		case *array.Boolean:
			d = cmp.Compare(fmt.Sprint(a.Value(i)), fmt.Sprint(a.Value(k)))
		case *array.Float64:
			x, y := a.Value(i), a.Value(k)
			switch {
			case x != x && y != y:
			case x != x:
				d = 1
			case y != y:
				d = -1
			case x < y:
				d = -1
			case x > y:
				d = 1
			}
		case *array.Decimal128:
			d = a.Value(i).Cmp(a.Value(k))
		}
		if key.Desc {
			d = -d
		}
		if d != 0 {
			return d
		}
	}
	return 0
}

func slowSort(rec arrow.Record, keys []SortKey) []string {
	order := make([]int, rec.NumRows())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, k int) int { return slowCompare(rec, keys, i, k) })
	rows := rowsOf(rec)
	out := make([]string, len(rows))
	for i, r := range order {
		out[i] = rows[r]
	}
	return out
}

func TestSort(t *testing.T) {
	for seed := range seeds(8) {
		rng := rand.New(rand.NewPCG(seed, 0))
		rec := someTable(nil, rng, rng.IntN(800), 1+rng.IntN(30))
		for _, names := range [][]string{{"k"}, {"s"}, {"f"}, {"b"}, {"i", "k"}, {"s", "f"}, {"f", "s", "b"}, {"b", "i", "f", "k", "s"}} {
			keys := make([]SortKey, len(names))
			for i, n := range names {
				keys[i] = SortKey{n, rng.IntN(2) == 0, rng.IntN(2) == 0}
			}
			for n, rows := range onRanks(t, seed, []arrow.Record{rec}, func(c collective.Comm, tabs []*Table) (*Table, error) {
				return Sort(c, tabs[0], keys...)
			}) {
				same(t, fmt.Sprintf("seed %d: by %v on %d", seed, keys, n), rows, slowSort(rec, keys))
			}
		}
	}
}

// TestSortExtremes: columns whose cells leave no number for missing ones, and decimals.
func TestSortExtremes(t *testing.T) {
	fields := []arrow.Field{{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "d", Type: &arrow.Decimal128Type{Precision: 38}, Nullable: true},
		{Name: "s", Type: arrow.BinaryTypes.LargeString, Nullable: true}}
	b := array.NewRecordBuilder((*Memory)(nil), arrow.NewSchema(fields, nil))
	defer b.Release()
	rng := rand.New(rand.NewPCG(1, 2))
	long := string(bytes.Repeat([]byte("x"), 100))
	for range 400 {
		switch rng.IntN(4) {
		case 0:
			b.Field(0).AppendNull()
		default:
			b.Field(0).(*array.Int64Builder).Append([]int64{-1 << 63, 1<<63 - 1, 0, rng.Int64()}[rng.IntN(4)])
		}
		b.Field(1).(*array.Decimal128Builder).Append(decimal128.New(rng.Int64N(5)-2, rng.Uint64N(3)))
		b.Field(2).(*array.LargeStringBuilder).Append([]string{"", "\x00", "a", "a\x00", "a\x00\x00", long, long + "a", long + "\x00", long[:7], long[:8], long[:14]}[rng.IntN(11)])
	}
	rec := b.NewRecord()
	for _, keys := range [][]SortKey{{{Column: "i"}}, {{"i", true, true}, {"d", false, false}}, {{"d", true, false}, {"s", false, false}}, {{"s", true, false}, {"i", false, true}}} {
		for n, rows := range onRanks(t, 1, []arrow.Record{rec}, func(c collective.Comm, tabs []*Table) (*Table, error) {
			return Sort(c, tabs[0], keys...)
		}) {
			same(t, fmt.Sprintf("by %v on %d", keys, n), rows, slowSort(rec, keys))
		}
	}
}

// TestSortBalances: equal keys, few keys and sorted input all give every rank its share.
func TestSortBalances(t *testing.T) {
	const n, ranks = 40_000, 5
	for name, key := range map[string]func(i int) int64{"equal": func(int) int64 { return 7 }, "two": func(i int) int64 { return int64(i % 2) },
		"sorted": func(i int) int64 { return int64(i) }, "periodic": func(i int) int64 { return int64(i % 24) }, "skewed": func(i int) int64 { return int64(i) * int64(i) * int64(i) }} {
		b := array.NewInt64Builder((*Memory)(nil))
		for i := range n {
			b.Append(key(i))
		}
		col := b.NewArray()
		rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "k", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil), []arrow.Array{col}, n)
		err := collective.RunLocal(ranks, func(c collective.Comm) error {
			tab := cut(c, checked(t), rec, 3)
			defer tab.Release()
			s, err := Sort(c, tab, SortKey{Column: "k"})
			if err != nil {
				return err
			}
			defer s.Release()
			if s.rows < n/ranks*8/10 || s.rows > n/ranks*12/10 {
				t.Errorf("%s: rank %d has %d rows of %d", name, c.Rank(), s.rows, n)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestSortManyRanks: on a grid of ranks, also one with rows of different lengths, sort gives one rank's result.
func TestSortManyRanks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	rec := someTable(nil, rng, 3000, 40)
	for _, n := range []int{gridRanks + 1, 100} {
		for _, keys := range [][]SortKey{{{Column: "k"}}, {{"b", true, false}}, {{"s", true, true}, {"f", false, true}}} {
			parts := make([][]string, n)
			err := collective.RunLocal(n, func(c collective.Comm) error {
				tab := cut(c, checked(t), rec, uint64(n))
				defer tab.Release()
				s, err := Sort(c, tab, keys...)
				if err != nil {
					return err
				}
				defer s.Release()
				parts[c.Rank()] = rowsOf(s.Record())
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			same(t, fmt.Sprintf("by %v on %d", keys, n), slices.Concat(parts...), slowSort(rec, keys))
			for r, rows := range parts {
				if len(rows) > 2*3000/n {
					t.Errorf("by %v on %d: rank %d has %d rows of 3000", keys, n, r, len(rows))
				}
			}
		}
	}
}
