package frame

import (
	"fmt"

	"github.com/DataDog/zstd"
	"github.com/apache/arrow/go/v17/parquet/compress"
)

// zstdPages compresses pages by libzstd. Arrow's own codec makes an encoder, with a history of megabytes, for every page.
type zstdPages struct{ compress.Codec }

func init() {
	arrows, err := compress.GetCodec(compress.Codecs.Zstd)
	if err != nil {
		panic(fmt.Sprintf("frame: Arrow has no Zstandard codec: %v", err))
	}
	compress.RegisterCodec(compress.Codecs.Zstd, zstdPages{arrows})
}

func (z zstdPages) Encode(dst, src []byte) []byte {
	return z.EncodeLevel(dst, src, compress.DefaultCompressionLevel)
}

func (zstdPages) EncodeLevel(dst, src []byte, level int) []byte {
	if level == compress.DefaultCompressionLevel {
		level = 3 // as libzstd and Arrow have it
	}
	out, err := zstd.CompressLevel(dst, src, level)
	if err != nil {
		panic(fmt.Sprintf("frame: libzstd compresses no page of %d bytes at level %d: %v", len(src), level, err)) // Codec returns no error; ours are told by the writer's caller
	}
	return out
}

func (zstdPages) CompressBound(n int64) int64 { return int64(zstd.CompressBound(int(n))) }
