package frame

/*
#cgo noescape zstd_decode
#cgo nocallback zstd_decode
#include "zstd.h"
*/
import "C"

import (
	"errors"
	"unsafe"
)

// zstdRoom is how many bytes behind its result zstdDecoder is best given to write to.
const zstdRoom = 32

// zstdDecoder decompresses Zstandard frames of a known size, as fast as libzstd does, and about
// twice as fast as Go's decoder; it must not be copied. Dictionaries are not supported.
type zstdDecoder struct {
	workspace []uint64
}

// decode decompresses the frames of src to dst, whose memory has room more bytes that may be
// overwritten; the result is the number of bytes that src holds, at most len(dst).
func (z *zstdDecoder) decode(dst []byte, room int, src []byte) (int, error) {
	if z.workspace == nil {
		z.workspace = make([]uint64, C.ZSTD_WORKSPACE/8)
	}
	n := C.zstd_decode(unsafe.Pointer(unsafe.SliceData(z.workspace)), p8(dst), C.int64_t(len(dst)), C.int64_t(room), p8(src), C.int64_t(len(src)))
	switch {
	case n >= 0:
		return int(n), nil
	case n == C.ZSTD_TOO_LARGE:
		return 0, errors.New("zstd: it holds more bytes than its head says")
	case n == C.ZSTD_DICTIONARY:
		return 0, errors.New("zstd: it needs a dictionary, which is not supported")
	case n == C.ZSTD_CHECKSUM:
		return 0, errors.New("zstd: its checksum is wrong")
	}
	return 0, errors.New("zstd: its codes are wrong")
}
