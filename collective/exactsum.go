package collective

import (
	"math"
	"math/bits"
)

// An ExactSum is the exact sum of float64 values: the same bits in any order and
// over any number of ranks. The zero value is an empty sum.
//
// It is a fixed-point number (a superaccumulator; Kulisch, Computer Arithmetic and
// Validity, 2013): limb i holds a multiple of 2^(32i-1074), 32 bits of payload in
// an int64, so that 2^30 values are added before carries must be propagated.
type ExactSum struct {
	limb           [exactLimbs]int64
	adds           int32 // additions since the last normalise
	nan, inf, minf int64 // number of NaN, +Inf and -Inf added
}

const (
	exactLimbs = (1074+1024)/32 + 3 // the range of float64, and 2^64 times as much
	exactAdds  = 1 << 30
	limbMask   = 1<<32 - 1
)

// Add adds x.
func (s *ExactSum) Add(x float64) {
	b := math.Float64bits(x)
	e := int(b >> 52 & 0x7ff)
	m := b & (1<<52 - 1)
	switch e {
	case 0x7ff:
		s.addSpecial(x)
		return
	case 0:
		e = 1
	default:
		m |= 1 << 52
	}
	// |x| = m·2^(e-1)·2^-1074
	at, shift := (e-1)>>5, uint(e-1)&31
	lo := m << shift
	hi := m >> 32 >> (32 - shift)
	sign := int64(b) >> 63 // 0 or -1
	l := s.limb[at : at+3 : at+3]
	l[0] += int64(lo&limbMask) ^ sign - sign
	l[1] += int64(lo>>32) ^ sign - sign
	l[2] += int64(hi) ^ sign - sign
	if s.adds++; s.adds == exactAdds {
		s.normalise()
	}
}

func (s *ExactSum) addSpecial(x float64) {
	switch {
	case x > 0:
		s.inf++
	case x < 0:
		s.minf++
	default:
		s.nan++
	}
}

// Merge adds all that t holds.
func (s *ExactSum) Merge(t *ExactSum) {
	s.normalise()
	u := *t
	u.normalise()
	for i := range s.limb {
		s.limb[i] += u.limb[i]
	}
	s.adds = 1
	s.nan, s.inf, s.minf = s.nan+u.nan, s.inf+u.inf, s.minf+u.minf
}

// normalise propagates carries: all limbs but the last, which has the sign, are then in 0..2^32-1.
func (s *ExactSum) normalise() {
	var carry int64
	for i := range exactLimbs - 1 {
		v := s.limb[i] + carry
		s.limb[i], carry = v&limbMask, v>>32
	}
	s.limb[exactLimbs-1] += carry
	s.adds = 0
}

// Float64 is the sum, rounded once, half to even. It is NaN if a NaN, or both
// infinities, were added, and infinite if one was or if the sum is out of range.
// An exact zero is +0.
func (s *ExactSum) Float64() float64 {
	switch {
	case s.nan > 0 || s.inf > 0 && s.minf > 0:
		return math.NaN()
	case s.inf > 0:
		return math.Inf(1)
	case s.minf > 0:
		return math.Inf(-1)
	}
	t := *s
	t.normalise()
	var sign uint64
	if t.limb[exactLimbs-1] < 0 {
		sign = 1 << 63
		for i := range t.limb {
			t.limb[i] = -t.limb[i]
		}
		t.normalise()
	}
	top := exactLimbs - 1
	for top >= 0 && t.limb[top] == 0 {
		top--
	}
	if top < 0 {
		return 0
	}
	high := 32*top + bits.Len64(uint64(t.limb[top])) - 1 // the highest bit, of weight 2^(high-1074)
	if high <= 52 {
		return math.Float64frombits(sign | t.bits(0))
	}
	low := high - 52
	m := t.bits(low) & (1<<53 - 1)
	if t.bit(low-1) && (m&1 == 1 || t.anyBelow(low-1)) {
		m++ // a carry into bit 53 raises the exponent below
	}
	if high > 2046+52 {
		return math.Float64frombits(sign | 0x7ff<<52)
	}
	b := uint64(low)<<52 + m // the implicit bit of m makes the biased exponent low+1
	return math.Float64frombits(sign | min(b, 0x7ff<<52))
}

// bits is the 64 bits from bit at on.
func (s *ExactSum) bits(at int) uint64 {
	i, shift := at>>5, uint(at)&31
	limb := func(i int) uint64 {
		if i < exactLimbs {
			return uint64(s.limb[i])
		}
		return 0
	}
	return (limb(i)|limb(i+1)<<32)>>shift | limb(i+2)<<(64-shift)
}

func (s *ExactSum) bit(at int) bool { return s.limb[at>>5]>>(at&31)&1 == 1 }

// anyBelow reports whether a bit below at is set.
func (s *ExactSum) anyBelow(at int) bool {
	for _, v := range s.limb[:at>>5] {
		if v != 0 {
			return true
		}
	}
	return s.limb[at>>5]&(1<<(at&31)-1) != 0
}

// AllReduceExact makes sums[i] on every rank the sum over all ranks' sums[i].
// Len(sums) is the same on every rank.
func AllReduceExact(c Comm, sums []ExactSum) error {
	const words = exactLimbs + 3
	v := make([]int64, 0, words*len(sums))
	for i := range sums {
		s := &sums[i]
		s.normalise()
		v = append(append(v, s.limb[:]...), s.nan, s.inf, s.minf)
	}
	if err := AllReduce(c, v, Sum); err != nil {
		return err
	}
	for i := range sums {
		s, w := &sums[i], v[words*i:]
		copy(s.limb[:], w)
		s.nan, s.inf, s.minf = w[exactLimbs], w[exactLimbs+1], w[exactLimbs+2]
		s.normalise()
	}
	return nil
}
