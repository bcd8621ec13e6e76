package stages

import (
	"deeprc/frame"
)

func init() {
	registerOperator[pivotStep]("pivot", "the different cells of a column become columns")
	registerOperator[meltStep]("melt", "columns become rows")
	registerOperator[describeStep]("describe", "count, missing and different cells, mean, deviation, least, quartiles and greatest of each column")
	registerOperator[aggregateStep]("aggregate", "aggregates of the whole table, one row")
}

type pivotStep struct {
	Index   []string `toml:"index" default:"[]" doc:"columns whose different cells are the rows"`
	Columns string   `toml:"columns" default:"" doc:"the column whose different cells name the new columns"`
	Values  string   `toml:"values" default:"" doc:"the column that fills them"`
	Func    string   `toml:"func" default:"first" doc:"aggregate of several cells of one place, as in groupby"`
	Q       float64  `toml:"q" default:"0.5" doc:"of func quantile"`
}

func (s *pivotStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	return frame.Pivot(e.c, in, frame.PivotOptions{Index: s.Index, Columns: s.Columns, Values: s.Values, Func: s.Func, Q: s.Q})
}

type meltStep struct {
	ID       []string `toml:"id" default:"[]" doc:"columns that are repeated"`
	Values   []string `toml:"values" default:"[]" doc:"columns that become rows, of one type; empty: all others"`
	Variable string   `toml:"variable" default:"variable" doc:"the new column of names"`
	Value    string   `toml:"value" default:"value" doc:"the new column of cells"`
}

func (s *meltStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	o := frame.MeltOptions{ID: s.ID, Values: s.Values, Variable: s.Variable, Value: s.Value}
	if len(s.Values) == 0 {
		o.Values = nil
	}
	return frame.Melt(e.c, in, o)
}

type describeStep struct{}

func (s *describeStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	return e.once(frame.Describe(e.c, in))
}

type aggregateStep struct {
	Aggs []string `toml:"aggs" default:"[]" doc:"aggregates, as in groupby"`
}

func (s *aggregateStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	aggs, err := parseAggs(s.Aggs)
	if err != nil {
		return nil, err
	}
	return e.once(frame.ScalarAggregate(e.c, in, aggs...))
}
