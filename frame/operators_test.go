package frame

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// ranksOfTest are the numbers of ranks that operators are tested on.
var ranksOfTest = []int{1, 2, 3, 5}

// seeds is n, or less where tests are to be short.
func seeds(n uint64) uint64 {
	if testing.Short() {
		return max(1, n/4)
	}
	return n
}

// someTable is n rows of every kind of column, with missing cells and few different keys.
func someTable(m *Memory, rng *rand.Rand, n, keys int) arrow.Record {
	fields := []arrow.Field{
		{Name: "k", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "s", Type: arrow.BinaryTypes.LargeString, Nullable: true},
		{Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "i", Type: arrow.PrimitiveTypes.Int16, Nullable: true},
		{Name: "row", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	}
	b := array.NewRecordBuilder(m, arrow.NewSchema(fields, nil))
	defer b.Release()
	for i := range n {
		for c, f := range fields {
			if f.Name != "row" && rng.IntN(5) == 0 {
				b.Field(c).AppendNull()
				continue
			}
			k := rng.IntN(keys)
			switch b := b.Field(c).(type) {
			case *array.Int64Builder:
				if f.Name == "row" {
					k = i
				}
				b.Append(int64(k))
			case *array.LargeStringBuilder:
				b.Append(strings.Repeat("prefix", k%3) + fmt.Sprint(k))
			case *array.Float64Builder:
				b.Append([]float64{math.NaN(), math.Copysign(0, -1), 0, math.Inf(1), 1.5, -2}[k%6])
			case *array.BooleanBuilder:
				b.Append(k%2 == 0)
			case *array.Int16Builder:
				b.Append(int16(k - keys/2))
			}
		}
	}
	return b.NewRecord()
}

// cut gives this rank its part of rec, at cuts that the seed chooses; parts may be empty.
func cut(c collective.Comm, m *Memory, rec arrow.Record, seed uint64) *Table {
	rng := rand.New(rand.NewPCG(seed, 1))
	at := []int64{0, rec.NumRows()}
	for range c.Size() - 1 {
		at = append(at, rng.Int64N(rec.NumRows()+1))
	}
	slices.Sort(at)
	lo, hi := at[c.Rank()], at[c.Rank()+1]
	var chunks []arrow.Record
	for lo < hi { // in chunks
		k := min(hi, lo+1+rng.Int64N(rec.NumRows()))
		chunks = append(chunks, rec.NewSlice(lo, k))
		lo = k
	}
	t, err := NewTable(m, rec.Schema(), chunks...)
	if err != nil {
		panic(err)
	}
	return t
}

// rowsOf prints a record's rows.
func rowsOf(rec arrow.Record) []string {
	rows := make([]string, rec.NumRows())
	for i := range rows {
		var cells []string
		for _, a := range rec.Columns() {
			cells = append(cells, a.ValueStr(i))
		}
		rows[i] = strings.Join(cells, " | ")
	}
	return rows
}

// onRanks runs op on parts of the tables and returns all ranks' rows, in order, for each number of ranks.
func onRanks(t *testing.T, seed uint64, recs []arrow.Record, op func(c collective.Comm, tabs []*Table) (*Table, error)) map[int][]string {
	t.Helper()
	out := map[int][]string{}
	for _, n := range ranksOfTest {
		parts := make([][]string, n)
		err := collective.RunLocal(n, func(c collective.Comm) error {
			m := checked(t)
			var tabs []*Table
			for i, r := range recs {
				tab := cut(c, m, r, seed+uint64(i))
				defer tab.Release()
				tabs = append(tabs, tab)
			}
			res, err := op(c, tabs)
			if err != nil {
				return err
			}
			defer res.Release()
			parts[c.Rank()] = rowsOf(res.Record())
			return nil
		})
		if err != nil {
			t.Fatalf("seed %d, %d ranks: %v", seed, n, err)
		}
		out[n] = slices.Concat(parts...)
	}
	return out
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d rows, want %d", what, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: row %d is %s, want %s", what, i, got[i], want[i])
		}
	}
}

func TestPartitionBy(t *testing.T) {
	for seed := range seeds(10) {
		rec := someTable(nil, rand.New(rand.NewPCG(seed, 0)), 1+int(seed)*50, 1+int(seed))
		for _, keys := range [][]string{{"k"}, {"s"}, {"f", "b"}, {"k", "s", "f", "b", "i"}, {}} {
			got := onRanks(t, seed, []arrow.Record{rec}, func(c collective.Comm, tabs []*Table) (*Table, error) {
				p, err := PartitionBy(c, tabs[0], keys...)
				if err != nil {
					return nil, err
				}
				last := int64(-1) // order kept
				rows, _ := p.Int64s("row")
				for _, r := range rows {
					if r <= last {
						t.Errorf("row %d follows row %d", r, last)
					}
					last = r
				}
				cols, _ := keyColumns(p, keys)
				h := hashes(p.mem, cols, p.rows)
				defer free(p.mem, h)
				for _, x := range h {
					if int(x>>32*uint64(c.Size())>>32) != c.Rank() {
						t.Errorf("a row is on the wrong rank")
					}
				}
				return p, nil
			})
			for n, rows := range got {
				slices.Sort(rows)
				want := rowsOf(rec)
				slices.Sort(want)
				same(t, fmt.Sprintf("seed %d keys %v on %d", seed, keys, n), rows, want)
			}
		}
	}
}

