package collective

import "fmt"

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

// BroadcastOne returns root's v on every rank.
func BroadcastOne[T Elem](c Comm, v T, root int) (T, error) {
	s := []T{v}
	err := c.Broadcast(Of(s), root)
	return s[0], err
}

// BroadcastBytes returns root's b on every rank. The others' b is not looked at.
func BroadcastBytes(c Comm, b []byte, root int) ([]byte, error) {
	n, err := BroadcastOne(c, int64(len(b)), root)
	if err != nil {
		return nil, err
	}
	if c.Rank() != root {
		b = make([]byte, n)
	}
	return b, Broadcast(c, b, root)
}

// Reduce replaces root's s by its elementwise combination over the ranks. The others'
// s, of the same length, stays as it is.
func Reduce[T Elem](c Comm, s []T, op Op, root int) error {
	checkRoot(c.Size(), root)
	counts := make([]int, c.Size())
	for r := range counts {
		lo, hi := Share(len(s), r, c.Size())
		counts[r] = hi - lo
	}
	part, err := ReduceScatter(c, s, counts, op)
	if err != nil {
		return err
	}
	srcN, dst := make([]int, c.Size()), []T(nil)
	srcN[root] = len(part)
	if c.Rank() == root {
		dst = s
	} else {
		clear(counts)
	}
	return c.AllToAll(Of(dst), counts, Of(part), srcN)
}

// ReduceScatter combines s elementwise over the ranks and returns this rank's part of
// the result: the counts[Rank()] elements after those of the lower ranks. Counts sum to
// len(s) and are the same on every rank. The ranks' values are combined in rank order.
func ReduceScatter[T Elem](c Comm, s []T, counts []int, op Op) ([]T, error) {
	checkOp(op, typeOf[T]())
	n := c.Size()
	mine := counts[c.Rank()]
	all, dstN := make([]T, n*mine), make([]int, n)
	for r := range dstN {
		dstN[r] = mine
	}
	if err := c.AllToAll(Of(all), dstN, Of(s), counts); err != nil {
		return nil, err
	}
	if n == 1 {
		alone(Of(all), op)
	}
	for r := 1; r < n; r++ {
		combine(Of(all[:mine]), Of(all[r*mine:(r+1)*mine]), op)
	}
	return all[:mine:mine], nil
}

// Exchange sends each slice of out to the rank that is its key, and returns what came in,
// by sender. It costs messages only between ranks that have something for each other,
// after one of eight bytes to each rank that tells how much.
func Exchange[T Elem](c Comm, out map[int][]T) (map[int][]T, error) {
	n := c.Size()
	srcN, lens := make([]int, n), make([]int64, n)
	total := 0
	for r, s := range out {
		checkRoot(n, r)
		srcN[r], lens[r] = len(s), int64(len(s))
		total += len(s)
	}
	src := make([]T, 0, total)
	for r := range n {
		src = append(src, out[r]...)
	}
	ones := make([]int, n)
	for r := range ones {
		ones[r] = 1
	}
	come := make([]int64, n)
	if err := c.AllToAll(Of(come), ones, Of(lens), ones); err != nil {
		return nil, err
	}
	dstN, total := toCounts(come)
	dst := make([]T, total)
	if err := c.AllToAll(Of(dst), dstN, Of(src), srcN); err != nil {
		return nil, err
	}
	in := map[int][]T{}
	for r, k := range dstN {
		if k > 0 {
			in[r] = dst[:k:k]
		}
		dst = dst[k:]
	}
	return in, nil
}

// Scan replaces s by its elementwise combination over this rank and the lower ones.
func Scan[T Elem](c Comm, s []T, op Op) error {
	before, err := scanBefore(c, s, op)
	if err != nil {
		return err
	}
	if before == nil {
		alone(Of(s), op)
		return nil
	}
	combine(Of(before), Of(s), op)
	copy(s, before)
	return nil
}

// ExclusiveScan is the sum of v over the ranks below this one; 0 on rank 0.
func ExclusiveScan[T Elem](c Comm, v T) (T, error) {
	before, err := scanBefore(c, []T{v}, Sum)
	if err != nil || before == nil {
		return 0, err
	}
	return before[0], nil
}

// scanBefore is the combination of the lower ranks' s; nil on rank 0. Each rank combines
// its share of the elements for all ranks, so no rank does or holds more than others.
func scanBefore[T Elem](c Comm, s []T, op Op) ([]T, error) {
	checkOp(op, typeOf[T]())
	n, me := c.Size(), c.Rank()
	counts, mine := make([]int, n), make([]int, n)
	for r := range counts {
		lo, hi := Share(len(s), r, n)
		counts[r] = hi - lo
	}
	k := counts[me]
	for r := range mine {
		mine[r] = k
	}
	all := make([]T, n*k) // (rank, element) of this rank's share
	if err := c.AllToAll(Of(all), mine, Of(s), counts); err != nil {
		return nil, err
	}
	sums := make([]T, n*k) // of the ranks below each
	for r := 1; r < n; r++ {
		at := sums[r*k : (r+1)*k]
		if copy(at, all[(r-1)*k:r*k]); r > 1 {
			copy(at, sums[(r-1)*k:r*k])
			combine(Of(at), Of(all[(r-1)*k:r*k]), op)
		}
	}
	before := make([]T, len(s))
	if err := c.AllToAll(Of(before), counts, Of(sums), mine); err != nil {
		return nil, err
	}
	if me == 0 {
		return nil, nil
	}
	return before, nil
}

func toCounts(lens []int64) (counts []int, total int) {
	counts = make([]int, len(lens))
	for r, k := range lens {
		counts[r] = int(k)
		total += int(k)
	}
	return counts, total
}

// sameLengths is the error of ranks that give slices of different lengths where they must be equal.
func sameLengths(what string, counts []int) error {
	for r, n := range counts {
		if n != counts[0] {
			return fmt.Errorf("%s: rank 0 has %d elements, rank %d has %d: want the same, or %sV", what, counts[0], r, n, what)
		}
	}
	return nil
}
