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

// batches are those of n windows, in the order of one permutation an epoch, size to a batch, at most n. The last of an epoch is what is left,
// or, if they are whole, goes on in the next epoch's permutation.
type batches struct {
	n, size int
	whole   bool
	seed    uint64

	first int        // the place in its epoch of the present batch's first window
	perms [2]shuffle // of that epoch and the next
	epoch int        // 1 + that of perms[0]; 0: none yet
}

// perEpoch is how many batches hold all windows.
func (b *batches) perEpoch() int { return (b.n + b.size - 1) / b.size }

// seek makes batch i the present one, and returns its number of windows.
func (b *batches) seek(i int) int {
	epoch, count := 0, b.size
	if b.whole {
		epoch, b.first = i*b.size/b.n, i*b.size%b.n
	} else {
		each := b.perEpoch()
		epoch, b.first = i/each, i%each*b.size
		count = min(count, b.n-b.first)
	}
	if b.epoch != epoch+1 {
		b.epoch = epoch + 1
		for k := range b.perms {
			b.perms[k] = newShuffle(b.n, b.seed, uint64(epoch+k))
		}
	}
	return count
}

// at is window k of the present batch.
func (b *batches) at(k int) int {
	if k += b.first; k < b.n {
		return b.perms[0].at(k)
	}
	return b.perms[1].at(k - b.n)
}
