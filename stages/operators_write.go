package stages

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"deeprc/collective"
	"deeprc/frame"
)

func init() {
	registerOperator[writeParquetStep]("write_parquet", "write the table to a folder of Parquet files, one of each rank; later steps go on with the table")
	registerOperator[writeCSVStep]("write_csv", "write the table to a folder of CSV files, or to one file; later steps go on with the table")
	registerOperator[writeIPCStep]("write_ipc", "write the table to a folder of Arrow IPC files (Feather), one of each rank; later steps go on with the table")
	registerOperator[writeJSONLStep]("write_jsonl", "write the table to a folder of files with a JSON object a line, or to one file; later steps go on with the table")
}

// tablesDir is the folder, in the run's, that steps write to.
const tablesDir = "tables"

// writer is a step that writes its table.
type writer interface {
	// target is the file or folder, with slashes, below the run's tablesDir.
	target() string
}

// checkTargets makes sure that steps write below the run's folder, and none into what another writes.
func checkTargets(steps []StepConfig) error {
	taken := make([]string, len(steps)) // what each step writes to
	for i, s := range steps {
		w, ok := s.Options.(writer)
		if !ok {
			continue
		}
		to := w.target()
		wrong := func(format string, args ...any) error {
			return s.wrong(i, "path = %q: %s", to, fmt.Sprintf(format, args...))
		}
		switch {
		case to == "":
			return s.wrong(i, "path is not set: name a file or folder; it is made in the run's folder, in %s", tablesDir)
		case !filepath.IsLocal(to) || slices.Contains(strings.Split(to, "/"), "..") || path.Clean(to) == ".":
			return wrong("steps write in the run's folder only, in %s: want a path without .. that does not begin with /, as clean", tablesDir)
		}
		taken[i] = path.Clean(to)
		for k, other := range taken[:i] {
			if other != "" && (strings.HasPrefix(other+"/", taken[i]+"/") || strings.HasPrefix(taken[i]+"/", other+"/")) {
				return wrong("preprocess %d (%s) writes there too, to %q; choose paths of which none is in the other", k, steps[k].Op, other)
			}
		}
	}
	return nil
}

// write calls write with a path below the run's folder, and passes t on; deeprc check, which
// writes nothing, only has the error that is found without writing. Collective.
func (e *operatorEnv) write(t *frame.Table, s writer, oneFile bool, check error, write func(path string) error) (*frame.Table, error) {
	if check != nil {
		return nil, check
	}
	if e.dir == "" {
		return t.Retain(), nil
	}
	to := filepath.Join(tablesDir, filepath.FromSlash(s.target()))
	folder := to
	if oneFile {
		folder = filepath.Dir(to)
	}
	var err error
	if e.c.Rank() == 0 {
		err = makeBelow(e.dir, folder)
	}
	if err := collective.Agree(e.c, err); err != nil {
		return nil, err
	}
	if err := write(filepath.Join(e.dir, to)); err != nil {
		return nil, err
	}
	return t.Retain(), nil
}

// makeBelow makes a folder below dir; a symbolic link that leads out of dir is an error.
func makeBelow(dir, folder string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return writeError(dir, err)
	}
	defer root.Close()
	if err := root.MkdirAll(folder, 0o777); err != nil {
		return writeError(filepath.Join(dir, folder), err)
	}
	return nil
}

// isOneFile reports whether a path is that of one file, not of a folder.
func isOneFile(to, suffix string) bool { return strings.HasSuffix(strings.ToLower(to), suffix) }

type writeParquetStep struct {
	Path        string   `toml:"path" default:"" doc:"the folder to make, in the folder tables of the run's folder"`
	PartitionBy []string `toml:"partition_by" default:"[]" doc:"columns of integers, booleans, text or dates whose cells name folders, key=value, that the files go to"`
	RowGroup    int      `toml:"row_group" default:"0" doc:"rows of a row group; 0: 1,048,576"`
}

func (s *writeParquetStep) target() string { return s.Path }

func (s *writeParquetStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	o := frame.ParquetWriteOptions{PartitionBy: s.PartitionBy, RowGroup: s.RowGroup}
	return e.write(in, s, false, o.Check(in.Schema()), func(path string) error { return frame.WriteParquet(e.c, in, path, o) })
}

type writeCSVStep struct {
	Path        string   `toml:"path" default:"" doc:"what to make, in the folder tables of the run's folder: one file if it ends in .csv, else a folder with a file of each rank"`
	PartitionBy []string `toml:"partition_by" default:"[]" doc:"of a folder: columns of integers, booleans, text or dates whose cells name folders, key=value, that the files go to"`
	Separator   string   `toml:"separator" default:"," doc:"between two cells, one character"`
	Header      bool     `toml:"header" default:"true" doc:"the first line has the columns' names"`
	NA          string   `toml:"na" default:"" doc:"stands for a missing cell"`
}

func (s *writeCSVStep) target() string { return s.Path }

func (s *writeCSVStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	if len(s.Separator) != 1 {
		return nil, fmt.Errorf("separator = %q: want one character", s.Separator)
	}
	o := frame.CSVWriteOptions{Comma: s.Separator[0], NoHeader: !s.Header, NA: s.NA, PartitionBy: s.PartitionBy}
	err := o.Check(in.Schema())
	if !isOneFile(s.Path, ".csv") {
		return e.write(in, s, false, err, func(path string) error { return frame.WriteCSV(e.c, in, path, o) })
	}
	if len(s.PartitionBy) > 0 {
		err = noParts(s.Path, ".csv")
	}
	return e.write(in, s, true, err, func(path string) error { return frame.WriteCSVFile(e.c, in, path, o) })
}

// noParts is the error of partition_by with the path of one file.
func noParts(to, suffix string) error {
	return fmt.Errorf("path = %q is one file, which partition_by cannot split; write to a folder, a path that does not end in %s", to, suffix)
}

type writeIPCStep struct {
	Path        string   `toml:"path" default:"" doc:"the folder to make, in the folder tables of the run's folder"`
	PartitionBy []string `toml:"partition_by" default:"[]" doc:"columns of integers, booleans, text or dates whose cells name folders, key=value, that the files go to"`
}

func (s *writeIPCStep) target() string { return s.Path }

func (s *writeIPCStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	o := frame.IPCWriteOptions{PartitionBy: s.PartitionBy}
	return e.write(in, s, false, o.Check(in.Schema()), func(path string) error { return frame.WriteIPC(e.c, in, path, o) })
}

type writeJSONLStep struct {
	Path        string   `toml:"path" default:"" doc:"what to make, in the folder tables of the run's folder: one file if it ends in .jsonl, else a folder with a file of each rank"`
	PartitionBy []string `toml:"partition_by" default:"[]" doc:"of a folder: columns of integers, booleans, text or dates whose cells name folders, key=value, that the files go to"`
}

func (s *writeJSONLStep) target() string { return s.Path }

func (s *writeJSONLStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	o := frame.JSONLWriteOptions{PartitionBy: s.PartitionBy}
	if !isOneFile(s.Path, ".jsonl") {
		return e.write(in, s, false, o.Check(in.Schema()), func(path string) error { return frame.WriteJSONL(e.c, in, path, o) })
	}
	var err error
	if len(s.PartitionBy) > 0 {
		err = noParts(s.Path, ".jsonl")
	}
	return e.write(in, s, true, err, func(path string) error { return frame.WriteJSONLFile(e.c, in, path) })
}
