package frame

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/bitutil"
)

// The example of the format's page: the numbers 0 to 7 in three bits each.
func TestHybridExample(t *testing.T) {
	b := []byte{1<<1 | 1, 0b10001000, 0b11000110, 0b11111010, 5 << 1, 6, 3 << 1, 1}
	got := make([]uint32, 16)
	newHybrid(b, 3).read(got)
	if want := "[0 1 2 3 4 5 6 7 6 6 6 6 6 1 1 1]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// Packed numbers of every width are those that single bits make.
func TestPackedBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	for width := range 65 {
		const n = 64
		b := make([]byte, n*width/8)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		want := make([]uint64, n)
		for i := range want {
			for k := range width {
				if bitutil.BitIsSet(b, i*width+k) {
					want[i] |= 1 << k
				}
			}
		}
		for i := range want {
			if got := wideBits(b, i*width, width); got != want[i] {
				t.Fatalf("width %d, number %d: %x, want %x", width, i, got, want[i])
			}
		}
		if width > 32 {
			continue
		}
		got := make([]uint32, n)
		unpackBits(got, b, 0, width)
		for i := range want {
			if uint64(got[i]) != want[i] {
				t.Fatalf("width %d, number %d: %x, want %x", width, i, got[i], want[i])
			}
		}
	}
}

// Runs of single bits, in parts and from any bit on, are those that single numbers make.
func TestReadBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 0))
	for range 300 {
		var b []byte
		var want []uint32
		for range 6 {
			if n := 1 + rng.IntN(150); rng.IntN(2) == 0 {
				v := rng.Uint32N(2)
				b = append(binary.AppendUvarint(b, uint64(n)<<1), byte(v))
				for range n {
					want = append(want, v)
				}
			} else {
				b = binary.AppendUvarint(b, uint64(n%20+1)<<1|1)
				for range n%20 + 1 {
					b = append(b, byte(rng.Uint32()))
					for k := range 8 {
						want = append(want, uint32(b[len(b)-1]>>k&1))
					}
				}
			}
		}
		at := rng.IntN(20)
		got := make([]byte, (at+len(want)+7)/8)
		h, ones, sum := newHybrid(b, 1), 0, 0
		for i := 0; i < len(want); {
			n := min(len(want)-i, 1+rng.IntN(200))
			ones += h.readBits(got, at+i, n)
			i += n
		}
		for i := range 8 * len(got) {
			v := uint32(0)
			if i >= at && i < at+len(want) {
				v = want[i-at]
			}
			if bitutil.BitIsSet(got, i) != (v == 1) {
				t.Fatalf("bit %d of %d from %d: want %d", i, len(want), at, v)
			}
			sum += int(v)
		}
		if ones != sum {
			t.Fatalf("%d ones, want %d", ones, sum)
		}
	}
}

// Cells go to the places of the bits that are set, whatever is asked for: zero or empty elsewhere.
func TestSpread(t *testing.T) {
	valid := []byte{0b01011010} // from bit 1 on: 1 0 1 1 0 1
	cells := []int32{7, 8, 9, 10, -1, -1}
	spread(cells, valid, 1, 4)
	if fmt.Sprint(cells) != "[7 0 8 9 0 10]" {
		t.Error(cells)
	}
	off := []int64{5, 6, 8, 11, 15, -1, -1}
	spreadOffsets(off, valid, 1, 4)
	if fmt.Sprint(off) != "[5 6 6 8 11 11 15]" {
		t.Error(off)
	}
}

// The example of the format's page, in blocks of eight: 7, 5, 3, 1, 2, 3, 4, 5.
func TestDeltaInts(t *testing.T) {
	b := []byte{8, 1, 8, 14 /* 7 */, 3 /* -2 */, 2, 0b11000000, 0b00111111, 42}
	got := make([]int64, 8)
	rest := deltaInts(got, b)
	if fmt.Sprint(got, rest) != "[7 5 3 1 2 3 4 5] [42]" {
		t.Error(got, rest)
	}
}
