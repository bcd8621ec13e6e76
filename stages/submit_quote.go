package stages

import (
	"errors"
	"fmt"
	"strings"
)

// plain reports whether no shell and no scheduler gives the character a meaning.
func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("_-./:,=@+", c) >= 0
}

// shellQuote is s as one word of bash, on one line whatever s holds: no line of it can be taken for a directive. A zero byte, which no
// argument can hold, is an error.
func shellQuote(s string) (string, error) {
	bare, control := s != "", false
	for i := range len(s) {
		c := s[i]
		if c == 0 {
			return "", fmt.Errorf("%q has a zero byte", s)
		}
		bare = bare && plain(c) && c != '='
		control = control || c < ' ' || c == 0x7f
	}
	switch {
	case bare:
		return s, nil
	case !control:
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'", nil
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			fallthrough
		default:
			b.WriteByte(c)
		}
	}
	b.WriteString("'")
	return b.String(), nil
}

// maxDirective bounds a value in a directive: sbatch and qsub read lines into buffers of a few KiB.
const maxDirective = 1000

// directiveQuote is s as one word of a #SBATCH or #PBS line. Both read quotes, and outside of them a backslash before any character but
// a space (Slurm's sbatch opt.c, OpenPBS's qsub.c make_argv). A line break cannot be written there, and a backslash at a line's end joins
// the next.
func directiveQuote(s string) (string, error) {
	switch {
	case len(s) > maxDirective:
		return "", fmt.Errorf("%.40q…: longer than %d bytes", s, maxDirective)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", fmt.Errorf("%q: a line of a job script cannot hold line breaks and control characters", s)
	case strings.HasSuffix(s, `\`):
		return "", fmt.Errorf("%q ends in a backslash", s)
	case s == "":
		return "", errors.New("it is empty")
	}
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ':
			b.WriteString(`" "`)
		case !plain(c) && c < 0x80:
			b.WriteByte('\\')
			fallthrough
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}
