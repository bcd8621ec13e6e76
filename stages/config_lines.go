package stages

import (
	"fmt"
	"strings"
)

// keyLines finds the line of every key path of a valid TOML text; the elements
// of an array of tables count from 0, as in "model.0.net".
func keyLines(text string) map[string]int {
	lines, table, count := map[string]int{}, "", map[string]int{}
	note := func(path string, n int) {
		if _, ok := lines[path]; !ok {
			lines[path] = n
		}
	}
	for i, l := range strings.Split(text, "\n") {
		l = strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(l, "[["):
			name := cleanKey(strings.Trim(strings.SplitN(l, "]", 2)[0], "["))
			table = fmt.Sprintf("%s.%d", name, count[name])
			count[name]++
			note(name, i+1)
			note(table, i+1)
		case strings.HasPrefix(l, "["):
			name := cleanKey(strings.Trim(strings.SplitN(l, "]", 2)[0], "["))
			if first, rest, ok := strings.Cut(name, "."); ok && count[first] > 0 {
				name = fmt.Sprintf("%s.%d.%s", first, count[first]-1, rest)
			}
			table = name
			note(table, i+1)
		case strings.Contains(l, "=") && !strings.HasPrefix(l, "#"):
			key, _, _ := strings.Cut(l, "=")
			note(strings.TrimPrefix(table+"."+cleanKey(key), "."), i+1)
		}
	}
	return lines
}

func cleanKey(s string) string {
	parts := strings.Split(s, ".")
	for i, p := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(p), `"'`)
	}
	return strings.Join(parts, ".")
}
