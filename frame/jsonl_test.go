package frame

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"deeprc/collective"
)

// readObjects reads files on n ranks: the rows, and the columns' names and types.
func readObjects(t testing.TB, n int, paths []string, o JSONLOptions) (rows []string, columns string, err error) {
	t.Helper()
	parts, schemas := make([][]string, n), make([]string, n)
	err = collective.RunLocal(n, func(c collective.Comm) error {
		o := o
		o.Memory = checked(t)
		tab, stats, err := ReadJSONL(c, paths, o)
		if err != nil {
			return err
		}
		defer tab.Release()
		if stats.Rows != int64(tab.NumRows()) {
			return fmt.Errorf("stats say %d rows, the table has %d", stats.Rows, tab.NumRows())
		}
		schemas[c.Rank()] = strings.ReplaceAll(strings.TrimSpace(schemaText(tab.Schema())), "\n", ", ")
		for _, r := range tab.Chunks() {
			parts[c.Rank()] = append(parts[c.Rank()], rowsOf(r)...)
		}
		return nil
	})
	for r, s := range schemas {
		if err == nil && s != schemas[0] {
			t.Fatalf("rank %d has columns %s, rank 0 %s", r, s, schemas[0])
		}
	}
	return slices.Concat(parts...), schemas[0], err
}

