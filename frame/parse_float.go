package frame

import (
	"math"
	"math/bits"
	"strconv"
	"unsafe"
)

// pow10 and upow10 are the powers of ten that float64 and uint64 hold exactly.
var (
	pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}
	upow10 = [...]uint64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10,
		1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}
)

// scanFloat reads the decimal number at b[p:], [+-]digits[.digits][e[+-]digits]
// with a digit on one side of the point, and returns it correctly rounded, with
// the index behind it. It is false where there is none or where float64
// overflows. It does not allocate.
func scanFloat(b []byte, p int) (v float64, end int, ok bool) {
	i := p
	neg := false
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		neg = b[i] == '-'
		i++
	}
	var m uint64 // the digits without the point; wraps beyond 19 of them
	from := i
	for i < len(b) {
		d := b[i] - '0'
		if d > 9 {
			break
		}
		m = m*10 + uint64(d)
		i++
	}
	digits, exp := i-from, 0
	if i < len(b) && b[i] == '.' {
		i++
		from = i
		for i < len(b) {
			d := b[i] - '0'
			if d > 9 {
				break
			}
			m = m*10 + uint64(d)
			i++
		}
		exp = from - i
		digits -= exp
	}
	if digits == 0 {
		return 0, p, false
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		e, j, ok := scanExponent(b, i+1)
		if !ok {
			return 0, p, false
		}
		exp, i = exp+e, j
	}
	switch {
	case digits > 19:
		return parseFloat(b[p:i], i)
	case m < 1<<53 && 0 <= exp && exp <= 22: // Clinger: both factors exact, one rounding
		v = float64(m) * pow10[exp]
	case m < 1<<53 && -22 <= exp && exp < 0:
		v = float64(m) / pow10[-exp]
	case m != 0 && -19 <= exp && exp < 0:
		v = divPow10(m, -exp)
	default:
		return parseFloat(b[p:i], i)
	}
	if neg {
		v = -v
	}
	return v, i, true
}

// scanExponent reads [+-]digits at b[p:]. Beyond ±9999 the value is not
// exact, which no float64 can tell.
func scanExponent(b []byte, p int) (e, end int, ok bool) {
	i := p
	neg := false
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		neg = b[i] == '-'
		i++
	}
	from := i
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		if e < 10000 {
			e = e*10 + int(b[i]-'0')
		}
	}
	if neg {
		e = -e
	}
	return e, i, i > from
}

// divPow10 is m/10^k correctly rounded, for m > 0 and 1 ≤ k ≤ 19: one division
// of 128 by 64 bits, whose remainder becomes the sticky bit of the rounding.
func divPow10(m uint64, k int) float64 {
	d := upow10[k]
	lm, ld := bits.LeadingZeros64(m), bits.LeadingZeros64(d)
	m, d = m<<lm, d<<ld
	q, r := bits.Div64(m>>1, m<<63, d) // m·2^63/d, 2^62 < q < 2^64
	if r != 0 {
		q |= 1
	}
	return float64(q) * math.Float64frombits(uint64(1023+ld-lm-63)<<52)
}

// parseFloat is the general case, for a literal whose grammar is checked.
func parseFloat(lit []byte, end int) (float64, int, bool) {
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(lit), len(lit)), 64)
	return v, end, err == nil
}

// scanInt reads [+-]digits at b[p:] as an int64; it is false where there is no
// integer, where int64 overflows, and where a point or an exponent follows.
func scanInt(b []byte, p int) (v int64, end int, ok bool) {
	i := p
	neg := false
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		neg = b[i] == '-'
		i++
	}
	from := i
	var m uint64
	for i < len(b) {
		d := b[i] - '0'
		if d > 9 {
			break
		}
		if m > (1<<63)/10 {
			return 0, p, false
		}
		m = m*10 + uint64(d)
		i++
	}
	if i == from || i < len(b) && (b[i] == '.' || b[i]|0x20 == 'e') {
		return 0, p, false
	}
	if neg {
		return -int64(m), i, m <= 1<<63
	}
	return int64(m), i, m < 1<<63
}

// isInfinite tells the spellings of infinity that other software writes.
func isInfinite(b []byte) bool {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	if len(b) != 3 && len(b) != 8 {
		return false
	}
	for i, c := range b {
		if c|0x20 != "infinity"[i] {
			return false
		}
	}
	return true
}
