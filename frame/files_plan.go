package frame

import (
	"fmt"
	"slices"
	"sort"

	"deeprc/collective"
)

// textFile is what all ranks know of a file of text.
type textFile struct {
	path  string
	size  int64 // bytes
	pack  packing
	start int64 // bytes of its text before the first record
	lines int   // lines of them
}

// textPlan spreads the bytes of files over ranks, in the order of the files: a compressed
// file, and one whose size is at most an eighth of a rank's share, goes whole to one rank.
type textPlan struct {
	files []textFile
	ends  []int64 // of the files' bytes, one file after another
	split bool    // files may be split
	rank  int
	ranks int
}

// piece is bytes lo…hi of a file: all behind the start, or, in a file that is split, some.
type piece struct {
	file   int
	lo, hi int64
}

// examine opens each file on one rank, which calls look for the length in bytes and lines of
// what stands before the first record, and tells all ranks; collective. With split false
// every file goes whole to a rank.
func examine(c collective.Comm, what, format string, paths []string, split bool, look func(*inputFile) (start int64, lines int, err error)) (*textPlan, error) {
	lo, hi := collective.Share(len(paths), c.Rank(), c.Size())
	var mine [][]int
	var err error
	for i := lo; i < hi && err == nil; i++ {
		var f *inputFile
		if f, err = openInput(paths[i], format); err != nil {
			break
		}
		var start int64
		var lines int
		if start, lines, err = look(f); err == nil {
			mine = append(mine, []int{int(f.size), int(f.pack), int(start), lines})
		}
		f.close()
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	all, err := gatherCounts(c, what, len(paths), mine)
	if err != nil {
		return nil, err
	}
	p := &textPlan{split: split, rank: c.Rank(), ranks: c.Size()}
	end := int64(0)
	for i, v := range all {
		f := textFile{path: paths[i], size: int64(v[0]), pack: packing(v[1]), start: int64(v[2]), lines: v[3]}
		end += f.weight()
		p.files, p.ends = append(p.files, f), append(p.ends, end)
	}
	return p, nil
}

// weight is the bytes that a file counts for.
func (f *textFile) weight() int64 {
	if f.pack != unpacked {
		return f.size
	}
	return max(f.size-f.start, 0)
}

// whole reports whether a file goes to one rank.
func (p *textPlan) whole(i int) bool {
	f := &p.files[i]
	return !p.split || f.pack != unpacked || p.ranks == 1 || f.weight() <= p.total()/int64(p.ranks)/8
}

func (p *textPlan) total() int64 { return p.ends[len(p.ends)-1] }

// owner is the rank whose share of all bytes holds byte x.
func (p *textPlan) owner(x int64) int {
	r := sort.Search(p.ranks, func(r int) bool { return share(p.total(), int64(r)+1, int64(p.ranks)) > x })
	return min(r, p.ranks-1)
}

// pieces is this rank's parts, in order.
func (p *textPlan) pieces() []piece {
	lo, hi := share(p.total(), int64(p.rank), int64(p.ranks)), share(p.total(), int64(p.rank)+1, int64(p.ranks))
	var out []piece
	for i := range p.files {
		f := &p.files[i]
		end := p.ends[i]
		from := end - f.weight()
		switch {
		case p.whole(i):
			if p.owner((from+end)/2) == p.rank {
				out = append(out, piece{i, f.start, f.size})
			}
		case max(lo, from) < min(hi, end):
			out = append(out, piece{i, f.start + max(lo, from) - from, f.start + min(hi, end) - from})
		}
	}
	return out
}

// goesOn reports whether a piece begins behind its file's start, on a rank that is not the file's first.
func (p *textPlan) goesOn(x piece) bool { return !p.whole(x.file) && x.lo > p.files[x.file].start }

// unfinished reports whether the file of a piece goes on on the next rank.
func (p *textPlan) unfinished(x piece) bool { return !p.whole(x.file) && x.hi < p.files[x.file].size }

// carry is, where the first of this rank's pieces goes on from lower ranks, the sums of their
// counts over their pieces of that file, else zeros; collective. Own are the counts in this
// rank's last piece.
func (p *textPlan) carry(c collective.Comm, what string, mine []piece, own ...int64) ([]int64, error) {
	v := make([]int64, len(own))
	first := len(mine) > 0 && p.goesOn(mine[0])
	open := len(mine) > 0 && p.unfinished(mine[len(mine)-1])
	if open {
		copy(v, own)
	}
	sum := slices.Clone(v)
	if err := collective.Scan(c, sum, collective.Sum); err != nil {
		return nil, fmt.Errorf("frame: %s: count lines and rows: %w", what, err)
	}
	for i := range sum {
		sum[i] -= v[i]
	}
	if len(p.files) > 1 { // sums began before the file; the rank on which it begins knows how large they were
		out := map[int][]int64{}
		if open {
			if last := mine[len(mine)-1]; !p.goesOn(last) {
				for r := p.rank + 1; r <= p.owner(p.ends[last.file]-1); r++ {
					out[r] = sum
				}
			}
		}
		in, err := collective.Exchange(c, out)
		if err != nil {
			return nil, fmt.Errorf("frame: %s: count lines and rows: %w", what, err)
		}
		for _, before := range in {
			for i := range sum {
				sum[i] -= before[i]
			}
		}
	}
	if !first {
		clear(sum)
	}
	return sum, nil
}

// share is where part r of n bytes in parts begins.
func share(n, r, parts int64) int64 {
	q, rest := n/parts, n%parts
	return q*r + min(r, rest)
}
