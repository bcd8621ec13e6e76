package stages

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"deeprc/collective"
	"deeprc/model"
)

// checkpointsDir is the folder, in the run's, of the state of each model's training.
const checkpointsDir = "checkpoints"

// checkpointFormat stands in a checkpoint's metadata.
const checkpointFormat = "deeprc checkpoint 1"

// resumable checks that the run whose folder is dir can go on as cfg says: what its config.toml says of data, windows,
// models and training must be the same.
func resumable(dir string, cfg *Config) error {
	path := filepath.Join(dir, "config.toml")
	saved, err := LoadConfig(path, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return configErrorf("--resume %s: there is no config.toml: it is no run's folder, or that run ended before it began to train; run it anew", dir)
	}
	if err != nil {
		return err
	}
	then, now := decisive(saved), decisive(cfg)
	for _, key := range slices.Sorted(mapKeys(then, now)) {
		if a, b := then[key], now[key]; a != b {
			return configErrorf("--resume %s: %s was %s in that run and is %s now: go on with the value of then (the run's config.toml), or begin a new run", dir, key, orNone(a), orNone(b))
		}
	}
	return nil
}

func mapKeys(maps ...map[string]string) func(yield func(string) bool) {
	all := map[string]bool{}
	for _, m := range maps {
		for k := range m {
			all[k] = true
		}
	}
	return func(yield func(string) bool) {
		for k := range all {
			if !yield(k) {
				return
			}
		}
	}
}

func orNone(s string) string {
	if s == "" {
		return "not there"
	}
	return s
}

// decisive are the keys that decide what is trained, with their values; the others may change when a run goes on.
func decisive(cfg *Config) map[string]string {
	out := map[string]string{"run.seed": fmt.Sprint(cfg.Run.Seed)}
	var add func(path string, v reflect.Value)
	add = func(path string, v reflect.Value) {
		for i := range v.NumField() {
			f := v.Type().Field(i)
			key := f.Tag.Get("toml")
			switch {
			case key == "" || key == "checkpoint_every" || key == "log_every":
			case isTable(f):
				add(path+"."+key, v.Field(i))
			default:
				out[path+"."+key] = tomlValue(v.Field(i))
			}
		}
	}
	add("data", reflect.ValueOf(cfg.Data))
	add("windows", reflect.ValueOf(cfg.Windows))
	for i, s := range cfg.Steps {
		path := fmt.Sprintf("preprocess.%d", i)
		add(path, reflect.ValueOf(s))
		add(path, reflect.ValueOf(s.Options).Elem())
	}
	for i, m := range cfg.Models {
		path := fmt.Sprintf("model.%d", i)
		add(path, reflect.ValueOf(m))
		add(path, reflect.ValueOf(m.Options).Elem())
		add(path+".train", reflect.ValueOf(m.Train))
	}
	return out
}

// fingerprint tells one slab of series from another.
func fingerprint(s *Series) string {
	h := fnv.New64a()
	for _, slab := range [][]float32{s.Data.Past, s.Data.Target, s.Data.Inputs} {
		h.Write(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(slab))), 4*len(slab)))
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// checkpoints lets training number k write its state, and go on from one that the run's folder holds; collective.
func (j *job) checkpoints(k int, name string, fit *model.Fit, seed uint64, hooks *model.Hooks) error {
	if j.dir == "" {
		return nil
	}
	path := filepath.Join(j.dir, checkpointsDir, fmt.Sprintf("%d.safetensors", k))
	meta := map[string]string{"format": checkpointFormat, "model": name, "data": fingerprint(j.series), "seed": fmt.Sprint(seed),
		"ranks": fmt.Sprint(j.c.Size()), "device": j.dev.Name()}
	if j.c.Rank() == 0 {
		hooks.Save = func(s *model.State) error {
			if err := makeBelow(j.dir, checkpointsDir); err != nil {
				return err
			}
			return writeAtomic(path, func(w io.Writer) error { return model.WriteSafetensors(w, s.Arrays(fit.Params), meta) })
		}
	}
	if !j.resume {
		return nil
	}
	var text []byte
	var err error
	if j.c.Rank() == 0 {
		if text, err = os.ReadFile(path); errors.Is(err, fs.ErrNotExist) {
			err = nil // it had not begun
		}
	}
	if err := collective.Agree(j.c, err); err != nil {
		return err
	}
	if text, err = collective.BroadcastBytes(j.c, text, 0); err != nil || len(text) == 0 {
		return err
	}
	arrays, was, err := model.ReadSafetensors(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, key := range []string{"format", "model", "seed", "data"} {
		if was[key] != meta[key] && key == "data" {
			return fmt.Errorf("%s: the data is not that which the training began with: give it the same, or begin a new run", path)
		} else if was[key] != meta[key] {
			return fmt.Errorf("%s: its %s is %q, want %q: it belongs to another training; begin a new run", path, key, was[key], meta[key])
		}
	}
	if hooks.Resume, err = model.StateOf(fit.Params, arrays); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, key := range []string{"ranks", "device"} {
		if was[key] != meta[key] && !hooks.Resume.Finished {
			j.screen.printf("note: %s goes on with other %s (%s, then %s): equal to an uninterrupted run up to rounding only", name,
				strings.TrimSuffix(key, "s")+"s", meta[key], was[key])
		}
	}
	return nil
}
