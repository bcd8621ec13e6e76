package stages

import (
	"os/exec"
	"strings"
	"testing"
)

// hostile are values that a shell or a scheduler could take for something else.
var hostile = []string{"plain", "", "two words", "$(touch /tmp/owned)", "`id`", "a;b", "a'b", `a"b`, "a\nb", "\n#SBATCH --uid=0\n", "\t", `back\slash`, `end\`,
	"$HOME", "${x:-y}", "*", "?", "[a]", "~", "#x", "a #x", "--flag", "-", "!!", "a&b", "a|b", "<x", ">x", "{a,b}", "(x)", "é ß 漢字", "\x7f", "\x01\x1b[31m", "\xff\xfe",
	"%j", "$'\\n'", "a=b", "=", strings.Repeat("x", 900)}

// bashWords is what bash makes of text as the words of a command.
func bashWords(t testing.TB, text string) []string {
	out, err := exec.Command("bash", "--norc", "-c", `printf '%s\0' `+text).Output()
	if err != nil {
		t.Fatalf("bash: %v, of %q", err, text)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

func checkShellQuote(t testing.TB, s string) {
	q, err := shellQuote(s)
	if strings.Contains(s, "\x00") {
		if err == nil {
			t.Errorf("%q was quoted, as %s", s, q)
		}
		return
	}
	if err != nil || strings.ContainsAny(q, "\n\r") {
		t.Fatalf("%q: %q, %v", s, q, err)
	}
	if got := bashWords(t, q+" end"); len(got) != 2 || got[0] != s || got[1] != "end" {
		t.Errorf("%q is quoted as %s, of which bash makes %q", s, q, got)
	}
}

func TestShellQuote(t *testing.T) {
	for _, s := range append(hostile, "zero\x00byte") {
		checkShellQuote(t, s)
	}
	for c := range 256 {
		checkShellQuote(t, "a"+string([]byte{byte(c)})+"b")
	}
}

func FuzzShellQuote(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkShellQuote(t, s) })
}

// directiveWords splits a line by what sbatch (opt.c) and qsub (make_argv) have in common: a backslash before any character but a space,
// and quotes around spaces. What they read differently, a backslash in quotes, a # and a space behind a backslash, is an error.
func directiveWords(line string) (words []string) {
	word, any := []byte{}, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line) && line[i+1] != ' ':
			i++
			word, any = append(word, line[i]), true
		case c == '"':
			n := strings.IndexByte(line[i+1:], '"')
			if n < 0 || strings.Trim(line[i+1:][:n], " ") != "" {
				return append(words, "BAD QUOTES")
			}
			word, any = append(word, line[i+1:][:n]...), true
			i += n + 1
		case c == '\'' || c == '#' || c == '\n' || c == '\\':
			return append(words, "UNQUOTED "+string(c))
		case c == ' ':
			if any {
				words = append(words, string(word))
			}
			word, any = nil, false
		default:
			word, any = append(word, c), true
		}
	}
	if any {
		words = append(words, string(word))
	}
	return words
}

func checkDirectiveQuote(t testing.TB, s string) {
	q, err := directiveQuote(s)
	cannot := s == "" || len(s) > maxDirective || strings.HasSuffix(s, `\`) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
	if cannot != (err != nil) {
		t.Errorf("%q: %q, %v", s, q, err)
	}
	if err != nil {
		return
	}
	if got := directiveWords("--option=" + q + " end"); len(got) != 2 || got[0] != "--option="+s || got[1] != "end" {
		t.Errorf("%q is quoted as %s, of which a scheduler makes %q", s, q, got)
	}
}

func TestDirectiveQuote(t *testing.T) {
	for _, s := range append(hostile, strings.Repeat("y", maxDirective+1)) {
		checkDirectiveQuote(t, s)
	}
}

func FuzzDirectiveQuote(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkDirectiveQuote(t, s) })
}
