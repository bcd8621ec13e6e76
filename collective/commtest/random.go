package commtest

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"deeprc/collective"
)

// generator gives the same numbers on all ranks.
func generator(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// sequence makes steps calls of random kinds, types, lengths and roots, the same on all ranks, and
// compares each result with one computed here from all ranks' values.
func sequence(c collective.Comm, rng *rand.Rand, steps int) error {
	for i := range steps {
		if err := step(c, rng); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// Sequence makes random calls, of which each stream of a seed has its own, and checks them.
func Sequence(c collective.Comm, seed, stream uint64, steps int) error {
	return sequence(c, generator(seed, stream), steps)
}

func step(c collective.Comm, rng *rand.Rand) error {
	switch rng.IntN(5) {
	case 0:
		return call[uint8](c, rng)
	case 1:
		return call[int32](c, rng)
	case 2:
		return call[int64](c, rng)
	case 3:
		return call[float32](c, rng)
	}
	return call[float64](c, rng)
}

// call makes one call. Rank r holds the values of rank r+salt, so that no call gives what another left behind.
func call[T collective.Elem](c collective.Comm, rng *rand.Rand) error {
	n := []int{0, 1, rng.IntN(50), rng.IntN(5000), rng.IntN(100_000)}[rng.IntN(5)]
	ranks, me, salt, root := c.Size(), c.Rank(), rng.IntN(31), rng.IntN(c.Size())
	list := ops[T](ranks)
	op := list[rng.IntN(len(list))]
	mine := fill[T](me+salt, n)
	all := func(i int) T { return combined[T](op, salt, salt+ranks-1, i) }
	switch rng.IntN(7) {
	case 0:
		return c.Barrier()
	case 1:
		if err := collective.AllReduce(c, mine, op); err != nil {
			return err
		}
		return expect("AllReduce "+op.String(), mine, all)
	case 2:
		if err := collective.Broadcast(c, mine, root); err != nil {
			return err
		}
		return expect("Broadcast", mine, func(i int) T { return value[T](root+salt, i) })
	case 3:
		if err := collective.Scan(c, mine, op); err != nil {
			return err
		}
		return expect("Scan "+op.String(), mine, func(i int) T { return combined[T](op, salt, salt+me, i) })
	case 4:
		if err := collective.Reduce(c, mine, op, root); err != nil || me != root {
			return err
		}
		return expect("Reduce "+op.String(), mine, all)
	case 5:
		mine = mine[:n*(me+1)/ranks]
		got, counts, err := collective.AllGatherV(c, mine)
		if err != nil {
			return err
		}
		for r, k := range counts {
			if k != n*(r+1)/ranks {
				return fmt.Errorf("AllGatherV: %d elements of rank %d, want %d", k, r, n*(r+1)/ranks)
			}
			if err := expect("AllGatherV", got[:k], func(i int) T { return value[T](r+salt, i) }); err != nil {
				return err
			}
			got = got[k:]
		}
		return nil
	}
	out := map[int][]T{}
	counts := make([]int, ranks*ranks) // (from, to)
	for i := range counts {
		if counts[i] = 0; rng.IntN(3) > 0 {
			counts[i] = rng.IntN(n + 1)
		}
	}
	for to := range ranks {
		out[to] = fill[T](me+to+salt, counts[me*ranks+to])
	}
	in, err := collective.Exchange(c, out)
	if err != nil {
		return err
	}
	for from := range ranks {
		if k := counts[from*ranks+me]; len(in[from]) != k {
			return fmt.Errorf("collective.Exchange: %d elements of rank %d, want %d", len(in[from]), from, k)
		}
		if err := expect("Exchange", in[from], func(i int) T { return value[T](from+me+salt, i) }); err != nil {
			return err
		}
	}
	return nil
}

// random runs a random sequence; overlapping does so in several groups at once that share
// this rank, each in a goroutine of its own.
func random(c collective.Comm) error { return sequence(c, generator(1, uint64(c.Size())), 60) }

func overlapping(c collective.Comm) error {
	n, me := c.Size(), c.Rank()
	var lists [][]int
	for skip := range n { // all ranks but one
		var list []int
		for r := range n {
			if r != skip || n == 1 {
				list = append(list, r)
			}
		}
		lists = append(lists, list)
	}
	var groups []collective.Comm
	ended := make(chan error)
	for k, list := range lists {
		if n > 1 && k == me {
			continue
		}
		s, err := c.Sub(list)
		if err != nil {
			return err
		}
		groups = append(groups, s)
		go func() {
			err := sequence(s, generator(2, uint64(k)), 30)
			if err != nil {
				err = fmt.Errorf("in ranks %v: %w", list, err)
			}
			ended <- err
		}()
	}
	err := sequence(c, generator(3, 0), 30) // in the whole group, too
	for range groups {
		err = errors.Join(err, <-ended)
	}
	for _, s := range groups {
		err = errors.Join(err, s.Close())
	}
	return err
}

// Volume checks calls of a little more than so many bytes.
func Volume(c collective.Comm, bytes int) error {
	for _, f := range []func() error{
		func() error { return allReduce1[float32](c, bytes/4+1) },
		func() error { return broadcast1[uint8](c, bytes+1) },
		func() error { return allToAll[int64](c, bytes/8+1) },
	} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func allReduce1[T collective.Elem](c collective.Comm, n int) error {
	s := fill[T](c.Rank(), n)
	if err := collective.AllReduce(c, s, collective.Sum); err != nil {
		return err
	}
	return expect("AllReduce", s, func(i int) T { return combined[T](collective.Sum, 0, c.Size()-1, i) })
}

func broadcast1[T collective.Elem](c collective.Comm, n int) error {
	root := c.Size() - 1
	s := fill[T](c.Rank(), n)
	if err := collective.Broadcast(c, s, root); err != nil {
		return err
	}
	return expect("Broadcast", s, func(i int) T { return value[T](root, i) })
}
