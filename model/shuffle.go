package model

import "math/bits"

// A shuffle is a pseudo-random permutation of 0 … n−1 that is never stored:
// a Feistel network of four rounds on the smallest even number of bits that
// holds n, walked until the result is below n (Black and Rogaway, Ciphers with
// Arbitrary Finite Domains, 2002, §5). It depends on its key only, so that all
// ranks, and a resumed run, see the same order.
type shuffle struct {
	n    uint64
	half uint
	keys [4]uint64
}

func newShuffle(n int, seed, epoch uint64) shuffle {
	s := shuffle{n: uint64(n), half: uint(bits.Len64(uint64(n-1))+1) / 2}
	for i := range s.keys {
		s.keys[i] = mix(seed ^ mix(epoch) ^ mix(uint64(i)+0x5be0cd19))
	}
	return s
}

// at is element i of the permutation.
func (s shuffle) at(i int) int {
	x, mask := uint64(i), uint64(1)<<s.half-1
	for {
		l, r := x>>s.half, x&mask
		for _, k := range s.keys {
			l, r = r, l^mix(r+k)&mask
		}
		if x = l<<s.half | r; x < s.n {
			return int(x)
		}
	}
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
