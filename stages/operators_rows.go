package stages

import (
	"fmt"
	"strings"

	"deeprc/frame"
)

func init() {
	registerOperator[filterStep]("filter", "keep the rows for which an expression is true")
	registerOperator[computeStep]("compute", "add columns, or replace them, by expressions")
	registerOperator[selectStep]("select", "keep some columns, in the order given")
	registerOperator[dropStep]("drop", "leave out some columns")
	registerOperator[renameStep]("rename", "give columns other names")
	registerOperator[castStep]("cast", "give columns other types; a cell that would lose something is an error")
	registerOperator[headStep]("head", "the first rows of the whole table")
	registerOperator[tailStep]("tail", "the last rows of the whole table")
	registerOperator[sliceStep]("slice", "some rows of the whole table, by number")
	registerOperator[sampleStep]("sample", "rows at random, the same for any number of ranks")
	registerOperator[concatStep]("concat", "the rows of several tables, one behind the other on each rank; columns are matched by name")
}

type filterStep struct {
	Where string `toml:"where" default:"" doc:"an expression, as q > 0 and year(date) >= 1990; rows for which it is missing go too"`
}

func (s *filterStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	return frame.Filter(e.c, in, s.Where)
}

type computeStep struct {
	Columns []string `toml:"columns" default:"[]" doc:"names and expressions, each of which can use those before it: [\"log_q = log1p(q)\", \"q1 = lag(q, 1, id)\"]"`
}

func (s *computeStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	t := in.Retain()
	for _, text := range s.Columns {
		name, expr, ok := strings.Cut(text, "=")
		name = strings.TrimSpace(name)
		if !ok || strings.HasPrefix(expr, "=") || name != strings.TrimRight(name, "<>!") { // a comparison
			t.Release()
			return nil, fmt.Errorf("columns: %q: want a name and an expression, as log_q = log1p(q)", text)
		}
		next, err := frame.Compute(e.c, t, name, strings.TrimSpace(expr))
		t.Release()
		if err != nil {
			return nil, err
		}
		t = next
	}
	return t, nil
}

type selectStep struct {
	Columns []string `toml:"columns" default:"[]" doc:"the columns to keep"`
}

func (s *selectStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	return frame.Select(in, s.Columns...)
}

type dropStep struct {
	Columns []string `toml:"columns" default:"[]" doc:"the columns to leave out"`
}

func (s *dropStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	return frame.Drop(in, s.Columns...)
}

type renameStep struct {
	Columns []string `toml:"columns" default:"[]" doc:"new and old names: [\"q = QObs(mm/d)\"]"`
}

func (s *renameStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	names := map[string]string{}
	for _, text := range s.Columns {
		to, from, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("columns: %q: want a new and an old name, as q = QObs(mm/d)", text)
		}
		from = strings.TrimSpace(from)
		if _, twice := names[from]; twice {
			return nil, fmt.Errorf("columns: %q is renamed twice", from)
		}
		names[from] = strings.TrimSpace(to)
	}
	return frame.Rename(in, names)
}

type castStep struct {
	Columns []string `toml:"columns" default:"[]" doc:"columns and types: [\"q: float32\", \"date: date\"]"`
}

func (s *castStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	t := in.Retain()
	for _, text := range s.Columns {
		types, err := columnTypes(nil, []string{text})
		if err != nil {
			t.Release()
			return nil, err
		}
		for name, to := range types {
			next, err := frame.Cast(e.c, t, name, to)
			t.Release()
			if err != nil {
				return nil, err
			}
			t = next
		}
	}
	return t, nil
}

type headStep struct {
	Rows int `toml:"rows" default:"10" doc:"how many"`
}

func (s *headStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	return frame.Head(e.c, in, int64(s.Rows))
}

type tailStep struct {
	Rows int `toml:"rows" default:"10" doc:"how many"`
}

func (s *tailStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	return frame.Tail(e.c, in, int64(s.Rows))
}

type sliceStep struct {
	From int `toml:"first" default:"0" doc:"number of the first row, from 0"`
	Rows int `toml:"rows" default:"10" doc:"how many"`
}

func (s *sliceStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	return frame.Slice(e.c, in, int64(s.From), int64(s.Rows))
}

type sampleStep struct {
	Rows     int     `toml:"rows" default:"0" doc:"how many; or"`
	Fraction float64 `toml:"fraction" default:"0.0" doc:"the part of all rows"`
	Seed     int     `toml:"seed" default:"1" doc:"the same seed gives the same rows"`
}

func (s *sampleStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	return frame.Sample(e.c, in, frame.SampleOptions{Rows: int64(s.Rows), Fraction: s.Fraction, Seed: uint64(s.Seed)})
}

type concatStep struct {
	With []string `toml:"with" default:"[]" doc:"the other tables: names (as) of earlier steps' results"`
	Fill bool     `toml:"fill" default:"false" doc:"a column that a table lacks is missing in its rows, else it is an error"`
}

func (s *concatStep) otherTables() []string { return s.With }

func (s *concatStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	tables := []*frame.Table{in}
	for _, name := range s.With {
		t, err := e.table(name)
		if err != nil {
			return nil, fmt.Errorf("with: %w", err)
		}
		tables = append(tables, t)
	}
	return frame.Concat(e.c, frame.ConcatOptions{Fill: s.Fill}, tables...)
}
