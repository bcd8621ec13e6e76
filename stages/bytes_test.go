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

func TestBinaryText(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 1023: "1023B", 1 << 10: "1KiB", 3 << 29: "1.5GiB", 900 << 40: "900TiB", 5000 << 40: "5000TiB"} {
		if got := binaryText(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