// Replicate gives every rank the whole table, and Distribute each rank its share of that again.
func TestReplicateAndDistribute(t *testing.T) {
	for seed := range seeds(4) {
		rec := someTable(nil, rand.New(rand.NewPCG(seed, 0)), int(seed)*7, 3)
		for n, rows := range onRanks(t, seed, []arrow.Record{rec}, func(c collective.Comm, tabs []*Table) (*Table, error) {
			whole, err := Replicate(c, tabs[0])
			if err != nil {
				return nil, err
			}
			defer whole.Release()
			if whole.rows != int(rec.NumRows()) {
				t.Errorf("%d rows, want %d", whole.rows, rec.NumRows())
			}
			return Distribute(c, whole), nil
		}) {
			same(t, fmt.Sprint(n), rows, rowsOf(rec))
		}
	}
}

func TestRepartitionKeepsOrder(t *testing.T) {
	for seed := range seeds(4) {
		rec := someTable(nil, rand.New(rand.NewPCG(seed, 0)), int(seed)*31, 3)
		for n, rows := range onRanks(t, seed, []arrow.Record{rec}, func(c collective.Comm, tabs []*Table) (*Table, error) {
			p, err := Repartition(c, tabs[0])
			if lo, hi := collective.Share(int(rec.NumRows()), c.Rank(), c.Size()); err == nil && p.rows != hi-lo {
				t.Errorf("%d rows, want %d", p.rows, hi-lo)
			}
			return p, err
		}) {
			same(t, fmt.Sprint(n), rows, rowsOf(rec))
		}
	}
}

// TestJoin compares every kind with all pairs of rows.
func TestJoin(t *testing.T) {
	for seed := range seeds(4) {
		rng := rand.New(rand.NewPCG(seed, 0))
		l, r := someTable(nil, rng, rng.IntN(300), 1+rng.IntN(20)), someTable(nil, rng, rng.IntN(60), 1+rng.IntN(20))
		for _, on := range [][]string{{"k"}, {"s"}, {"f"}, {"k", "i"}, {"s", "b"}, {"f", "s", "b"}} {
			for kind := Inner; kind <= Anti; kind++ {
				want := slowJoin(l, r, on, kind)
				slices.Sort(want)
				for _, plan := range []JoinPlan{Auto, Shuffle, Broadcast} {
					if plan == Broadcast && kind == Full {
						continue
					}
					for n, rows := range onRanks(t, seed, []arrow.Record{l, r}, func(c collective.Comm, tabs []*Table) (*Table, error) {
						return Join(c, tabs[0], tabs[1], JoinOptions{Kind: kind, On: on, Plan: plan})
					}) {
						slices.Sort(rows)
						same(t, fmt.Sprintf("seed %d: %v join on %v, plan %d, %d ranks", seed, kind, on, plan, n), rows, want)
					}
				}
			}
		}
	}
}

func slowJoin(l, r arrow.Record, on []string, kind JoinKind) []string {
	out, _ := slowJoinRows(l, r, on, kind)
	return out
}

// slowJoinRows compares every pair of rows; from is the left and the right row of each result, or -1.
func slowJoinRows(l, r arrow.Record, on []string, kind JoinKind) (out []string, from [][2]int) {
	cell := func(rec arrow.Record, i int, name string) string {
		v := rec.Column(rec.Schema().FieldIndices(name)[0]).ValueStr(i)
		if v == "-0" {
			return "0"
		}
		return v
	}
	equal := func(i, k int) bool {
		for _, n := range on {
			if a := cell(l, i, n); a != cell(r, k, n) || a == array.NullValueStr {
				return false
			}
		}
		return true
	}
	print := func(i, k int) string {
		var cells []string
		for _, f := range l.Schema().Fields() {
			v := array.NullValueStr
			if i >= 0 {
				v = l.Column(l.Schema().FieldIndices(f.Name)[0]).ValueStr(i)
			} else if slices.Contains(on, f.Name) {
				v = r.Column(r.Schema().FieldIndices(f.Name)[0]).ValueStr(k)
			}
			cells = append(cells, v)
		}
		if kind == Semi || kind == Anti {
			return strings.Join(cells, " | ")
		}
		for _, f := range r.Schema().Fields() {
			if slices.Contains(on, f.Name) {
				continue
			}
			v := array.NullValueStr
			if k >= 0 {
				v = r.Column(r.Schema().FieldIndices(f.Name)[0]).ValueStr(k)
			}
			cells = append(cells, v)
		}
		return strings.Join(cells, " | ")
	}
	hasR := make([]bool, r.NumRows())
	for i := range int(l.NumRows()) {
		has := false
		for k := range int(r.NumRows()) {
			if equal(i, k) {
				hasR[k] = true
				if kind != Anti && kind != Semi || kind == Semi && !has {
					out, from = append(out, print(i, k)), append(from, [2]int{i, k})
				}
				has = true
			}
		}
		if !has && (kind == Left || kind == Full || kind == Anti) {
			out, from = append(out, print(i, -1)), append(from, [2]int{i, -1})
		}
	}
	for k, has := range hasR {
		if !has && (kind == Right || kind == Full) {
			out, from = append(out, print(-1, k)), append(from, [2]int{-1, k})
		}
	}
	return out, from
}
