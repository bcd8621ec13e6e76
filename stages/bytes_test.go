package stages

import "testing"

func TestParseBytes(t *testing.T) {
	for s, want := range map[string]int64{"": 0, "1": 1, "500MB": 500e6, "1.5 GiB": 3 << 29, "2KiB": 2048} {
		if got, err := parseBytes(s); err != nil || got != want {
			t.Errorf("%q is %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"x", "1XB", "-1", "1e9", "0", "99999999TB", ".", "NaN"} {
		if got, err := parseBytes(s); err == nil {
			t.Errorf("%q is %d", s, got)
		}
	}
}
