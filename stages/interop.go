package stages

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"deeprc/model"
)

// Import writes to out, as a model.safetensors that init can name, the weights of model name of cfg (the only one if it is
// "") that file, safetensors, holds under the names of the net's reference; see [model.Reference]. Windows,
// columns and loss of cfg say what shapes they have. The scales of columns, which the file has of NeuralHydrology's nets, are written, too, for
// data.scales; all columns of cfg must be among them.
func Import(file string, cfg *Config, name, out string) error {
	m, err := pick(cfg.Models, name)
	if err != nil {
		return err
	}
	r, err := m.reference()
	if err != nil {
		return err
	}
	p, err := model.Parameters(m.net(), model.Shape{Lookback: cfg.Windows.Lookback, Horizon: cfg.Windows.Horizon,
		Channels: max(1, len(cfg.Data.Channels)), Batch: 1}, cfg.Data.columns(), m.Train)
	if err != nil {
		return fmt.Errorf("model %q: %w", m.Name, err)
	}
	arrays, err := readArrays(file)
	if err != nil {
		return err
	}
	arrays, scales := cutScales(arrays)
	if len(scales) > 0 {
		if _, err := cfg.Data.scalesOf(scales); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	if arrays, err = r.Import(m.net(), p, arrays); err != nil {
		return fmt.Errorf("%s does not fit model %q, net %s, lookback %d, horizon %d, %d hist, %d future and %d static columns:\n%w", file, m.Name, m.Net,
			cfg.Windows.Lookback, cfg.Windows.Horizon, len(cfg.Data.Hist), len(cfg.Data.Future), len(cfg.Data.Static), err)
	}
	for i := range arrays {
		arrays[i].Name = m.Name + "." + arrays[i].Name
	}
	return writeArrays(out, append(arrays, scales...), map[string]string{"format": "deeprc"})
}

// Export writes to out the weights of model name of the run in folder dir, under the names of the net's reference. An
// ensemble's member is a model; "" is the only one.
func Export(dir, name, out string) error {
	cfg, err := LoadConfig(filepath.Join(dir, "config.toml"), nil)
	if err != nil {
		return err
	}
	var all []ModelConfig
	for _, m := range cfg.Models {
		for _, m.Name = range m.members() {
			all = append(all, m)
		}
	}
	m, err := pick(all, name)
	if err != nil {
		return err
	}
	r, err := m.reference()
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "model.safetensors")
	arrays, err := readArrays(path)
	if err != nil {
		return err
	}
	var mine []model.Named
	for _, a := range arrays {
		if rest, ok := strings.CutPrefix(a.Name, m.Name+"."); ok {
			mine = append(mine, model.Named{Name: rest, Shape: a.Shape, Data: a.Data})
		}
	}
	if mine == nil {
		return fmt.Errorf("%s has no model %q: its training did not come so far", path, m.Name)
	}
	if mine, err = r.Export(m.net(), mine); err != nil {
		return fmt.Errorf("model %q: %w", m.Name, err)
	}
	return writeArrays(out, mine, nil)
}

// pick is the model of that name, the only one if name is "".
func pick(models []ModelConfig, name string) (ModelConfig, error) {
	var names []string
	for _, m := range models {
		if m.Name == name || name == "" && len(models) == 1 {
			return m, nil
		}
		names = append(names, m.Name)
	}
	switch {
	case len(models) == 0:
		return ModelConfig{}, configErrorf("the config has no [[model]]")
	case name == "":
		return ModelConfig{}, configErrorf("there are the models %s: name one with --model", list(names))
	}
	return ModelConfig{}, configErrorf("--model: no model %q%s", name, didYouMean(name, names))
}

// reference is whose weights m's net can have.
func (m ModelConfig) reference() (model.Reference, error) {
	r, ok := model.ReferenceOf(m.Net)
	if !ok {
		return r, configErrorf("model %q: the weights of net %s can be neither imported nor exported: no other program is known to have them", m.Name, m.Net)
	}
	if key := model.ScalesBack(m.Options); key != "" && m.Train.Distribution() {
		return r, configErrorf("model %q: the weights of net %s with %s = true and loss = %q can be neither imported nor exported: %s scales a deviation back in another way", m.Name, m.Net, key, m.Train.Loss, r.Program)
	}
	return r, nil
}

// members are the names that m's parameters have in a run's files.
func (m ModelConfig) members() (names []string) {
	for _, seed := range m.Seeds {
		names = append(names, memberName(m.Name, seed))
	}
	if names == nil {
		return []string{m.Name}
	}
	return names
}

// readArrays reads a safetensors file.
func readArrays(path string) ([]model.Named, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	arrays, _, err := model.ReadSafetensors(f, info.Size())
	if err != nil {
		hint := ""
		if slices.Contains([]string{".pt", ".ckpt", ".pth", ".bin"}, filepath.Ext(path)) {
			hint = "; bench/peers/convert_checkpoint.py makes a safetensors file of a checkpoint of PyTorch"
		}
		return nil, fmt.Errorf("%s: %w%s", path, err, hint)
	}
	return arrays, nil
}

func writeArrays(path string, arrays []model.Named, meta map[string]string) error {
	return writeAtomic(path, func(w io.Writer) error { return model.WriteSafetensors(w, arrays, meta) })
}
