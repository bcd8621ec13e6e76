package stages

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"

	"deeprc/model"
)

// netOf is a net of that kind with its default options.
func netOf(k model.Kind) (model.Net, error) {
	n, own := k.New(), map[string]any{}
	for _, key := range keysOf(reflect.TypeOf(n).Elem()) {
		if v, ok := k.Defaults[key]; ok {
			own[key] = v
		}
	}
	return n, decoder{file: k.Name}.fill(reflect.ValueOf(n).Elem(), own, "")
}

// columnsOf are the kinds of columns that a net reads beside its targets: those without which the net cannot be are on all along.
func columnsOf(n model.Net, sh TrainShape) (kinds []string) {
	need := model.Columns{}
	if _, err := parametersOf(n, TrainShape{Lookback: sh.Lookback, Horizon: sh.Horizon, Channels: 1, Loss: sh.Loss}); err != nil {
		need = model.Columns{Future: sh.Future, Static: sh.Static}
	}
	for _, c := range []struct {
		kind string
		one  model.Columns
	}{{"hist", model.Columns{Hist: 1}}, {"future", model.Columns{Future: 1}}, {"static", model.Columns{Static: 1}}} {
		with := model.Columns{Hist: max(c.one.Hist, need.Hist), Future: max(c.one.Future, need.Future), Static: max(c.one.Static, need.Static)}
		if unread, err := model.Unread(n, sh.Lookback, sh.Horizon, with); err == nil && !slices.Contains(unread, c.kind) {
			kinds = append(kinds, c.kind)
		}
	}
	return kinds
}

// parametersOf counts a net's parameters on windows of that shape.
func parametersOf(n model.Net, sh TrainShape) (count int, err error) {
	p, err := model.Parameters(n, model.Shape{Lookback: sh.Lookback, Horizon: sh.Horizon, Channels: sh.Channels, Batch: 1},
		model.Columns{Future: sh.Future, Static: sh.Static}, model.TrainOptions{Loss: sh.Loss})
	if err != nil {
		return 0, err
	}
	for _, q := range p.List {
		count += q.Len()
	}
	return count, nil
}

// String is as the list's last line says.
func (s TrainShape) String() string {
	return fmt.Sprintf("%d/%d/%d/%d/%d", s.Lookback, s.Horizon, s.Channels, s.Future, s.Static)
}

func channelsOf(k model.Kind) string {
	if k.Mixes {
		return "mixed"
	}
	return "each alone"
}

// WriteModels lists every net: family, what it reads beside the targets, parameters at its default options, and paper.
func WriteModels(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "net\tfamily\tchannels\tcolumns\tparameters\tof windows\tpaper\n")
	for _, k := range model.Nets() {
		n, err := netOf(k)
		if err != nil {
			return err
		}
		sh := BenchOptions{}.shape(k.Name)
		count, err := parametersOf(n, sh)
		if err != nil {
			return fmt.Errorf("%s: %w", k.Name, err)
		}
		columns := strings.Join(columnsOf(n, sh), ", ")
		if columns == "" {
			columns = "–"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", k.Name, k.Family, channelsOf(k), columns, count, sh, k.Paper)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\nParameters are at default options; windows: lookback/horizon/channels/future/static columns. Options of one: deeprc models NAME\n")
	return err
}

// WriteModel tells of one net, with its options and their defaults.
func WriteModel(w io.Writer, name string) error {
	var names []string
	for _, k := range model.Nets() {
		if names = append(names, k.Name); k.Name != name {
			continue
		}
		n, err := netOf(k)
		if err != nil {
			return err
		}
		sh := BenchOptions{}.shape(k.Name)
		count, err := parametersOf(n, sh)
		if err != nil {
			return err
		}
		columns := "none: it reads the targets' past only"
		if c := columnsOf(n, sh); len(c) > 0 {
			columns = strings.Join(c, ", ")
		}
		fmt.Fprintf(w, "%s\n%s\n\nfamily      %s\nchannels    %s\ncolumns     %s\nparameters  %d (lookback %d, horizon %d, %d channels, %d future and %d static columns)\n", k.Name, k.Paper,
			k.Family, channelsOf(k), columns, count, sh.Lookback, sh.Horizon, sh.Channels, sh.Future, sh.Static)
		if r, ok := model.ReferenceOf(k.Name); ok {
			fmt.Fprintf(w, "weights     imported from and exported to %s's\n", r.Program)
		}
		if own := ownDefaults(k); own != "" {
			fmt.Fprintf(w, "defaults    %s\n", own)
		}
		v := reflect.ValueOf(n).Elem()
		if v.NumField() == 0 {
			_, err = io.WriteString(w, "\nIt has no options.\n")
			return err
		}
		if _, err := io.WriteString(w, "\nOptions in [[model]], beside those of every net (deeprc reference):\n"); err != nil {
			return err
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, f := range reflect.VisibleFields(v.Type()) {
			if f.Tag.Get("toml") != "" {
				fmt.Fprintf(t, "  %s = %s\t%s\n", f.Tag.Get("toml"), tomlValue(v.FieldByIndex(f.Index)), f.Tag.Get("doc"))
			}
		}
		return t.Flush()
	}
	return configErrorf("no net %q%s", name, didYouMean(name, names))
}
