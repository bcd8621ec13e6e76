// Package commtest is the conformance suite that every backend of package collective passes.
package commtest

import (
	"fmt"
	"testing"

	"deeprc/collective"
)

// Run runs f on n ranks and returns the root-cause error; [collective.RunLocal] is one.
type Run func(n int, f func(c collective.Comm) error) error

// lengths are elements of a buffer: none, one, odd, past every short cut, and 1 MiB.
func lengths[T collective.Elem]() []int {
	var one [1]T
	return []int{0, 1, 7, 4097, 1 << 20 / collective.Of(one[:]).Type.Size()}
}

// largeBytes is a buffer's length that fits no cache and no internal buffer of a library.
const largeBytes = 64 << 20

// Large checks a backend with groups of the given sizes and buffers of 64 MiB.
func Large(t *testing.T, sizes []int, run Run) {
	for _, n := range sizes {
		t.Run(fmt.Sprintf("Large/%d", n), func(t *testing.T) {
			if err := run(n, func(c collective.Comm) error { return Volume(c, largeBytes) }); err != nil {
				t.Error(err)
			}
		})
	}
}

// Suite checks a backend with groups of the given sizes.
func Suite(t *testing.T, sizes []int, run Run) {
	for _, n := range sizes {
		check := func(name string, f func(c collective.Comm) error) {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) {
				if err := run(n, f); err != nil {
					t.Error(err)
				}
			})
		}
		check("Rank", ranks)
		check("Barrier", barrier)
		check("U8", typed[uint8])
		check("I32", typed[int32])
		check("I64", typed[int64])
		check("F32", typed[float32])
		check("F64", typed[float64])
		check("Identical", identical)
		check("Sub", subs)
		check("Helpers", helpers)
		check("Moved", moved)
		check("Agree", agree)
		check("Hosts", hosts)
		check("Random", random)
		check("Overlapping", overlapping)
		if n > 1 {
			check("Chaos", func(c collective.Comm) error {
				_, err := Chaos(c, uint64(n), 12)
				return err
			})
		}
	}
}

// typed checks the data methods for one element type.
func typed[T collective.Elem](c collective.Comm) error {
	for _, n := range lengths[T]() {
		for _, f := range []func(collective.Comm, int) error{allReduce[T], broadcast[T], allToAll[T], derived[T]} {
			if err := f(c, n); err != nil {
				return fmt.Errorf("length %d: %w", n, err)
			}
		}
	}
	return nil
}

// value is what rank holds at i: small, so that a sum over 7 ranks is exact in every type.
func value[T collective.Elem](rank, i int) T { return T((rank*5 + i*3) % 31) }

func fill[T collective.Elem](rank, n int) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = value[T](rank, i)
	}
	return s
}

func expect[T collective.Elem](what string, got []T, want func(i int) T) error {
	for i, g := range got {
		if w := want(i); g != w {
			return fmt.Errorf("%s: element %d is %v, want %v", what, i, g, w)
		}
	}
	return nil
}

// combined is what op makes of all ranks' values at i, from rank lo to rank hi.
func combined[T collective.Elem](op collective.Op, lo, hi, i int) T {
	w := value[T](lo, i)
	if op == collective.And || op == collective.Or {
		w = truth[T](w != 0)
	}
	for r := lo + 1; r <= hi; r++ {
		switch v := value[T](r, i); op {
		case collective.Sum:
			w += v
		case collective.Prod:
			w *= v
		case collective.Min:
			w = min(w, v)
		case collective.Max:
			w = max(w, v)
		case collective.And:
			w = truth[T](w != 0 && v != 0)
		case collective.Or:
			w = truth[T](w != 0 || v != 0)
		case collective.BitAnd:
			w = T(int64(w) & int64(v))
		case collective.BitOr:
			w = T(int64(w) | int64(v))
		}
	}
	return w
}

func truth[T collective.Elem](b bool) T {
	if b {
		return 1
	}
	return 0
}

