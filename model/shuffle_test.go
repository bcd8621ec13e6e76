package model

import (
	"slices"
	"testing"
)

// Every epoch has every window once, whatever the batches; whole ones are all of the same size.
func TestBatches(t *testing.T) {
	for _, c := range []struct{ n, size int }{{1, 1}, {7, 7}, {10, 3}, {12, 4}, {163, 32}} {
		for _, whole := range []bool{false, true} {
			b := batches{n: c.n, size: c.size, whole: whole, seed: 5}
			var all []int
			for i := range 4 * ((c.n + c.size - 1) / c.size) {
				m := b.seek(i)
				if whole && m != c.size {
					t.Fatalf("%+v: batch %d has %d windows", c, i, m)
				}
				for k := range m {
					all = append(all, b.at(k))
				}
			}
			for e := range 4 {
				if len(all) < (e+1)*c.n { // whole batches have begun another epoch, or not ended one
					break
				}
				epoch := slices.Clone(all[e*c.n:][:c.n])
				slices.Sort(epoch)
				for i, w := range epoch {
					if i != w {
						t.Fatalf("%+v, whole %v: epoch %d has %v", c, whole, e, epoch)
					}
				}
			}
			from := batches{n: c.n, size: c.size, whole: whole, seed: 5} // one that goes on behind an interruption
			last := len(all)
			if m := from.seek(4*((c.n+c.size-1)/c.size) - 1); from.at(m-1) != all[last-1] || from.at(0) != all[last-m] {
				t.Errorf("%+v, whole %v: another batch after an interruption", c, whole)
			}
		}
	}
}

func TestShuffleIsAPermutation(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 64, 1000, 8209} {
		seen := make([]bool, n)
		s := newShuffle(n, 1, 2)
		for i := range n {
			seen[s.at(i)] = true
		}
		if slices.Contains(seen, false) {
			t.Fatalf("n = %d: not every index comes up", n)
		}
	}
	// Neighbours should not stay neighbours, nor epochs repeat.
	a, b := newShuffle(8209, 1, 0), newShuffle(8209, 1, 1)
	var close, same int
	for i := range 8208 {
		if d := a.at(i) - a.at(i+1); d*d <= 4 {
			close++
		}
		if a.at(i) == b.at(i) {
			same++
		}
	}
	if close > 20 || same > 20 {
		t.Fatalf("%d of 8208 neighbours stay close (4 expected), %d places are the same in the next epoch (1 expected)", close, same)
	}
}
