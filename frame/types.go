package frame

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
)

// Type is the type of a table's column.
type Type = arrow.DataType

// The types that readers of text infer. Timestamps are in µs, without a zone.
var (
	Int64     Type = arrow.PrimitiveTypes.Int64
	Float64   Type = arrow.PrimitiveTypes.Float64
	Bool      Type = arrow.FixedWidthTypes.Boolean
	Timestamp Type = &arrow.TimestampType{Unit: arrow.Microsecond}
	String    Type = arrow.BinaryTypes.LargeString
)

// plainTypes are the types without parameters, by name; some have a second one, Arrow's.
var plainTypes = map[string]Type{
	"bool": Bool, "int8": arrow.PrimitiveTypes.Int8, "int16": arrow.PrimitiveTypes.Int16, "int32": arrow.PrimitiveTypes.Int32,
	"int64": Int64, "uint8": arrow.PrimitiveTypes.Uint8, "uint16": arrow.PrimitiveTypes.Uint16, "uint32": arrow.PrimitiveTypes.Uint32,
	"uint64": arrow.PrimitiveTypes.Uint64, "float32": arrow.PrimitiveTypes.Float32, "float64": Float64,
	"string": String, "utf8": String, "large_utf8": String,
	"binary": arrow.BinaryTypes.LargeBinary, "large_binary": arrow.BinaryTypes.LargeBinary,
	"date": arrow.FixedWidthTypes.Date32, "date32": arrow.FixedWidthTypes.Date32, "date64": arrow.FixedWidthTypes.Date64,
	"timestamp": Timestamp,
	"time32[s]": arrow.FixedWidthTypes.Time32s, "time32[ms]": arrow.FixedWidthTypes.Time32ms,
	"time64[us]": arrow.FixedWidthTypes.Time64us, "time64[ns]": arrow.FixedWidthTypes.Time64ns,
	"duration[s]": arrow.FixedWidthTypes.Duration_s, "duration[ms]": arrow.FixedWidthTypes.Duration_ms,
	"duration[us]": arrow.FixedWidthTypes.Duration_us, "duration[ns]": arrow.FixedWidthTypes.Duration_ns,
}

var (
	timestampName = regexp.MustCompile(`^timestamp\[(s|ms|us|ns)(?:, *(?:tz=)?([A-Za-z0-9_+:/-]+))?\]$`)
	decimalName   = regexp.MustCompile(`^decimal(?:128)?\(([0-9]{1,2}), *([0-9]{1,2})\)$`)
)

// ParseType is the type of a name: bool, int8 … int64, uint8 … uint64, float32, float64,
// string, binary, date, timestamp (µs), timestamp[ms], timestamp[us, UTC], time32[s],
// time64[us], duration[s], decimal(10, 2); units are s, ms, us and ns. Arrow's own names of
// these types are taken too. The error of another name gives the nearest one.
func ParseType(name string) (Type, error) {
	if t, ok := plainTypes[name]; ok {
		return t, nil
	}
	if m := timestampName.FindStringSubmatch(name); m != nil {
		t := &arrow.TimestampType{Unit: timeUnits[m[1]], TimeZone: m[2]}
		if _, err := t.GetZone(); err != nil {
			return nil, fmt.Errorf("frame: type %s: no time zone %s is known", quote(name), quote(m[2]))
		}
		return t, nil
	}
	if m := decimalName.FindStringSubmatch(name); m != nil {
		p, _ := strconv.Atoi(m[1])
		s, _ := strconv.Atoi(m[2])
		if p < 1 || p > 38 || s > p {
			return nil, fmt.Errorf("frame: type %s: a decimal has 1 to 38 digits, and at most all of them behind the point", quote(name))
		}
		return &arrow.Decimal128Type{Precision: int32(p), Scale: int32(s)}, nil
	}
	names := append(sortedKeys(plainTypes), "timestamp[ms]", "timestamp[us, UTC]", "decimal(10, 2)")
	names = slices.DeleteFunc(names, func(n string) bool { return n == "utf8" || n == "large_utf8" || n == "large_binary" })
	msg := fmt.Sprintf("frame: no type %s", quote(name))
	if n, ok := Nearest(name, names); ok {
		msg += "; did you mean " + quote(n) + "?"
	}
	return nil, fmt.Errorf("%s; types: bool, int8 to int64, uint8 to uint64, float32, float64, string, binary, date, timestamp, timestamp[ms], timestamp[us, UTC], time32[s], time64[us], duration[s], decimal(10, 2)", msg)
}

var timeUnits = map[string]arrow.TimeUnit{"s": arrow.Second, "ms": arrow.Millisecond, "us": arrow.Microsecond, "ns": arrow.Nanosecond}
