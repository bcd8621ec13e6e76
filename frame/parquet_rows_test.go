package frame

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"

	"deeprc/collective"
)

// TestReadParquetSharesRowGroups reads a file of few row groups on ranks, whose shares end inside of pages.
func TestReadParquetSharesRowGroups(t *testing.T) {
	some := someTable(nil, rand.New(rand.NewPCG(5, 1)), 1000, 40)
	types, typed := allTypes()
	types, typed = storable(t, types, typed)
	for name, c := range map[string]struct {
		schema *arrow.Schema
		recs   []arrow.Record
	}{
		"types":      {types, typed},
		"one group":  {some.Schema(), []arrow.Record{some}},
		"two groups": {some.Schema(), []arrow.Record{some.NewSlice(0, 900), some.NewSlice(900, 1000)}},
	} {
		for option, o := range map[string][]parquet.WriterProperty{
			"one page":    {parquet.WithDictionaryDefault(false)},
			"small pages": {parquet.WithDataPageSize(100), parquet.WithBatchSize(64)},
			"fallback":    {parquet.WithDictionaryPageSizeLimit(50), parquet.WithBatchSize(16), parquet.WithCompression(compress.Codecs.Zstd)},
			"pages v2":    {parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithDataPageSize(100), parquet.WithBatchSize(50), parquet.WithVersion(parquet.V2_LATEST)},
		} {
			path := write(t, t.TempDir(), "f.parquet", parquetBytes(t, c.schema, c.recs, o...))
			var want []string
			for _, n := range ranksOfTest {
				got, rows, err := readRows(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
					tab, _, err := ReadParquet(c, []string{path}, ParquetReadOptions{Memory: m})
					return tab, err
				})
				if err != nil {
					t.Fatalf("%s, %s, %d ranks: %v", name, option, n, err)
				}
				if n == 1 {
					want = got
				}
				same(t, fmt.Sprintf("%s, %s, %d ranks", name, option, n), got, want)
				if name != "types" && slices.Max(rows)-slices.Min(rows) > 1 {
					t.Errorf("%s, %s: %d ranks have %v rows", name, option, n, rows)
				}
			}
		}
	}
}

func TestGroupShare(t *testing.T) {
	for _, groups := range [][][]int{{{10}}, {{100, 1, 1}, {1, 60}}, {{0, 0}, {}}, {{3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}}, {{0, 1}, {1}}} {
		for ranks := 1; ranks <= 7; ranks++ {
			var got, want []part
			for rank := range ranks {
				for _, x := range groupShare(groups, rank, ranks) {
					if k := len(got); k > 0 && got[k-1].file == x.file && got[k-1].unit == x.unit && got[k-1].hi == x.lo {
						got[k-1].hi = x.hi // goes on from the rank before
					} else {
						got = append(got, x)
					}
				}
			}
			for f, file := range groups {
				for g, n := range file {
					if n > 0 {
						want = append(want, part{f, g, 0, n})
					}
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v on %d ranks: %v", groups, ranks, got)
			}
		}
	}
}