// ops are the operations of a type whose results here are exact: a product of seven values passes a float's digits.
func ops[T collective.Elem](ranks int) []collective.Op {
	list := []collective.Op{collective.Sum, collective.Min, collective.Max, collective.And, collective.Or}
	t := collective.Of([]T{}).Type
	if t != collective.F32 && t != collective.F64 {
		list = append(list, collective.BitAnd, collective.BitOr, collective.Prod)
	} else if ranks <= 4 {
		list = append(list, collective.Prod)
	}
	return list
}

func allReduce[T collective.Elem](c collective.Comm, n int) error {
	for _, op := range ops[T](c.Size()) {
		s := fill[T](c.Rank(), n)
		if err := collective.AllReduce(c, s, op); err != nil {
			return err
		}
		if err := expect("AllReduce "+op.String(), s, func(i int) T { return combined[T](op, 0, c.Size()-1, i) }); err != nil {
			return err
		}
	}
	return nil
}

// derived checks what is made of the methods: Reduce, ReduceScatter, Scan.
func derived[T collective.Elem](c collective.Comm, n int) error {
	me, ranks := c.Rank(), c.Size()
	for _, op := range ops[T](ranks) {
		root := n % ranks
		s := fill[T](me, n)
		if err := collective.Reduce(c, s, op, root); err != nil {
			return err
		}
		if err := expect("Reduce "+op.String(), s, func(i int) T {
			if me != root {
				return value[T](me, i)
			}
			return combined[T](op, 0, ranks-1, i)
		}); err != nil {
			return err
		}
		counts, lo := make([]int, ranks), 0 // the last rank gets nothing, rank 0 what is left
		for r := 1; r < ranks-1; r++ {
			counts[r] = n / ranks
		}
		counts[0] = n - max(0, ranks-2)*(n/ranks)
		for _, k := range counts[:me] {
			lo += k
		}
		part, err := collective.ReduceScatter(c, fill[T](me, n), counts, op)
		if err != nil || len(part) != counts[me] {
			return fmt.Errorf("ReduceScatter gives %d elements, want %d; %w", len(part), counts[me], err)
		}
		if err := expect("ReduceScatter "+op.String(), part, func(i int) T { return combined[T](op, 0, ranks-1, lo+i) }); err != nil {
			return err
		}
		s = fill[T](me, n)
		if err := collective.Scan(c, s, op); err != nil {
			return err
		}
		if err := expect("Scan "+op.String(), s, func(i int) T { return combined[T](op, 0, me, i) }); err != nil {
			return err
		}
	}
	return nil
}

func broadcast[T collective.Elem](c collective.Comm, n int) error {
	for root := range c.Size() {
		s := fill[T](c.Rank(), n)
		if err := collective.Broadcast(c, s, root); err != nil {
			return err
		}
		if err := expect("Broadcast", s, func(i int) T { return value[T](root, i) }); err != nil {
			return err
		}
	}
	return nil
}

// allToAll sends from rank a to rank b an amount that differs by pair, and is 0 for every third pair.
func allToAll[T collective.Elem](c collective.Comm, n int) error {
	count := func(a, b int) int {
		if (a+b)%3 == 2 {
			return 0
		}
		return (n + a + 2*b) / c.Size()
	}
	me := c.Rank()
	srcN, dstN := make([]int, c.Size()), make([]int, c.Size())
	var src []T
	total := 0
	for r := range srcN {
		srcN[r], dstN[r] = count(me, r), count(r, me)
		src = append(src, fill[T](me*7+r, srcN[r])...)
		total += dstN[r]
	}
	dst := make([]T, total)
	if err := c.AllToAll(collective.Of(dst), dstN, collective.Of(src), srcN); err != nil {
		return err
	}
	for r, k := range dstN {
		if err := expect(fmt.Sprintf("AllToAll from %d", r), dst[:k], func(i int) T { return value[T](r*7+me, i) }); err != nil {
			return err
		}
		dst = dst[k:]
	}
	return nil
}

func ranks(c collective.Comm) error {
	all, err := collective.AllGatherOne(c, int64(c.Rank()))
	if err != nil {
		return err
	}
	return expect("rank", all, func(i int) int64 { return int64(i) })
}
