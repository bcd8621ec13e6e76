// Package duckdb holds deeprc's table operators to DuckDB: each operator's result, gathered from 1, 2, 3 and 5
// ranks, must be that of a query on the same random tables. It is a module of its own, so that
// deeprc does not depend on DuckDB.
package duckdb

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

// question is an operator on random tables, and the query that has the same result.
type question struct {
	tables []frametest.Spec
	text   string // what is asked, for people
	op     func(c collective.Comm, in []*frame.Table) (*frame.Table, error)
	sql    string // on tables t0, t1, …; "" where DuckDB has no such query
	diff   frametest.DiffOptions
}

// holds draws questions by make and checks each on all numbers of ranks. DEEPRC_TEST_SEED is the first
// round's seed (1), DEEPRC_TEST_ROUNDS the number of rounds (60).
func holds(t *testing.T, make func(rng *rand.Rand) question) {
	t.Helper()
	first, rounds := number(t, "DEEPRC_TEST_SEED", 1), number(t, "DEEPRC_TEST_ROUNDS", 60)
	for seed := first; seed < first+rounds; seed++ {
		q := make(rand.New(rand.NewPCG(seed, 0)))
		if err := q.check(t); err != nil {
			var tables []string
			for i, s := range q.tables {
				tables = append(tables, fmt.Sprintf("t%d: %v", i, s))
			}
			t.Fatalf("%s\n%s\n%v\nrepeat it: cd bench/duckdb && DEEPRC_TEST_SEED=%d DEEPRC_TEST_ROUNDS=1 go test -run '^%s$'",
				q.text, strings.Join(tables, "\n"), err, seed, t.Name())
		}
	}
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("%s=%q: want a whole number", name, text)
	}
	return n
}

// little is a limit of memory, in bytes, that many of the random tables are beyond.
const little = 4 << 10

// check compares one rank with DuckDB, then other numbers of ranks, with and without enough memory, with one rank.
func (q question) check(t *testing.T) (err error) {
	var one *frame.Table
	for _, on := range []struct {
		ranks int
		limit int64
	}{{1, 0}, {2, 0}, {3, 0}, {5, 0}, {1, little}, {3, little}} {
		m := frametest.Limited(t, on.limit)
		var all *frame.Table
		err := collective.RunLocal(on.ranks, func(c collective.Comm) error {
			got, err := q.run(c, m)
			if err == nil && c.Rank() == 0 {
				all = got
			} else if err == nil {
				got.Release()
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("on %d rank(s) with a memory limit of %d: %w", on.ranks, on.limit, err)
		}
		defer all.Release()
		if one == nil {
			one = all
			if err := q.likeDuckDB(t, m, one); err != nil {
				return fmt.Errorf("one rank against DuckDB: %w", err)
			}
		} else if err := frametest.Diff(all, one, q.diff); err != nil {
			return fmt.Errorf("%d rank(s) with a memory limit of %d against one rank: %w", on.ranks, on.limit, err)
		}
	}
	return nil
}

// run is the operator's result on rank 0.
func (q question) run(c collective.Comm, m *frame.Memory) (*frame.Table, error) {
	in := make([]*frame.Table, len(q.tables))
	for i, s := range q.tables {
		part, err := s.Part(m, c.Rank(), c.Size())
		if err != nil {
			return nil, err
		}
		defer part.Release()
		in[i] = part
	}
	out, err := q.op(c, in)
	if err != nil {
		return nil, err
	}
	defer out.Release()
	return frametest.Gather(c, out)
}

func (q question) likeDuckDB(t *testing.T, m *frame.Memory, got *frame.Table) error {
	if q.sql == "" {
		return nil
	}
	db, err := sql.Open("duckdb", "?threads=2")
	if err != nil {
		return err
	}
	defer db.Close()
	dir := t.TempDir()
	for i, s := range q.tables {
		whole, err := s.Part(m, 0, 1)
		if err != nil {
			return err
		}
		err = load(db, dir, fmt.Sprint("t", i), whole)
		whole.Release()
		if err != nil {
			return err
		}
	}
	got, err = plain(got)
	if err != nil {
		return err
	}
	defer got.Release()
	want, err := ask(db, m, q.sql, got.Schema())
	if err != nil {
		return err
	}
	defer want.Release()
	if err := frametest.Diff(got, want, q.diff); err != nil {
		return fmt.Errorf("%w\n%s", err, q.sql)
	}
	return nil
}

// as quotes a name for SQL.
func as(table, column string) string {
	return table + `."` + strings.ReplaceAll(column, `"`, `""`) + `"`
}
