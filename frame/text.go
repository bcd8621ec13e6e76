package frame

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxQuoted = 40 // bytes of a cell or name that an error message repeats
	maxListed = 20 // names that an error message lists
)

// quote is s as a Go string literal, cut to a length that fits a message.
func quote(s string) string {
	if len(s) <= maxQuoted {
		return strconv.Quote(s)
	}
	n := maxQuoted
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strconv.Quote(s[:n]) + "…"
}

// list is names for a message, cut after maxListed of them.
func list(names []string) string {
	short := make([]string, 0, maxListed)
	for _, n := range names[:min(len(names), maxListed)] {
		if n == "" || len(n) > maxQuoted || strings.ContainsAny(n, ", \"\n\r") {
			n = quote(n)
		}
		short = append(short, n)
	}
	s := strings.Join(short, ", ")
	if len(names) > maxListed {
		s += fmt.Sprintf(", … (%d in all)", len(names))
	}
	return s
}

// plural is "1 field" or "3 fields".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// bare is err without the name of the file, for messages that begin with another.
func bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
