package stages

import (
	"fmt"
	"strings"
	"time"

	"deeprc/frame"
)

func init() {
	registerOperator[readCSVStep]("read_csv", "CSV files of the same columns; each rank reads its share of the bytes")
	registerOperator[readJSONLStep]("read_jsonl", "files with a JSON object a line; each rank reads its share of the bytes")
	registerOperator[readCAMELSStep]("read_camels", "CAMELS-US in its original layout: basin, date, forcing and QObs(mm/d)")
	registerOperator[readCAMELSAttributesStep]("read_camels_attributes", "the static attributes of CAMELS-US, a row a basin")
	registerOperator[readParquetStep]("read_parquet", "Parquet files of the same columns; each rank reads its share of the rows, and folders named key=value make columns")
	registerOperator[readIPCStep]("read_ipc", "Arrow IPC files (Feather) of the same columns, mapped; each rank has its share of the rows, and folders named key=value make columns")
}

// parseTimes reads start and step of a time column; without step there is none.
func parseTimes(from, every string) (start time.Time, step time.Duration, err error) {
	if every == "" {
		if from != "" {
			return start, 0, fmt.Errorf("start = %q without step: give the time between two rows, as step = \"1d\"", from)
		}
		return start, 0, nil
	}
	if step, err = frame.ParseDuration(every); err != nil {
		return start, 0, fmt.Errorf("step: %w", err)
	}
	if start, err = time.Parse("2006-01-02", from); err != nil {
		if start, err = time.Parse("2006-01-02 15:04:05", from); err != nil {
			return start, 0, fmt.Errorf("start = %q: want a time such as 1981-01-01 or 1981-01-01 06:00:00", from)
		}
	}
	return start, step, nil
}

// columnTypes are text columns, and those that are declared as "name type".
func columnTypes(text, declared []string) (map[string]frame.Type, error) {
	types := map[string]frame.Type{}
	for _, c := range text {
		types[c] = frame.String
	}
	for _, d := range declared {
		i := strings.LastIndex(d, ": ")
		if i < 0 {
			return nil, fmt.Errorf("types: %q: want a column and its type, as \"q: float32\"", d)
		}
		t, err := frame.ParseType(strings.TrimSpace(d[i+2:]))
		if err != nil {
			return nil, err
		}
		types[d[:i]] = t
	}
	return types, nil
}

type readCSVStep struct {
	Paths      []string `toml:"paths" default:"[]" doc:"files, folders, or patterns as data/*.csv; gzip and Zstandard files too"`
	Columns    []string `toml:"columns" default:"[]" doc:"columns to read, in this order; empty: all"`
	Where      string   `toml:"where" default:"" doc:"an expression, as in filter: rows for which it is true are kept; folders named key=value that such comparisons rule out are not read"`
	Text       []string `toml:"text" default:"[]" doc:"columns that are text, whatever their cells look like, as identifiers"`
	Types      []string `toml:"types" default:"[]" doc:"types of columns, as \"q: float32\" or \"t: timestamp[s, UTC]\"; the others are found out"`
	NA         []string `toml:"na" default:"[]" doc:"cells that mean a missing value; empty: NA, NaN, nan, null, NULL, None, - and nothing"`
	Header     bool     `toml:"header" default:"true" doc:"the first line has the columns' names"`
	Names      []string `toml:"names" default:"[]" doc:"the columns' names, in place of the header's"`
	Skip       int      `toml:"skip" default:"0" doc:"lines before the header that are passed over"`
	Comment    string   `toml:"comment" default:"" doc:"begins lines that are passed over; such files are read by one rank"`
	Separator  string   `toml:"separator" default:"" doc:"between two cells; empty: comma, semicolon or tab, whichever the first line has most"`
	Start      string   `toml:"start" default:"" doc:"time of each file's first row, where there is no time column"`
	Step       string   `toml:"step" default:"" doc:"time between two rows, as 1h or 1d; empty: no time column is added"`
	TimeColumn string   `toml:"time_column" default:"date" doc:"name of the time column that is added"`
	ID         string   `toml:"id" default:"" doc:"name of a text column that is added with a part of each file's name; empty: none"`
	IDPattern  string   `toml:"id_pattern" default:"" doc:"the end of every path, with {id} for that part, as {id}_*.csv; empty: the file's name without its endings"`
}

func (s *readCSVStep) sources() []string { return s.Paths }

func (s *readCSVStep) Run(e *operatorEnv, _ *frame.Table) (*frame.Table, error) {
	types, err := columnTypes(s.Text, s.Types)
	if err != nil {
		return nil, err
	}
	start, step, err := parseTimes(s.Start, s.Step)
	if err != nil {
		return nil, err
	}
	o := frame.CSVOptions{Columns: s.Columns, Filter: s.Where, NA: s.NA, Types: types, Verbatim: s.Text, Memory: e.mem, NoHeader: !s.Header, Names: s.Names,
		SkipRows: s.Skip, Comment: s.Comment, Start: start, Step: step, ID: s.ID, IDPattern: s.IDPattern}
	if len(s.NA) == 0 {
		o.NA = nil
	}
	if step > 0 {
		o.TimeColumn = s.TimeColumn
	}
	switch len(s.Separator) {
	case 0:
	case 1:
		o.Comma = s.Separator[0]
	default:
		return nil, fmt.Errorf("separator = %q: want one character", s.Separator)
	}
	t, _, err := frame.ReadCSVFiles(e.c, s.Paths, o)
	return t, err
}

