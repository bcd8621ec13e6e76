package frame

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
)

func TestParseType(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"int8", "int8"}, {" uint64 ", "uint64"}, {"float32", "float32"}, {"bool", "bool"}, {"string", "large_utf8"}, {"date", "date32"},
		{"timestamp", "timestamp[us]"}, {"timestamp[s]", "timestamp[s]"}, {"timestamp[ns, UTC]", "timestamp[ns, tz=UTC]"},
		{"timestamp[ms,Europe/Vienna]", "timestamp[ms, tz=Europe/Vienna]"}, {"timestamp[us, +01:30]", "timestamp[us, tz=+01:30]"},
		{"decimal128(10, 2)", "decimal(10, 2)"},
		{"int23", `frame: no type "int23"; did you mean int16?; types: ` + typeForms},
		{"timestamp[h]", `frame: type "timestamp[h]": a timestamp is written timestamp[us] or timestamp[us, UTC], its unit is s, ms, us or ns`},
		{"timestamp[us,]", `frame: type "timestamp[us,]": a timestamp is written timestamp[us] or timestamp[us, UTC], its unit is s, ms, us or ns`},
		{"timestamp[us, Europe/Wien]", `frame: type "timestamp[us, Europe/Wien]": the time zone "Europe/Wien" is not known; is the tzdata package installed?`},
		{"decimal128(40, 2)", `frame: type "decimal128(40, 2)": want decimal128(precision, scale), precision from 1 to 38, scale from 0 to precision`},
	} {
		dt, err := ParseType(c.name)
		got := fmt.Sprint(err)
		if err == nil {
			got = dt.String()
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func FuzzParseType(f *testing.F) {
	for _, s := range []string{"int8", "timestamp[us, UTC]", "decimal128(3, 1)", "timestamp[", "decimal128(", "timestamp[us, ../x]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		dt, err := ParseType(s)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "frame: ") {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if to, ok := columnType(dt); !ok || !arrow.TypeEqual(to, dt) {
			t.Errorf("%q: %s is no type of a column", s, dt)
		}
	})
}
