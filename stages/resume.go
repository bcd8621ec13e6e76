package stages

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"deeprc/collective"
	"deeprc/model"
)

// checkpointsDir is the folder, in the run's, of the state of each model's training; those of cross-validation and intervals lie
// in folders below it.
const checkpointsDir = "checkpoints"

// checkpointFormat stands in a checkpoint's metadata.
const checkpointFormat = "deeprc checkpoint 1"

// Resumable checks that the run whose folder is dir can go on as cfg says: what its config.toml says of data, windows,
// models, training and tasks must be the same. Tasks may be added, and those that are not done may have another command or other data.
func Resumable(dir string, cfg *Config) error {
	path := filepath.Join(dir, "config.toml")
	saved, err := LoadConfig(path, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return configErrorf("--resume %s: there is no config.toml: it is no run's folder, or that run ended before it began to train; run it anew", dir)
	}
	if err != nil {
		return err
	}
	before, err := readJournal(filepath.Join(dir, journalFile))
	if err != nil {
		return err
	}
	old := map[string]bool{}
	for _, t := range saved.Tasks {
		old[t.Name] = true
	}
	fixed := func(c *Config) map[string]string {
		of := *c
		of.Tasks = nil
		for _, t := range c.Tasks {
			if !old[t.Name] && (saved.Sweep != nil || len(saved.Tasks) > 0) {
				continue
			}
			if !before.done(t.Name) {
				t.Command, t.Data = nil, ""
			}
			of.Tasks = append(of.Tasks, t)
		}
		return decisive(&of)
	}
	then, now := fixed(saved), fixed(cfg)
	all := maps.Clone(then)
	maps.Copy(all, now)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if a, b := then[key], now[key]; a != b {
			return configErrorf("--resume %s: %s was %s in that run and is %s now: go on with the value of then (the run's config.toml), or begin a new run", dir, key, orNone(a), orNone(b))
		}
	}
	return nil
}

// sweep removes what a process that was killed had begun to write in a run's folder.
func sweep(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && unfinished(e.Name()) {
			err = os.Remove(path)
		}
		return err
	})
}

// unfinished reports whether a file is one that writeAtomic had not finished.
func unfinished(name string) bool {
	return strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".tmp")
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
		for _, f := range reflect.VisibleFields(v.Type()) {
			key := f.Tag.Get("toml")
			switch {
			case key == "" || key == "checkpoint_every" || key == "log_every":
			case len(f.Index) > 1 && v.Type().Field(f.Index[0]).Type == reflect.TypeFor[RequestConfig](): // what a task asks for may change
			case isTable(f):
				add(path+"."+key, v.FieldByIndex(f.Index))
			default:
				out[path+"."+key] = tomlValue(v.FieldByIndex(f.Index))
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
	for _, t := range cfg.Tasks {
		add("task."+t.Name, reflect.ValueOf(t))
	}
	if cfg.Sweep != nil {
		add("sweep", reflect.ValueOf(*cfg.Sweep))
	}
	return out
}

// fingerprint tells one run's series from another's; it is computed once a run.
func (j *job) fingerprint() string {
	if j.print == "" {
		h := fnv.New64a()
		for _, slab := range [][]float32{j.series.Data.Past, j.series.Data.Target, j.series.Data.Inputs} {
			h.Write(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(slab))), 4*len(slab)))
		}
		j.print = fmt.Sprintf("%016x", h.Sum64())
	}
	return j.print
}

// shareFile is what a file holds, which rank 0 reads, on every rank; nothing where there is none and lack says that there
// need not be. Collective.
func shareFile(c collective.Comm, path string, lack bool) ([]byte, error) {
	var text []byte
	var err error
	if c.Rank() == 0 {
		if text, err = os.ReadFile(path); lack && errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	return collective.BroadcastBytes(c, text, 0)
}

// checkpoints lets training number k write its state, and go on from one that the run's folder holds; collective.
func (j *job) checkpoints(k int, name string, fit *model.Fit, seed uint64, hooks *model.Hooks) error {
	path := filepath.Join(j.dir, j.states, fmt.Sprintf("%d.safetensors", k))
	meta := map[string]string{"format": checkpointFormat, "model": name, "data": j.fingerprint(), "seed": fmt.Sprint(seed),
		"ranks": fmt.Sprint(j.c.Size()), "device": j.dev.Name()}
	if j.c.Rank() == 0 {
		hooks.Save = func(s *model.State) error {
			if err := makeBelow(j.dir, j.states); err != nil {
				return err
			}
			return writeAtomic(path, func(w io.Writer) error { return model.WriteSafetensors(w, s.Arrays(fit.Params), meta) })
		}
	}
	if !j.resume {
		return nil
	}
	text, err := shareFile(j.c, path, true) // it may not have begun
	if err != nil || len(text) == 0 {
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
