package frame

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
)

// typeNames are the types that have no parameters.
var typeNames = map[string]arrow.DataType{
	"bool": arrow.FixedWidthTypes.Boolean,
	"int8": arrow.PrimitiveTypes.Int8, "int16": arrow.PrimitiveTypes.Int16, "int32": arrow.PrimitiveTypes.Int32, "int64": arrow.PrimitiveTypes.Int64,
	"uint8": arrow.PrimitiveTypes.Uint8, "uint16": arrow.PrimitiveTypes.Uint16, "uint32": arrow.PrimitiveTypes.Uint32, "uint64": arrow.PrimitiveTypes.Uint64,
	"float32": arrow.PrimitiveTypes.Float32, "float64": arrow.PrimitiveTypes.Float64,
	"string": arrow.BinaryTypes.LargeString, "date": arrow.FixedWidthTypes.Date32, "timestamp": &arrow.TimestampType{Unit: arrow.Microsecond},
}

var timeUnits = map[string]arrow.TimeUnit{"s": arrow.Second, "ms": arrow.Millisecond, "us": arrow.Microsecond, "ns": arrow.Nanosecond}

const typeForms = "bool, int8 to int64, uint8 to uint64, float32, float64, string, date, timestamp, timestamp[s], timestamp[us, UTC] (units s, ms, us, ns), decimal128(10, 2)"

// ParseType reads the name of a column's type: bool, int8 … int64, uint8 … uint64, float32, float64, string,
// date (days), timestamp (in µs, without a zone), timestamp[unit] and timestamp[unit, zone] with the units s, ms,
// us and ns and zones such as UTC, Europe/Vienna or +01:00, and decimal128(precision, scale).
func ParseType(name string) (arrow.DataType, error) {
	s := strings.TrimSpace(name)
	if dt := typeNames[s]; dt != nil {
		return dt, nil
	}
	if in, ok := strings.CutPrefix(s, "timestamp["); ok && strings.HasSuffix(in, "]") {
		u, zone, zoned := strings.Cut(strings.TrimSuffix(in, "]"), ",")
		unit, known := timeUnits[strings.TrimSpace(u)]
		zone = strings.TrimSpace(zone)
		if !known || zoned && zone == "" {
			return nil, fmt.Errorf("frame: type %s: a timestamp is written timestamp[us] or timestamp[us, UTC], its unit is s, ms, us or ns", quote(name))
		}
		dt := &arrow.TimestampType{Unit: unit, TimeZone: zone}
		if _, err := zoneOf(dt); err != nil {
			return nil, fmt.Errorf("frame: type %s: %w", quote(name), err)
		}
		return dt, nil
	}
	if in, ok := strings.CutPrefix(s, "decimal128("); ok && strings.HasSuffix(in, ")") {
		p, q, _ := strings.Cut(strings.TrimSuffix(in, ")"), ",")
		precision, err1 := strconv.Atoi(strings.TrimSpace(p))
		scale, err2 := strconv.Atoi(strings.TrimSpace(q))
		if err1 != nil || err2 != nil || precision < 1 || precision > 38 || scale < 0 || scale > precision {
			return nil, fmt.Errorf("frame: type %s: want decimal128(precision, scale), precision from 1 to 38, scale from 0 to precision", quote(name))
		}
		return &arrow.Decimal128Type{Precision: int32(precision), Scale: int32(scale)}, nil
	}
	hint := ""
	if near, ok := Nearest(s, append(sortedKeys(typeNames), "decimal128")); ok {
		hint = "; did you mean " + near + "?"
	}
	return nil, fmt.Errorf("frame: no type %s%s; types: %s", quote(name), hint, typeForms)
}
