package stages

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// byteUnits are what may follow a number of bytes.
var byteUnits = map[string]float64{"": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

// parseBytes reads a size such as 8GiB; an empty one is 0.
func parseBytes(s string) (int64, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, nil
	}
	i := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if i < 0 {
		i = len(s)
	}
	f, err := strconv.ParseFloat(s[:i], 64)
	unit, ok := byteUnits[strings.TrimSpace(s[i:])]
	if err != nil || !ok {
		return 0, errors.New("want a size such as 500MB or 8GiB (units: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB)")
	}
	if f *= unit; f < 1 || f > math.MaxInt64/2 {
		return 0, fmt.Errorf("is %g bytes: want at least 1 and fewer than 2⁶²", f)
	}
	return int64(f), nil
}

// binaryText is a size for people in the units of memory, as parseBytes reads them.
func binaryText(n int64) string { return scaledText(n, 1024, 4, "B", "KiB", "MiB", "GiB", "TiB") }

// decimalText is a size for people in the units of files.
func decimalText(n int64) string { return scaledText(n, 1000, 3, " B", " kB", " MB", " GB", " TB") }

// scaledText is n in the largest of units, each base of the one before, of which n has one, or the last, to some digits.
func scaledText(n int64, base float64, digits int, units ...string) string {
	f := float64(n)
	for f >= base && len(units) > 1 {
		f, units = f/base, units[1:]
	}
	return fmt.Sprintf("%.*g%s", digits, f, units[0])
}
