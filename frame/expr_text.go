package frame

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// maxBlockText bounds the text that a function makes of one block's rows.
const maxBlockText = 1 << 30

// textTests are the operators of two texts.
var textTests = map[string]func(e *evaluation, s scope, a []lane) lane{
	"contains":   testTexts(bytes.Contains),
	"startsWith": testTexts(bytes.HasPrefix),
	"endsWith":   testTexts(bytes.HasSuffix),
}

func testTexts(test func(s, part []byte) bool) func(e *evaluation, s scope, a []lane) lane {
	return func(e *evaluation, _ scope, a []lane) lane {
		out := e.bools()
		for i := range out {
			out[i] = test(a[0].str(i), a[1].str(i))
		}
		return lane{b: out}
	}
}

// eachText makes a text for each row, which put appends to a buffer.
func (e *evaluation) eachText(s scope, put func(to []byte, i int) []byte) lane {
	out := lane{lo: e.ints(), hi: e.ints()}
	text := e.buffer()
	for i := range out.lo {
		out.lo[i] = int64(len(text))
		if s.null == nil || !s.null[i] {
			text = put(text, i)
		}
		if len(text) > maxBlockText {
			s.null, s.need = nil, nil
			e.fails(s, i, "the texts of %d rows become longer than 1 GiB", blockRows)
			text = text[:out.lo[i]]
		}
		out.hi[i] = int64(len(text))
	}
	out.text = e.keep(text)
	return out
}

func joinTexts(e *evaluation, s scope, a []lane) lane {
	return e.eachText(s, func(to []byte, i int) []byte { return append(append(to, a[0].str(i)...), a[1].str(i)...) })
}

func lowerTexts(e *evaluation, s scope, a []lane) lane { return e.eachRune(s, a, unicode.ToLower) }
func upperTexts(e *evaluation, s scope, a []lane) lane { return e.eachRune(s, a, unicode.ToUpper) }

func (e *evaluation) eachRune(s scope, a []lane, f func(rune) rune) lane {
	return e.eachText(s, func(to []byte, i int) []byte {
		for t := a[0].str(i); len(t) > 0; {
			c, n := utf8.DecodeRune(t)
			to = utf8.AppendRune(to, f(c))
			t = t[n:]
		}
		return to
	})
}

// trimTexts shares the text.
func trimTexts(e *evaluation, _ scope, a []lane) lane {
	out := lane{lo: e.ints(), hi: e.ints(), text: a[0].text}
	for i := range out.lo {
		t := a[0].str(i)
		from := len(t) - len(bytes.TrimLeftFunc(t, unicode.IsSpace))
		out.lo[i] = a[0].lo[i] + int64(from)
		out.hi[i] = out.lo[i] + int64(len(bytes.TrimRightFunc(t[from:], unicode.IsSpace)))
	}
	return out
}

func lenTexts(e *evaluation, _ scope, a []lane) lane {
	out := e.ints()
	for i := range out {
		out[i] = int64(utf8.RuneCount(a[0].str(i)))
	}
	return lane{i: out}
}

// substrTexts shares the text.
func substrTexts(e *evaluation, s scope, a []lane) lane {
	out := lane{lo: e.ints(), hi: e.ints(), text: a[0].text}
	for i := range out.lo {
		from, n := a[1].i[i], a[2].i[i]
		if from < 0 || n < 0 {
			e.fails(s, i, "substr from %d, %d characters: want numbers from 0", from, n)
		}
		t := a[0].str(i)
		at := skipRunes(t, from)
		out.lo[i] = a[0].lo[i] + int64(at)
		out.hi[i] = out.lo[i] + int64(skipRunes(t[at:], n))
	}
	return out
}

// skipRunes is the bytes of the first n characters, or of all.
func skipRunes(t []byte, n int64) int {
	at := 0
	for ; n > 0 && at < len(t); n-- {
		_, size := utf8.DecodeRune(t[at:])
		at += size
	}
	return at
}

// replaceTexts leaves a text as it is where old is empty.
func replaceTexts(e *evaluation, s scope, a []lane) lane {
	return e.eachText(s, func(to []byte, i int) []byte {
		t, old, by := a[0].str(i), a[1].str(i), a[2].str(i)
		if len(old) == 0 {
			return append(to, t...)
		}
		limit := maxBlockText + 1
		for len(to) < limit {
			k := bytes.Index(t, old)
			if k < 0 {
				break
			}
			to = append(append(to, t[:k]...), by...)
			t = t[k+len(old):]
		}
		return append(to, t...)
	})
}
