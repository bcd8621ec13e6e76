package collective

import "fmt"

// AllGatherOne returns the ranks' values in rank order.
func AllGatherOne[T Elem](c Comm, v T) ([]T, error) {
	n := c.Size()
	src, dst, ones := make([]T, n), make([]T, n), make([]int, n)
	for r := range src {
		src[r], ones[r] = v, 1
	}
	return dst, c.AllToAll(Of(dst), ones, Of(src), ones)
}

// gatherCopies is the number of elements up to which AllGatherV sends copies in
// one AllToAll; above it every rank broadcasts its part in turn, without copies.
const gatherCopies = 1 << 14

// AllGather returns the ranks' slices, all of one length, one after another in rank order.
func AllGather[T Elem](c Comm, s []T) ([]T, error) {
	all, counts, err := AllGatherV(c, s)
	if err == nil {
		err = sameLengths("AllGather", counts)
	}
	return all, err
}

// AllGatherV returns the ranks' slices one after another in rank order, and the
// length of each. In a group of one rank that is s itself.
func AllGatherV[T Elem](c Comm, s []T) (all []T, counts []int, err error) {
	lens, err := AllGatherOne(c, int64(len(s)))
	if err != nil {
		return nil, nil, err
	}
	counts, total := toCounts(lens)
	n := c.Size()
	if n == 1 {
		return s, counts, nil
	}
	all = make([]T, total)
	if total <= gatherCopies {
		src, srcN := make([]T, 0, n*len(s)), make([]int, n)
		for r := range srcN {
			src, srcN[r] = append(src, s...), len(s)
		}
		return all, counts, c.AllToAll(Of(all), counts, Of(src), srcN)
	}
	at := 0
	for r, k := range counts {
		part := all[at : at+k]
		if r == c.Rank() {
			copy(part, s)
		}
		if k > 0 {
			if err := Broadcast(c, part, r); err != nil {
				return nil, nil, err
			}
		}
		at += k
	}
	return all, counts, nil
}

// Gather returns on root the ranks' slices, all of one length, one after another in rank
// order; nil on the other ranks. Only root gets the error of unequal lengths.
func Gather[T Elem](c Comm, s []T, root int) ([]T, error) {
	all, counts, err := GatherV(c, s, root)
	if err == nil && counts != nil {
		err = sameLengths("Gather", counts)
	}
	return all, err
}

// GatherV returns on root the ranks' slices one after another in rank order, and
// the length of each; nil on the other ranks.
func GatherV[T Elem](c Comm, s []T, root int) (all []T, counts []int, err error) {
	checkRoot(c.Size(), root)
	n := c.Size()
	srcN, dstN := make([]int, n), make([]int, n)
	srcN[root] = 1
	var lens []int64
	if c.Rank() == root {
		lens = make([]int64, n)
		for r := range dstN {
			dstN[r] = 1
		}
	}
	if err := c.AllToAll(Of(lens), dstN, Of([]int64{int64(len(s))}), srcN); err != nil {
		return nil, nil, err
	}
	srcN[root] = len(s)
	if c.Rank() == root {
		counts, n = toCounts(lens)
		all, dstN = make([]T, n), counts
	}
	return all, counts, c.AllToAll(Of(all), dstN, Of(s), srcN)
}

// Scatter returns rank r's share of root's all, whose length is a multiple of Size(): the
// r-th of as many runs of equal length. The others' all is not looked at.
func Scatter[T Elem](c Comm, all []T, root int) ([]T, error) {
	checkRoot(c.Size(), root)
	counts := make([]int, c.Size())
	if c.Rank() == root {
		if len(all)%c.Size() != 0 {
			panic(fmt.Sprintf("collective: Scatter of %d elements over %d ranks: want a multiple, or ScatterV", len(all), c.Size()))
		}
		for r := range counts {
			counts[r] = len(all) / c.Size()
		}
	}
	return ScatterV(c, all, counts, root)
}

// ScatterV gives each rank r the r-th run of counts[r] elements of root's all. The
// others' all and counts are not looked at.
func ScatterV[T Elem](c Comm, all []T, counts []int, root int) ([]T, error) {
	checkRoot(c.Size(), root)
	n := c.Size()
	srcN, dstN, lens := make([]int, n), make([]int, n), []int64(nil)
	dstN[root] = 1
	if c.Rank() == root {
		lens = make([]int64, n)
		for r := range srcN {
			srcN[r], lens[r] = 1, int64(counts[r])
		}
	}
	mine := []int64{0}
	if err := c.AllToAll(Of(mine), dstN, Of(lens), srcN); err != nil {
		return nil, err
	}
	part := make([]T, mine[0])
	dstN[root] = len(part)
	if c.Rank() == root {
		srcN = counts
	} else {
		all = nil
	}
	return part, c.AllToAll(Of(part), dstN, Of(all), srcN)
}
