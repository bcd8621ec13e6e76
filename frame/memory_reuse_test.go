package frame

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Arrays made while an operator runs are zero, apart from each other, keep what is written, and after it nothing is kept.
func TestReuse(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 0))
		m := NewMemory(MemoryOptions{})
		type live struct {
			b    []byte
			mark byte
		}
		var all []live
		inside := m.reuse()
		again := m.reuse() // an operator may call another
		reused := false
		for i := range 200 {
			switch k := len(all) - 1; {
			case k >= 0 && rng.IntN(3) == 0:
				rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				m.Free(all[k].b)
				all = all[:k]
			case k >= 0 && rng.IntN(4) == 0:
				old := len(all[k].b)
				all[k].b = m.Reallocate(1+rng.IntN(6*hugePage), all[k].b)
				for i := old; i < len(all[k].b); i++ {
					all[k].b[i] = all[k].mark
				}
			default:
				before := m.kept.bytes
				b := m.Allocate(1 + rng.IntN(5*hugePage))
				reused = reused || m.kept.bytes < before
				if bytes.Count(b, []byte{0}) != len(b) {
					t.Fatalf("seed %d: a new array is not zero", seed)
				}
				mark := byte(1 + i%255)
				for i := range b {
					b[i] = mark
				}
				all = append(all, live{b, mark})
			}
			if m.kept.bytes > 0 && m.Used()+m.kept.bytes > m.Peak()+hugePage { // small arrays are Go's, and make no room
				t.Fatalf("seed %d: %d bytes in use and %d kept are more than the peak of %d", seed, m.Used(), m.kept.bytes, m.Peak())
			}
		}
		again()
		for _, l := range all {
			if bytes.Count(l.b, []byte{l.mark}) != len(l.b) {
				t.Fatalf("seed %d: an array has changed", seed)
			}
			m.Free(l.b)
		}
		inside()
		if !reused || m.Used() != 0 || m.kept.bytes != 0 || len(m.kept.blocks) != 0 {
			t.Fatalf("seed %d: reused %t, %d bytes in use, %d kept in %d blocks", seed, reused, m.Used(), m.kept.bytes, len(m.kept.blocks))
		}
	}
}
