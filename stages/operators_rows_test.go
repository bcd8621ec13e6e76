package stages

import (
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/frame"
)

// A comparison is no column to compute.
func TestComputeStepRefusesComparisons(t *testing.T) {
	in, err := frame.NewTable(nil, arrow.NewSchema(nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"x", "x >= 3", "x <= 3", "x != 3", "x == 3", "x > = 3"} {
		_, err := (&computeStep{Columns: []string{text}}).Run(nil, in)
		if want := "columns: \"" + text + "\": want a name and an expression, as log_q = log1p(q)"; err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

func TestParseTimes(t *testing.T) {
	for every, want := range map[string]time.Duration{"15m": 15 * time.Minute, "1.5h": 90 * time.Minute, "1w": 7 * 24 * time.Hour} {
		if _, step, err := parseTimes("1981-01-01", every); step != want || err != nil {
			t.Errorf("%s: %v, %v", every, step, err)
		}
	}
	if _, _, err := parseTimes("1981-01-01", "1mo"); err == nil || err.Error() != `step: "1mo": months and years differ in length; give days` {
		t.Error(err)
	}
}
