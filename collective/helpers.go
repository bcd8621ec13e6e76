package collective

// Share is rank's part lo ≤ i < hi of n things split over ranks, as even as can be.
func Share(n, rank, ranks int) (lo, hi int) { return n * rank / ranks, n * (rank + 1) / ranks }

// AllReduce replaces s on every rank by its elementwise combination over the ranks.
// Len(s) and op are the same on every rank.
func AllReduce[T Elem](c Comm, s []T, op Op) error { return c.AllReduce(Of(s), op) }

// AllReduceOne combines one value of each rank.
func AllReduceOne[T Elem](c Comm, v T, op Op) (T, error) {
	s := []T{v}
	err := c.AllReduce(Of(s), op)
	return s[0], err
}

// Broadcast copies root's s into everyone's, which has the same length.
func Broadcast[T Elem](c Comm, s []T, root int) error { return c.Broadcast(Of(s), root) }

// BroadcastBytes returns root's b on every rank. The others' b is not looked at.
func BroadcastBytes(c Comm, b []byte, root int) ([]byte, error) {
	n := []int64{int64(len(b))}
	if err := Broadcast(c, n, root); err != nil {
		return nil, err
	}
	if c.Rank() != root {
		b = make([]byte, n[0])
	}
	return b, Broadcast(c, b, root)
}

// AllGather returns the ranks' values in rank order.
func AllGather[T Elem](c Comm, v T) ([]T, error) {
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

// AllGatherV returns the ranks' slices one after another in rank order, and the
// length of each.
func AllGatherV[T Elem](c Comm, s []T) (all []T, counts []int, err error) {
	lens, err := AllGather(c, int64(len(s)))
	if err != nil {
		return nil, nil, err
	}
	counts, total := toCounts(lens)
	all = make([]T, total)
	n := c.Size()
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

// GatherV returns on root the ranks' slices one after another in rank order, and
// the length of each; nil on the other ranks.
func GatherV[T Elem](c Comm, s []T, root int) (all []T, counts []int, err error) {
	checkRoot(c, root)
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

// ExclusiveScan is the sum of v over the ranks below this one; 0 on rank 0.
func ExclusiveScan(c Comm, v int64) (int64, error) {
	all, err := AllGather(c, v)
	var sum int64
	for _, x := range all[:c.Rank()] {
		sum += x
	}
	return sum, err
}

func toCounts(lens []int64) (counts []int, total int) {
	counts = make([]int, len(lens))
	for r, k := range lens {
		counts[r] = int(k)
		total += int(k)
	}
	return counts, total
}
