package stages

import (
	"strings"
	"testing"
)

// TestSeriesSteps: a chain of all operators of series gives the same rows for any number of ranks.
func TestSeriesSteps(t *testing.T) {
	const steps = `
[data]
id = "id"
[[preprocess]]
op = "read_csv"
paths = ["DIR/flow.csv"]
text = ["id"]
[[preprocess]]
op = "split"
by = ["id"]
time = "day"
flags = true
[[preprocess]]
op = "rolling"
by = ["id"]
time = "day"
rows = 7
aggs = ["week = mean(q)", "max(q)"]
as = "rolled"
[[preprocess]]
op = "fit_scaler"
columns = ["week"]
fit = "split_train"
as = "scaler"
[[preprocess]]
op = "scale"
from = "rolled"
params = "scaler"
as = "scaled"
[[preprocess]]
op = "unscale"
params = "scaler"
[[preprocess]]
op = "asof"
with = "scaled"
by = ["id"]
time = "day"
[[preprocess]]
op = "fill"
by = ["id"]
time = "day"
columns = ["week"]
method = "constant"
value = -1.0
[[preprocess]]
op = "melt"
id = ["id", "day"]
values = ["week", "week_right"]
[[preprocess]]
op = "pivot"
index = ["id", "day"]
columns = "variable"
values = "value"
[[preprocess]]
op = "resample"
by = ["id"]
time = "day"
every = "50d"
aggs = ["sum(week)", "std(week_right)"]
[[preprocess]]
op = "sort"
by = ["id", "day"]
`
	cfg, err := parseConfig("t.toml", strings.ReplaceAll(steps, "DIR", basins(t)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if rows, _ := sameRows(t, cfg); len(rows) != 12 || !strings.HasPrefix(rows[0], "01000,1970-01-01") {
		t.Errorf("%d rows: %q", len(rows), rows)
	}
}