func TestReadJSONL(t *testing.T) {
	text := "\ufeff" + `{"a": 1, "s": "x\n\u00fc", "t": "2020-01-02", "b": true}` + "\n\n" +
		` { "b":false,"f":-1.5e1 , "s":"","a":null}` + "\r\n" +
		`{}` + "\n" +
		`{"t":"2020-01-02T03:04:05Z","a":-3,"f":2,"none":null}`
	for _, name := range []string{"t.jsonl", "t.ndjson.gz"} {
		b := []byte(text)
		if strings.HasSuffix(name, ".gz") {
			b = gzipOf(t, text)
		}
		path := writeFile(t, name, string(b))
		for _, n := range append(ranksOfTest, 8) {
			rows, columns, err := readObjects(t, n, []string{filepath.Dir(path)}, JSONLOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if want := `"a" int64, "s" large_utf8, "t" timestamp[us], "b" bool, "f" float64, "none" float64`; columns != want {
				t.Errorf("%d ranks: columns %s\nwant %s", n, columns, want)
			}
			same(t, fmt.Sprintf("%s on %d ranks", name, n), rows, []string{
				"1 | x\nü | 2020-01-02 00:00:00Z | true | (null) | (null)",
				"(null) |  | (null) | false | -15 | (null)",
				"(null) | (null) | (null) | (null) | (null) | (null)",
				"-3 | (null) | 2020-01-02 03:04:05Z | (null) | 2 | (null)",
			})
			rows, columns, err = readObjects(t, n, []string{path}, JSONLOptions{Columns: []string{"f", "a"}, Types: map[string]Type{"a": typeOf(t, "int8")},
				ID: "file", IDPattern: "{id}.*", Start: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Step: time.Hour})
			if err != nil || columns != `"file" large_utf8, "date" timestamp[us], "f" float64, "a" int8` {
				t.Fatalf("%v: columns %s", err, columns)
			}
			same(t, fmt.Sprintf("%s on %d ranks", name, n), rows, []string{"t | 2000-01-01 00:00:00Z | (null) | 1", "t | 2000-01-01 01:00:00Z | -15 | (null)",
				"t | 2000-01-01 02:00:00Z | (null) | (null)", "t | 2000-01-01 03:00:00Z | 2 | -3"})
		}
	}
}

func typeOf(t testing.TB, name string) Type {
	t.Helper()
	typ, err := ParseType(name)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

// What is written of random tables comes back, from any number of ranks to any number.
func TestJSONLRoundTrip(t *testing.T) {
	for _, rows := range []int{1, 40, 500} {
		rec := finite(someTable(nil, rand.New(rand.NewPCG(uint64(rows), 8)), rows, 20))
		o := JSONLOptions{Types: map[string]Type{}}
		for _, f := range rec.Schema().Fields() {
			o.Types[f.Name] = f.Type
		}
		for _, n := range ranksOfTest {
			folder := filepath.Join(t.TempDir(), "parts")
			err := collective.RunLocal(n, func(c collective.Comm) error {
				tab := cut(c, checked(t), rec, uint64(n))
				defer tab.Release()
				return WriteJSONL(c, tab, folder, JSONLWriteOptions{})
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, readers := range ranksOfTest {
				got, _, err := readObjects(t, readers, []string{folder}, o)
				if err != nil {
					t.Fatal(err)
				}
				same(t, fmt.Sprintf("%d rows written on %d ranks, read on %d", rows, n, readers), got, rowsOf(rec))
			}
		}
	}
}

// A table of every type is read as it was written.
func TestJSONLTypes(t *testing.T) {
	schema, recs := allTypes()
	m := checked(t)
	want := tableOf(t, m, schema, recs)
	defer want.Release()
	path := filepath.Join(t.TempDir(), "t.jsonl")
	c := collective.Local(1)[0]
	if err := WriteJSONLFile(c, want, path); err != nil {
		t.Fatal(err)
	}
	o := JSONLOptions{Types: map[string]Type{}, Memory: m}
	for _, f := range want.schema.Fields() {
		o.Types[f.Name] = f.Type
	}
	got, _, err := ReadJSONL(c, []string{path}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Release()
	sameRows(t, got, want)
}

func TestReadJSONLWidens(t *testing.T) {
	var b strings.Builder
	var want []string
	for i := range 5000 {
		v := fmt.Sprint(i)
		if i == 4990 {
			v = "0.5"
		}
		want = append(want, v)
		fmt.Fprintf(&b, "{\"v\":%s}\n", v)
	}
	path := writeFile(t, "t.jsonl", b.String())
	for _, n := range []int{1, 3} {
		got, columns, err := readObjects(t, n, []string{path}, JSONLOptions{})
		if err != nil || columns != `"v" float64` {
			t.Fatalf("%v: %s", err, columns)
		}
		same(t, fmt.Sprintf("%d ranks", n), got, want)
	}
}

func TestReadJSONLErrors(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("{\"a\":1,\"s\":\"x\"}\n", n) }
	for _, e := range []struct {
		text, want string
		o          JSONLOptions
	}{
		{lines(40) + "{\"a\":[1]}\n" + lines(9), `FILE:41: key "a": the value is nested, which a column cannot be; flatten it, or read other columns only`, JSONLOptions{}},
		{lines(2) + "{\"a\":\"b\"}\n", `FILE:3: key "a": "b" is text, but the column holds a number`, JSONLOptions{}},
		{lines(2) + "{\"s\":2}\n", `FILE:3: key "s": "2" is a number, but the column holds text`, JSONLOptions{}},
		{lines(2) + "{\"a\":2.5}\n", `FILE:3: key "a": "2.5" is not a whole number of 64 bits`, JSONLOptions{Types: map[string]Type{"a": Int64}}},
		{lines(2) + "{\"a\":1,\"a\":2}\n", `FILE:3: key "a" is there twice`, JSONLOptions{}},
		{lines(6000) + "{\"b\":1}\n", `FILE:6001: key "b" is not in the first 1000 objects of any rank; give its type, or the columns to read`, JSONLOptions{}},
		{lines(1) + "[1]\n", `FILE:2: the file is a JSON array, want an object a line; convert it, for example with jq -c .[]`, JSONLOptions{}},
		{lines(1) + "{\n", `FILE:2: the object does not end on its line; write each on one line, as jq -c . does`, JSONLOptions{}},
		{lines(1) + "{\"a\":1} x\n", `FILE:2: something follows the object on its line`, JSONLOptions{}},
		{lines(1) + "{\"a\":1 \"s\":2}\n", `FILE:2: want a comma or the end of the object`, JSONLOptions{}},
		{lines(1) + "{a:1}\n", `FILE:2: want a key in quotes and a colon`, JSONLOptions{}},
		{lines(1) + "{\"a\":01}\n", `FILE:2: key "a": want a JSON value: a number, text in quotes, true, false or null`, JSONLOptions{}},
		{lines(1) + "{\"s\":\"\\x\"}\n", `FILE:2: key "s": the text holds a control character, a wrong escape or bytes that are not UTF-8`, JSONLOptions{}},
		{lines(1) + "a,b\n", `FILE:2: want a JSON object a line, as {"a": 1}`, JSONLOptions{}},
		{lines(1) + "{\"s\":\"\x00\"}\n", `FILE:2: holds a NUL byte: this is a binary or UTF-16 file, not JSON lines in UTF-8`, JSONLOptions{}},
		{lines(1), `frame: read JSON lines: no object has the key: no column "aa"; did you mean "a"?; columns: a, s`, JSONLOptions{Columns: []string{"aa"}}},
		{lines(1), `frame: read JSON lines: column "a" is asked for twice`, JSONLOptions{Columns: []string{"a", "a"}}},
		{lines(1), `FILE: the objects have a key "a", so that no column of that name can be added`, JSONLOptions{ID: "a"}},
		{"\n", `FILE: no object has a key, so that the table would have no columns; give their types`, JSONLOptions{}},
	} {
		path := writeFile(t, "t.jsonl", e.text)
		want := strings.ReplaceAll(e.want, "FILE", path)
		for _, n := range []int{1, 3} {
			if _, _, err := readObjects(t, n, []string{path}, e.o); text(err) != want {
				t.Errorf("%d ranks:\n got %s\nwant %s", n, text(err), want)
			}
		}
	}
	path := writeFile(t, "t.jsonl", "\n")
	rows, columns, err := readObjects(t, 3, []string{path}, JSONLOptions{Types: map[string]Type{"a": Int64}})
	if err != nil || len(rows) > 0 || columns != `"a" int64` {
		t.Errorf("a file without objects: %v: %d rows of %s", err, len(rows), columns)
	}
}

// FuzzJSONLine: a line is an object exactly where encoding/json takes it for one, with the same members.
func FuzzJSONLine(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, ` {"a" : -0.5e+7 , "b":"x\u00e9\ud83d\ude00\n", "c":[1,{"d":"}"}],"e":null,"f":true}`, `{"a":01}`, `{"a":1,}`, `[1]`, `{"a"`, `{"a":"\ud800"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n") || strings.ToValidUTF8(line, "") != line || strings.TrimSpace(line) == "" {
			return
		}
		got, err := members(line)
		want, werr := reference(line)
		if (err == nil) != (werr == nil) {
			t.Fatalf("%q: %v, but encoding/json %v", line, err, werr)
		}
		if err == nil && !slices.Equal(got, want) {
			t.Fatalf("%q: %q, want %q", line, got, want)
		}
	})
}

func members(line string) (out []string, err error) {
	var s jsonLine
	if err := s.open([]byte(line)); err != nil {
		return nil, err
	}
	for {
		key, more, err := s.key()
		if err != nil || !more {
			return out, err
		}
		out = append(out, string(key))
		v, kind, err := s.value()
		if err != nil {
			return nil, err
		}
		out = append(out, fmt.Sprint(kind)+string(v))
	}
}

func reference(line string) (out []string, err error) {
	d := json.NewDecoder(strings.NewReader(line))
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return nil, errors.Join(err, errNoObject)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, err
		}
		kind, v := jsonNumber, string(raw)
		switch raw[0] {
		case '"':
			var text string
			if err := json.Unmarshal(raw, &text); err != nil {
				return nil, err
			}
			kind, v = jsonText, text
		case '{', '[':
			kind = jsonNested
		case 'n':
			kind = jsonNull
		case 't', 'f':
			kind = jsonBool
		}
		out = append(out, key.(string), fmt.Sprint(kind)+v)
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errAfter
	}
	return out, nil
}

// FuzzReadJSONL: two ranks and one return the same table, or both an error that names the file.
func FuzzReadJSONL(f *testing.F) {
	f.Add("{\"a\":1,\"b\":\"x\"}\n{\"b\":\"2020-01-01\"}\r\n\n{\"a\":2.5,\"c\":null}")
	f.Add("{\"a\":true}\n{\"a\":1}\n[\n")
	f.Fuzz(func(t *testing.T, s string) {
		path := writeFile(t, "t.jsonl", s)
		one, c1, err1 := readObjects(t, 1, []string{path}, JSONLOptions{})
		two, c2, err2 := readObjects(t, 2, []string{path}, JSONLOptions{})
		if (err1 == nil) != (err2 == nil) || c1 != c2 || !slices.Equal(one, two) {
			t.Fatalf("one rank: %s %q, %v; two ranks: %s %q, %v", c1, one, err1, c2, two, err2)
		}
		if err1 != nil && !strings.HasPrefix(err1.Error(), path) {
			t.Fatalf("error without the file: %v", err1)
		}
	})
}
