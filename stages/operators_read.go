package stages

import (
	"fmt"

	"deeprc/frame"
)

func init() {
	registerOperator[readCSVStep]("read_csv", "a CSV file with a header; each rank reads its share of the bytes")
	registerOperator[readParquetStep]("read_parquet", "Parquet files of the same columns; each rank reads its share of the row groups, and folders named key=value make columns")
	registerOperator[readIPCStep]("read_ipc", "Arrow IPC files (Feather) of the same columns, mapped; each rank has its share of the rows, and folders named key=value make columns")
}

type readCSVStep struct {
	Path    string   `toml:"path" default:"" doc:"the file"`
	Columns []string `toml:"columns" default:"[]" doc:"columns to read, in this order; empty: all"`
	Text    []string `toml:"text" default:"[]" doc:"columns that are text, whatever their cells look like, as identifiers"`
	NA      []string `toml:"na" default:"[]" doc:"cells that mean a missing value; empty: NA, NaN, nan, null, NULL, None, - and nothing"`
}

func (s *readCSVStep) Run(e *operatorEnv, _ *frame.Table) (*frame.Table, error) {
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

type readParquetStep struct {
	Paths   []string `toml:"paths" default:"[]" doc:"files, folders, or patterns as data/*.parquet"`
	Columns []string `toml:"columns" default:"[]" doc:"columns to read, in this order; empty: all"`
}

func (s *readParquetStep) Run(e *operatorEnv, _ *frame.Table) (*frame.Table, error) {
	t, _, err := frame.ReadParquet(e.c, s.Paths, frame.ParquetReadOptions{Columns: s.Columns, Memory: e.mem})
	return t, err
}

type readIPCStep struct {
	Paths   []string `toml:"paths" default:"[]" doc:"files, folders, or patterns as data/*.arrow"`
	Columns []string `toml:"columns" default:"[]" doc:"columns to read, in this order; empty: all"`
}

func (s *readIPCStep) Run(e *operatorEnv, _ *frame.Table) (*frame.Table, error) {
	t, _, err := frame.ReadIPC(e.c, s.Paths, frame.IPCReadOptions{Columns: s.Columns, Memory: e.mem})
	return t, err
}
