package frame

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// hiveNull is the value of a folder for rows where the key is missing.
const hiveNull = "__HIVE_DEFAULT_PARTITION__"

// hiveKey is a column whose cells stand in the names of folders, key=value.
type hiveKey struct {
	name   string
	typ    arrow.DataType // int64 if all values are integers, else large_string
	values []*string      // of each file; nil where it is missing
}

// hiveKeys finds the keys in the paths of files, in the order of their folders. Names and
// values are percent-decoded. All files have the same keys or none.
func hiveKeys(files []string) ([]hiveKey, error) {
	var keys []hiveKey
	for i, f := range files {
		n := 0
		for _, folder := range strings.Split(filepath.ToSlash(filepath.Dir(f)), "/") {
			name, value, ok := strings.Cut(folder, "=")
			if !ok || name == "" {
				continue
			}
			name, err := url.PathUnescape(name)
			if err == nil {
				value, err = url.PathUnescape(value)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: folder %s: %w", f, quote(folder), err)
			}
			if i == 0 {
				for _, k := range keys {
					if k.name == name {
						return nil, fmt.Errorf("%s: two folders have the key %s", f, quote(name))
					}
				}
				keys = append(keys, hiveKey{name: name, values: make([]*string, len(files))})
			}
			if n >= len(keys) || keys[n].name != name {
				return nil, fmt.Errorf("%s: its folder %s is no key in the path of %s", f, quote(folder), files[0])
			}
			if value != hiveNull {
				keys[n].values[i] = &value
			}
			n++
		}
		if n < len(keys) {
			return nil, fmt.Errorf("%s: no folder in its path has the key %s, unlike %s", f, quote(keys[n].name), files[0])
		}
	}
	for k := range keys {
		keys[k].typ = arrow.PrimitiveTypes.Int64
		for _, v := range keys[k].values {
			if v == nil {
				continue
			}
			if n, err := strconv.ParseInt(*v, 10, 64); err != nil || strconv.FormatInt(n, 10) != *v {
				keys[k].typ = arrow.BinaryTypes.LargeString
				break
			}
		}
	}
	return keys, nil
}

// column is n rows with the key's value for a file.
func (k *hiveKey) column(m *Memory, file, n int) arrow.Array {
	v := k.values[file]
	switch {
	case v == nil:
		return missingColumn(m, k.typ, n)
	case k.typ.ID() == arrow.INT64:
		x, err := strconv.ParseInt(*v, 10, 64)
		if err != nil {
			panic(err) // it was looked at
		}
		b := newBuffer(m, n*8)
		cells := view[int64](b)
		for i := range cells[:n] {
			cells[i] = x
		}
		return newArray(k.typ, n, 0, nil, b)
	}
	off, text := newBuffer(m, (n+1)*8), newBuffer(m, n*len(*v))
	ends := view[int64](off)
	for i := range n {
		ends[i+1] = int64((i + 1) * len(*v))
		copy(text.Bytes()[i*len(*v):], *v)
	}
	return newArray(k.typ, n, 0, nil, off, text)
}

// isFolderKey reports whether cells of a type can name folders.
func isFolderKey(dt arrow.DataType) bool {
	switch id := dt.ID(); id {
	case arrow.LARGE_STRING, arrow.BOOL, arrow.DATE32:
		return true
	default:
		return arrow.IsInteger(id)
	}
}

// hiveFolder is the name of the folder of rows with a key's cell. Bytes that are not safe in
// a name are percent-encoded.
func hiveFolder(key string, a arrow.Array, row int) (string, error) {
	name := hiveEscape(key) + "="
	switch a := a.(type) {
	case *array.LargeString:
		v := a.Value(row)
		if a.IsValid(row) && v == hiveNull {
			return "", fmt.Errorf("key column %s has the text %s, which means a missing cell", quote(key), hiveNull)
		}
		name += hiveEscape(v)
	case *array.Boolean, *array.Date32, *array.Int8, *array.Int16, *array.Int32, *array.Int64, *array.Uint8, *array.Uint16, *array.Uint32, *array.Uint64:
		name += hiveEscape(a.ValueStr(row))
	default:
		panic("frame: no folder key of type " + a.DataType().String())
	}
	if a.IsNull(row) {
		return hiveEscape(key) + "=" + hiveNull, nil
	}
	return name, nil
}

func hiveEscape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c >= 0x80:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
