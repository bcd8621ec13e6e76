package frame

import (
	"math"
	"slices"

	"deeprc/collective"
)

// keyGroup are the keys with one prefix, and the wanted places in their order.
type keyGroup struct {
	keys   []uint64
	own    bool // keys is to be freed
	prefix uint64
	want   []keyPlace
}

type keyPlace struct {
	out int   // index of the result
	k   int64 // place among the group's keys on all ranks
}

// selectKeys are the k-th least (from 0) of the keys of all ranks, for each k; every k is below
// their number. It fixes a byte a round from histograms of all ranks, so that keys stay
// where they are and eight small AllReduces suffice. Collective.
func selectKeys(c collective.Comm, m *Memory, keys []uint64, ks []int64) ([]uint64, error) {
	first := keyGroup{keys: keys}
	for i, k := range ks {
		first.want = append(first.want, keyPlace{i, k})
	}
	groups := []keyGroup{first}
	defer func() {
		for _, g := range groups {
			g.free(m)
		}
	}()
	const bins = 256
	for shift := 56; shift >= 0; shift -= 8 {
		own := make([]int64, bins*len(groups))
		for i := range groups {
			h := own[bins*i : bins*(i+1)]
			for _, x := range groups[i].keys {
				h[x>>shift&(bins-1)]++
			}
		}
		all := slices.Clone(own)
		if err := collective.AllReduce(c, all, collective.Sum); err != nil {
			return nil, err
		}
		var next []keyGroup
		for i := range groups {
			g := &groups[i]
			inBin := map[int]int{} // the next group of a bin
			for _, w := range g.want {
				b := 0
				for ; w.k >= all[bins*i+b]; b++ {
					w.k -= all[bins*i+b]
				}
				at, ok := inBin[b]
				if !ok {
					at = len(next)
					inBin[b] = at
					next = append(next, g.narrow(m, shift, uint64(b), own[bins*i+b]))
				}
				next[at].want = append(next[at].want, w)
			}
			g.free(m)
		}
		groups = next
	}
	out := make([]uint64, len(ks))
	for _, g := range groups {
		for _, w := range g.want {
			out[w.out] = g.prefix
		}
	}
	return out, nil
}

func (g *keyGroup) free(m *Memory) {
	if g.own {
		free(m, g.keys)
		g.own = false
	}
}

// narrow is the n keys of g with one more byte of the prefix.
func (g *keyGroup) narrow(m *Memory, shift int, bin uint64, n int64) keyGroup {
	to := keyGroup{prefix: g.prefix | bin<<shift, own: true, keys: alloc[uint64](m, int(n))[:0]}
	for _, x := range g.keys {
		if x>>shift&255 == bin {
			to.keys = append(to.keys, x)
		}
	}
	return to
}

// quantiles are those of the cells f of all ranks, n of them; NaN is above all numbers. Without
// cells they are NaN. Collective.
func quantiles(c collective.Comm, m *Memory, f []float64, n int64, qs ...float64) ([]float64, error) {
	out := make([]float64, len(qs))
	if n == 0 {
		for i := range out {
			out[i] = math.NaN()
		}
		return out, nil
	}
	keys := alloc[uint64](m, len(f))
	defer free(m, keys)
	for i, x := range f {
		keys[i] = sortable(x)
	}
	var ks []int64
	for _, q := range qs {
		k, _ := quantileAt(int(n), q)
		ks = append(ks, int64(k), min(int64(k)+1, n-1))
	}
	at, err := selectKeys(c, m, keys, ks)
	if err != nil {
		return nil, err
	}
	for i, q := range qs {
		_, part := quantileAt(int(n), q)
		if out[i] = wordFloat(at[2*i]); part > 0 {
			out[i] = between(out[i], wordFloat(at[2*i+1]), part)
		}
	}
	return out, nil
}

// sortable maps floats to integers in the same order, those of [words]; NaN is above all numbers, -0 is 0.
func sortable(x float64) uint64 {
	if x != x {
		return math.MaxUint64
	}
	b := math.Float64bits(x + 0)
	if b>>63 == 1 {
		return ^b
	}
	return b | 1<<63
}

// quantileAt is the place of a quantile among n sorted cells: behind cell k by a part of the way to the next.
func quantileAt(n int, q float64) (k int, part float64) {
	at := q * float64(n-1)
	k = int(at)
	return k, at - float64(k)
}

// between is the number a part of the way from a to b, 0 < part < 1, also where their difference is beyond any float;
// NaN from −∞ to ∞.
func between(a, b, part float64) float64 {
	switch d := b - a; {
	case a == b:
		return a
	case math.IsInf(d, 0):
		return a*(1-part) + b*part
	default:
		return a + part*d
	}
}
