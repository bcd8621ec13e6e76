package stages

import (
	"fmt"
	"strings"
)

// A place is where a key begins in a text: line and column, in bytes, from 1.
type place struct{ line, col int }

// keyPlaces finds the place of every key path of a valid TOML text; the elements
// of an array of tables count from 0, as in "model.0.net".
func keyPlaces(text string) map[string]place {
	places, table, count := map[string]place{}, "", map[string]int{}
	for i, l := range strings.Split(text, "\n") {
		at := place{i + 1, len(l) - len(strings.TrimLeft(l, " \t")) + 1}
		note := func(path string) {
			if _, ok := places[path]; !ok {
				places[path] = at
			}
		}
		l = strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(l, "[["):
			name := cleanKey(strings.Trim(strings.SplitN(l, "]", 2)[0], "["))
			table = fmt.Sprintf("%s.%d", name, count[name])
			count[name]++
			note(name)
			note(table)
		case strings.HasPrefix(l, "["):
			name := cleanKey(strings.Trim(strings.SplitN(l, "]", 2)[0], "["))
			if first, rest, ok := strings.Cut(name, "."); ok && count[first] > 0 {
				name = fmt.Sprintf("%s.%d.%s", first, count[first]-1, rest)
			}
			table = name
			note(table)
		case strings.Contains(l, "=") && !strings.HasPrefix(l, "#"):
			key, _, _ := strings.Cut(l, "=")
			note(strings.TrimPrefix(table+"."+cleanKey(key), "."))
		}
	}
	return places
}

func cleanKey(s string) string {
	parts := strings.Split(s, ".")
	for i, p := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(p), `"'`)
	}
	return strings.Join(parts, ".")
}

// element is the place of a text in quotes within the value of the key at p, or p.
func (p place) element(text, elem string) place {
	lines := strings.Split(text, "\n")
	for i := p.line - 1; i >= 0 && i < len(lines); i++ {
		l, from := lines[i], 0
		if i == p.line-1 {
			from = p.col - 1
		}
		for _, quote := range []string{`"`, "'"} {
			if k := strings.Index(l[from:], quote+elem+quote); k >= 0 {
				return place{i + 1, from + k + 1}
			}
		}
		if strings.Contains(l[from:], "]") { // the list ends
			break
		}
	}
	return p
}
