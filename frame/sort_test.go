package frame

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
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

// TestSplittersAtScale: the busiest of P ranks handles far fewer than P² sampled keys, and all get their share.
func TestSplittersAtScale(t *testing.T) {
	p := 1024
	if s := os.Getenv("DEEPRC_TEST_RANKS"); s != "" { // 10752 takes some minutes
		var err error
		if p, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	{
		const each = 64
		most, load := make([]int, p), make([]int64, p)
		err := collective.RunLocal(p, func(c collective.Comm) error {
			rng := rand.New(rand.NewPCG(uint64(c.Rank()), 0))
			b := array.NewInt64Builder((*Memory)(nil))
			defer b.Release()
			for range each {
				b.Append(int64(rng.ExpFloat64() * 1e6))
			}
			a := b.NewArray()
			tab := newTable(nil, []arrow.Field{{Name: "k", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, []arrow.Array{a}, each)
			defer tab.Release()
			keys := []SortKey{{Column: "k"}}
			first := int64(c.Rank() * each)
			split, busy, err := splitters(c, tab, keys, first, p)
			if err != nil {
				return err
			}
			defer split.Release()
			most[c.Rank()] = busy
			rank, counts, err := rangeOf(tab, keys, first, split, p)
			if err != nil {
				return err
			}
			free(tab.mem, rank)
			if err := collective.AllReduce(c, counts, collective.Sum); err != nil {
				return err
			}
			load[c.Rank()] = counts[c.Rank()]
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		busiest, heaviest := slices.Max(most), slices.Max(load)
		t.Logf("%d ranks: the busiest handles %d sampled keys (P² is %d); rows of a rank: at most %d, mean %d", p, busiest, p*p, heaviest, each)
		if busiest > p*p/8 || heaviest > 2*each {
			t.Errorf("%d ranks: the busiest handles %d keys, the fullest gets %d rows of %d", p, busiest, heaviest, each)
		}
	}
}