type readJSONLStep struct {
	Paths   []string `toml:"paths" default:"[]" doc:"files, folders, or patterns as data/*.jsonl; gzip and Zstandard files too"`
	Columns []string `toml:"columns" default:"[]" doc:"keys to read, in this order; empty: all"`
	Where   string   `toml:"where" default:"" doc:"an expression, as in filter: rows for which it is true are kept; folders named key=value that such comparisons rule out are not read"`
	Text    []string `toml:"text" default:"[]" doc:"columns that are text"`
	Types   []string `toml:"types" default:"[]" doc:"types of columns, as \"q: float32\"; the others are found out"`
	ID      string   `toml:"id" default:"" doc:"name of a text column that is added with a part of each file's name; empty: none"`

	IDPattern string `toml:"id_pattern" default:"" doc:"the end of every path, with {id} for that part, as {id}_*.jsonl"`
}

func (s *readJSONLStep) sources() []string { return s.Paths }

func (s *readJSONLStep) Run(e *operatorEnv, _ *frame.Table) (*frame.Table, error) {
	types, err := columnTypes(s.Text, s.Types)
	if err != nil {
		return nil, err
	}
	t, _, err := frame.ReadJSONL(e.c, s.Paths, frame.JSONLOptions{Columns: s.Columns, Filter: s.Where, Types: types, ID: s.ID, IDPattern: s.IDPattern, Memory: e.mem})
	return t, err
}

type readCAMELSStep struct {
	Path    string   `toml:"path" default:"" doc:"the folder that has basin_mean_forcing and usgs_streamflow"`
	Basins  []string `toml:"basins" default:"[]" doc:"gauges to read, as 01022500; empty: all"`
	Forcing string   `toml:"forcing" default:"daymet" doc:"the product: daymet, maurer, maurer_extended, nldas, nldas_extended"`
}

func (s *readCAMELSStep) sources() []string { return []string{s.Path} }

func (s *readCAMELSStep) Run(e *operatorEnv, _ *frame.Table) (*frame.Table, error) {
	t, _, err := frame.ReadCAMELS(e.c, s.Path, frame.CAMELSOptions{Basins: s.Basins, Forcing: s.Forcing, Memory: e.mem})
	return t, err
}

type readCAMELSAttributesStep struct {
	Path   string   `toml:"path" default:"" doc:"the folder that has camels_attributes_v2.0"`
	Basins []string `toml:"basins" default:"[]" doc:"gauges to read; empty: all"`
}

func (s *readCAMELSAttributesStep) sources() []string { return []string{s.Path} }

func (s *readCAMELSAttributesStep) Run(e *operatorEnv, _ *frame.Table) (*frame.Table, error) {
	return frame.ReadCAMELSAttributes(e.c, s.Path, frame.CAMELSOptions{Basins: s.Basins, Memory: e.mem})
}

type readParquetStep struct {
	Paths   []string `toml:"paths" default:"[]" doc:"files, folders, or patterns as data/*.parquet"`
	Columns []string `toml:"columns" default:"[]" doc:"columns to read, in this order; empty: all"`
	Where   string   `toml:"where" default:"" doc:"an expression, as in filter: rows for which it is true are kept; comparisons of columns with constants that and joins, as year >= 1990 and id == \"01013500\", rule out row groups and folders before they are read"`
}

func (s *readParquetStep) sources() []string { return s.Paths }

func (s *readParquetStep) Run(e *operatorEnv, _ *frame.Table) (*frame.Table, error) {
	t, _, err := frame.ReadParquet(e.c, s.Paths, frame.ParquetReadOptions{Columns: s.Columns, Filter: s.Where, Memory: e.mem})
	return t, err
}

type readIPCStep struct {
	Paths   []string `toml:"paths" default:"[]" doc:"files, folders, or patterns as data/*.arrow"`
	Columns []string `toml:"columns" default:"[]" doc:"columns to read, in this order; empty: all"`
	Where   string   `toml:"where" default:"" doc:"an expression, as in filter: rows for which it is true are kept"`
}

func (s *readIPCStep) sources() []string { return s.Paths }

func (s *readIPCStep) Run(e *operatorEnv, _ *frame.Table) (*frame.Table, error) {
	t, _, err := frame.ReadIPC(e.c, s.Paths, frame.IPCReadOptions{Columns: s.Columns, Filter: s.Where, Memory: e.mem})
	return t, err
}
