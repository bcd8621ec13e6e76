package stages

import (
	"fmt"

	"deeprc/frame"
)

func init() {
	registerOperator[readCSV]("read_csv", "a CSV file with a header; each rank reads its share of the bytes")
}

type readCSV struct {
	Path    string   `toml:"path" default:"" doc:"the file"`
	Columns []string `toml:"columns" default:"[]" doc:"columns to read, in this order; empty: all"`
	Text    []string `toml:"text" default:"[]" doc:"columns that are text, whatever their cells look like, as identifiers"`
	NA      []string `toml:"na" default:"[]" doc:"cells that mean a missing value; empty: NA, NaN, nan, null, NULL, None, - and nothing"`
}

func (s *readCSV) Run(e *operatorEnv, _ *frame.Table) (*frame.Table, error) {
	if s.Path == "" {
		return nil, fmt.Errorf("path is not set: name a CSV file")
	}
	o := frame.CSVOptions{Columns: s.Columns, NA: s.NA, Types: map[string]frame.Type{}, Verbatim: s.Text, Memory: e.mem}
	if len(s.NA) == 0 {
		o.NA = nil
	}
	for _, c := range s.Text {
		o.Types[c] = frame.String
	}
	t, _, err := frame.ReadCSV(e.c, s.Path, o)
	return t, err
}
