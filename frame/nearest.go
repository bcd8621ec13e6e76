package frame

import (
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// maxNearest is the longest word, in bytes, that [Nearest] compares; edit
// distance costs the product of two lengths.
const maxNearest = 200

// Nearest returns the element of among that word was probably meant to be:
// the one at the smallest edit distance, letter case apart, the first of
// equals. It returns false where none is nearer than one edit in three letters
// (rounded up).
func Nearest(word string, among []string) (string, bool) {
	if len(word) > maxNearest {
		return "", false
	}
	w := strings.ToLower(word)
	best, dist := "", (utf8.RuneCountInString(w)+2)/3+1
	for _, a := range among {
		if len(a) > maxNearest {
			continue
		}
		if d := levenshtein.ComputeDistance(w, strings.ToLower(a)); d < dist {
			best, dist = a, d
		}
	}
	return best, best != ""
}

// noColumn says that name is not among the columns of what, in words that end a
// search: the nearest name and the names there are.
func noColumn(name string, among []string) string {
	msg := "no column " + quote(name)
	if n, ok := Nearest(name, among); ok {
		msg += "; did you mean " + quote(n) + "?"
	}
	return msg + "; columns: " + list(among)
}
