package frame

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// zstdPlain are bytes of many kinds: none, few, random ones, repeats of short and long patterns, numbers, text.
func zstdPlain() [][]byte {
	rng := rand.New(rand.NewPCG(5, 0))
	random := make([]byte, 300_000)
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	var numbers, text, skewed []byte
	for i := range 100_000 {
		numbers = binary.LittleEndian.AppendUint64(numbers, rng.Uint64N(9_000_000))
		text = fmt.Appendf(text, "basin %d has a flow of %.2f\n", i%671, rng.ExpFloat64())
		skewed = append(skewed, byte(rng.ExpFloat64()*9))
	}
	list := [][]byte{nil, {7}, random[:40], random, numbers, text, skewed, bytes.Repeat([]byte{1}, 1<<20), append(bytes.Clone(text), random...)}
	for period := 2; period < 20; period++ {
		list = append(list, bytes.Repeat(random[:period], 5000/period), append(bytes.Repeat(random[:period], 3), random[:50]...))
	}
	return list
}

func zstdEncoder(t testing.TB, o ...zstd.EOption) *zstd.Encoder {
	t.Helper()
	e, err := zstd.NewWriter(nil, append(o, zstd.WithEncoderConcurrency(1))...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// What an encoder packs comes back, in memory of just its size and with room behind it, which stays as it was beyond.
func TestZstd(t *testing.T) {
	var z zstdDecoder
	for level := zstd.SpeedFastest; level <= zstd.SpeedBestCompression; level++ {
		for _, crc := range []bool{false, true} {
			e := zstdEncoder(t, zstd.WithEncoderLevel(level), zstd.WithEncoderCRC(crc))
			for i, want := range zstdPlain() {
				src := e.EncodeAll(want, nil)
				for _, room := range []int{0, 5, zstdRoom} {
					all := bytes.Repeat([]byte{0xa5}, len(want)+room+8)
					n, err := z.decode(all[:len(want)], room, src)
					if err != nil || n != len(want) || !bytes.Equal(all[:n], want) {
						t.Fatalf("%v, input %d, room %d: %d bytes of %d, %v", level, i, room, n, len(want), err)
					}
					if !bytes.Equal(all[len(want)+room:], bytes.Repeat([]byte{0xa5}, 8)) {
						t.Fatalf("%v, input %d, room %d: bytes behind the room were written", level, i, room)
					}
				}
			}
		}
	}
}

// Frames follow each other, some to be skipped.
func TestZstdFrames(t *testing.T) {
	var z zstdDecoder
	e := zstdEncoder(t)
	skip := []byte{0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3}
	src := append(e.EncodeAll([]byte(strings.Repeat("first ", 50)), nil), skip...)
	src = e.EncodeAll([]byte("second"), src)
	dst := make([]byte, 306)
	if n, err := z.decode(dst, 0, src); err != nil || string(dst[:n]) != strings.Repeat("first ", 50)+"second" {
		t.Errorf("%q, %v", dst[:n], err)
	}
}

func TestZstdErrors(t *testing.T) {
	e := zstdEncoder(t, zstd.WithSingleSegment(true))
	good := e.EncodeAll(bytes.Repeat([]byte("abc"), 100), nil)
	crc := bytes.Clone(good)
	crc[len(crc)-1]++
	dict := bytes.Clone(good)
	dict[4] |= 1
	for _, test := range []struct {
		src  []byte
		size int
		want string
	}{
		{good, 299, "zstd: it holds more bytes than its head says"},
		{good[:len(good)-1], 300, "zstd: its codes are wrong"},
		{[]byte("no zstd at all"), 300, "zstd: its codes are wrong"},
		{crc, 300, "zstd: its checksum is wrong"},
		{dict, 300, "zstd: it needs a dictionary, which is not supported"},
	} {
		var z zstdDecoder
		if _, err := z.decode(make([]byte, test.size), 0, test.src); err == nil || err.Error() != test.want {
			t.Errorf("got %v\nwant %s", err, test.want)
		}
	}
}

// What our decoder takes, Go's takes for the same; nothing that it does not take ends the program.
func FuzzZstd(f *testing.F) {
	e := zstdEncoder(f, zstd.WithEncoderCRC(false))
	rng := rand.New(rand.NewPCG(6, 0))
	for _, plain := range zstdPlain()[1:] {
		b := e.EncodeAll(plain[:min(len(plain), 3000)], nil)
		f.Add(b)
		for range 10 {
			f.Add(mutate(rng, b))
		}
	}
	theirs, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<20), zstd.WithDecoderMaxWindow(1<<30))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var z zstdDecoder
		dst := make([]byte, 1<<17)
		n, err := z.decode(dst[:1<<16], zstdRoom, b)
		if err != nil {
			return
		}
		want, err := theirs.DecodeAll(b, nil)
		if err == nil && !bytes.Equal(dst[:n], want) {
			t.Errorf("decoded %d bytes that are not the %d of Go's decoder", n, len(want))
		}
	})
}
