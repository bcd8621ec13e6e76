package stages

import (
	"bytes"
	"strings"
	"testing"

	"deeprc/model"
)

// Every net is in the list, whole, and tells of its options.
func TestModels(t *testing.T) {
	var list bytes.Buffer
	if err := WriteModels(&list); err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for _, line := range strings.Split(list.String(), "\n") {
		if f := strings.Fields(line); len(f) > 0 {
			rows[f[0]] = f
		}
	}
	families := []string{"linear", "MLP", "recurrent", "convolution", "attention", "frequency", "mixer"}
	for _, k := range model.Nets() {
		if !strings.Contains(strings.Join(families, " "), k.Family) || k.Family == "" || k.Paper == "" || len(rows[k.Name]) < 6 || rows[k.Name][1] != k.Family {
			t.Errorf("%s: %v", k.Name, rows[k.Name])
		}
		var one bytes.Buffer
		if err := WriteModel(&one, k.Name); err != nil || !strings.HasPrefix(one.String(), k.Name+"\n"+k.Paper+"\n") {
			t.Errorf("%s: %v\n%s", k.Name, err, one.String())
		}
	}
	for net, want := range map[string]string{"nlinear": "32352", "nhits": "3312792", "lstm": "215809"} {
		if got := strings.Join(rows[net], " "); !strings.Contains(got, " "+want+" ") {
			t.Errorf("%s has not %s parameters", got, want)
		}
	}
	var one bytes.Buffer
	if err := WriteModel(&one, "nhits"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"family      MLP\n", "columns     hist, future, static\n", "imported from and exported to NeuralForecast's", "  pool = [2, 2, 1]  ", "  pooling = \"max\"  "} {
		if !strings.Contains(one.String(), want) {
			t.Errorf("no %q in\n%s", want, one.String())
		}
	}
	if err := WriteModel(&one, "nhit"); err == nil || err.Error() != `no net "nhit"; did you mean "nhits"?` {
		t.Error(err)
	}
}
