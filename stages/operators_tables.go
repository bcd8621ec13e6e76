package stages

import (
	"fmt"

	"deeprc/frame"
)

func init() {
	registerOperator[joinStep]("join", "rows of two tables with equal keys; a missing key has no partner")
	registerOperator[groupbyStep]("groupby", "one row of all rows with equal keys")
	registerOperator[sortStep]("sort", "order the rows of the whole table; rows with equal keys keep their order")
	registerOperator[uniqueStep]("unique", "the first of all rows with equal cells")
	registerOperator[unionStep]("union", "the different rows of two tables")
	registerOperator[intersectStep]("intersect", "the different rows that both tables have")
	registerOperator[subtractStep]("subtract", "the different rows that the second table does not have")
	registerOperator[partitionStep]("partition", "all rows of a key to one rank, in their order")
	registerOperator[repartitionStep]("repartition", "the same number of rows to all ranks, in their order")
}

type joinStep struct {
	With      string   `toml:"with" default:"" doc:"the right table: the name (as) of an earlier step's result"`
	Kind      string   `toml:"kind" default:"inner" doc:"inner, left, right, full, semi (left rows with a partner) or anti (those without)"`
	On        []string `toml:"on" default:"[]" doc:"key columns, of the same names on both sides"`
	LeftOn    []string `toml:"left_on" default:"[]" doc:"key columns of the left table, where names differ"`
	RightOn   []string `toml:"right_on" default:"[]" doc:"key columns of the right table"`
	Suffix    string   `toml:"suffix" default:"_right" doc:"added to names of right columns that the left table has too"`
	Algorithm string   `toml:"algorithm" default:"hash" doc:"hash, or merge: both tables are sorted by their keys, and so is the result"`
	Plan      string   `toml:"plan" default:"auto" doc:"of a hash join; auto: by size; shuffle: partition both tables; broadcast: the right one (of a right join the left one) to every rank"`
}

func (s *joinStep) otherTables() []string { return []string{s.With} }

func (s *joinStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	r, err := e.table(s.With)
	if err != nil {
		return nil, fmt.Errorf("with: %w", err)
	}
	o := frame.JoinOptions{On: s.On, LeftOn: s.LeftOn, RightOn: s.RightOn, Suffix: s.Suffix}
	kinds := []string{"inner", "left", "right", "full", "semi", "anti"}
	k, err := oneOf("kind", s.Kind, kinds)
	if err != nil {
		return nil, err
	}
	o.Kind = frame.JoinKind(k)
	a, err := oneOf("algorithm", s.Algorithm, []string{"hash", "merge"})
	if err != nil {
		return nil, err
	}
	o.Algorithm = frame.JoinAlgorithm(a)
	p, err := oneOf("plan", s.Plan, []string{"auto", "shuffle", "broadcast"})
	if err != nil {
		return nil, err
	}
	o.Plan = frame.JoinPlan(p)
	return frame.Join(e.c, in, r, o)
}

type groupbyStep struct {
	By   []string `toml:"by" default:"[]" doc:"key columns"`
	Aggs []string `toml:"aggs" default:"[]" doc:"aggregates, as \"mean(q)\" or \"total = sum(q)\": count, count_distinct, sum, mean, var, std, min, max, first, last, median, quantile(q, 0.9)"`
}

func (s *groupbyStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	aggs, err := parseAggs(s.Aggs)
	if err != nil {
		return nil, err
	}
	return frame.GroupBy(e.c, in, s.By, aggs...)
}

type sortStep struct {
	By []string `toml:"by" default:"[]" doc:"columns, each with desc and nulls first behind it where wanted: [\"id\", \"q desc nulls first\"]"`
}

func (s *sortStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	var keys []frame.SortKey
	for _, text := range s.By {
		keys = append(keys, parseSortKey(text))
	}
	return frame.Sort(e.c, in, keys...)
}

type uniqueStep struct {
	Columns []string `toml:"columns" default:"[]" doc:"cells that count; empty: all"`
}

func (s *uniqueStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	return frame.Unique(e.c, in, s.Columns...)
}

// second is the option of a step on two tables.
type second struct {
	With string `toml:"with" default:"" doc:"the second table: the name (as) of an earlier step's result"`
}

func (s *second) otherTables() []string { return []string{s.With} }

type (
	unionStep     second
	intersectStep second
	subtractStep  second
)

func (s *unionStep) otherTables() []string     { return []string{s.With} }
func (s *intersectStep) otherTables() []string { return []string{s.With} }
func (s *subtractStep) otherTables() []string  { return []string{s.With} }

func (s *unionStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	b, err := e.table(s.With)
	if err != nil {
		return nil, fmt.Errorf("with: %w", err)
	}
	return frame.Union(e.c, in, b)
}

func (s *intersectStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	b, err := e.table(s.With)
	if err != nil {
		return nil, fmt.Errorf("with: %w", err)
	}
	return frame.Intersect(e.c, in, b)
}

func (s *subtractStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	b, err := e.table(s.With)
	if err != nil {
		return nil, fmt.Errorf("with: %w", err)
	}
	return frame.Subtract(e.c, in, b)
}

type partitionStep struct {
	By []string `toml:"by" default:"[]" doc:"key columns"`
}

func (s *partitionStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	return frame.PartitionBy(e.c, in, s.By...)
}

type repartitionStep struct{}

func (s *repartitionStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	return frame.Repartition(e.c, in)
}
