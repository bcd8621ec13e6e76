package stages

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"deeprc/collective"
)

// Before the first value of a target or an input, nets see in predict what they saw in training, whatever the scaler.
func TestLeadingGapsAreFilledAlike(t *testing.T) {
	var b strings.Builder
	b.WriteString("date,a,b,x\n")
	for i := range 400 {
		if i < 30 {
			fmt.Fprintf(&b, "%d,,%d,\n", i, i%9)
			continue
		}
		fmt.Fprintf(&b, "%d,%d,%d,%d\n", i, i*i%31, i%9, 5+i%4*i%7)
	}
	path := filepath.Join(t.TempDir(), "late.csv")
	writeFile(t, path, b.String())
	c := collective.Local(1)[0]
	for _, scaler := range scalerNames {
		data := small(t, "data.path="+path, `data.channels=["a", "b"]`, "data.scaler="+scaler, "data.input_scaler="+scaler).Data
		data.Hist = []string{"x"}
		build := func(run *modelFile) (*Series, error) {
			raw, err := readData(c, &data, nil, func(int64, int64) {})
			if err != nil {
				t.Fatal(err)
			}
			return buildSeries(c, &data, raw, run)
		}
		s, err := build(nil)
		if err != nil {
			t.Fatal(err)
		}
		j := &job{cfg: small(t), series: s}
		dir := t.TempDir()
		if err := j.writeModels(dir, nil); err != nil {
			t.Fatal(err)
		}
		var run modelFile
		readJSON(t, filepath.Join(dir, "model.json"), &run)
		again, err := build(&run)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again.Data.Past, s.Data.Past) || !slices.Equal(again.Data.Inputs, s.Data.Inputs) {
			t.Errorf("scaler %s: a begins with %g and x with %g, in training with %g and %g", scaler, again.Data.Past[0], again.Data.Inputs[0], s.Data.Past[0], s.Data.Inputs[0])
		}
		text, _ := json.Marshal(run)
		var old modelFile
		if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), `"fill"`, `"none"`)), &old); err != nil {
			t.Fatal(err)
		}
		if _, err := build(&old); err == nil || !strings.Contains(err.Error(), "--resume writes it anew") {
			t.Errorf("scaler %s: a run without fills: %v", scaler, err)
		}
	}
}
