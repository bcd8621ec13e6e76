package frame

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v17/parquet/compress"
)

// Pages of any size, in memory that is large enough or is not, come back from the decoder that Arrow has.
func TestZstdPages(t *testing.T) {
	codec, err := compress.GetCodec(compress.Codecs.Zstd)
	if err != nil {
		t.Fatal(err)
	}
	ours, ok := codec.(zstdPages)
	if !ok {
		t.Fatalf("Parquet's Zstandard codec is %T", codec)
	}
	for _, n := range []int{0, 1, 1000, 1 << 20} {
		var page []byte
		for i := 0; len(page) < n; i++ {
			page = fmt.Append(page, i*i)
		}
		page = page[:n]
		for _, dst := range [][]byte{nil, make([]byte, ours.CompressBound(int64(n)))} {
			small := ours.EncodeLevel(dst, page, compress.DefaultCompressionLevel)
			if n > 1000 && len(small) > n/2 {
				t.Errorf("%d bytes became %d", n, len(small))
			}
			if got := ours.Codec.Decode(make([]byte, 0, n), small); !bytes.Equal(got, page) {
				t.Errorf("%d bytes came back as %d others", n, len(got))
			}
		}
	}
}
