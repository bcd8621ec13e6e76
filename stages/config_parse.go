package stages

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"deeprc/model"
)

// parseTOML makes a tree of a file's text; hint, of the parser's message, is put behind it.
func parseTOML(file, text string, hint func(message string) string) (map[string]any, error) {
	tree := map[string]any{}
	_, err := toml.Decode(text, &tree)
	var p toml.ParseError
	switch {
	case errors.As(err, &p):
		return nil, configErrorf("%s:%d: %s%s", file, p.Position.Line, p.Message, hint(p.Message))
	case err != nil:
		return nil, configErrorf("%s: %w", file, err)
	}
	return tree, nil
}

// bracketsHint says how tables of which there may be several are written.
func bracketsHint(message string) string {
	for _, name := range []string{"preprocess", "model", "task"} {
		if strings.Contains(message, "'"+name+"' has already") {
			return " Each [[preprocess]], [[model]] and [[task]] has two brackets."
		}
	}
	return ""
}

// parseConfig makes a Config of a file's text and the assignments of --set.
func parseConfig(file, text string, sets []string) (*Config, error) {
	tree, err := parseTOML(file, text, bracketsHint)
	if err != nil {
		return nil, err
	}
	d := newDecoder(file, text)
	for _, s := range sets {
		if err := d.assign(tree, s); err != nil {
			return nil, ConfigError{err}
		}
	}
	cfg := &Config{}
	if err := d.config(cfg, tree); err != nil {
		return nil, ConfigError{err}
	}
	err = cfg.check()
	var placed *placedError
	if errors.As(err, &placed) {
		return nil, ConfigError{err}
	}
	if err != nil {
		return nil, configErrorf("%s: %w", file, err)
	}
	if _, err := cfg.plan(); err != nil {
		return nil, ConfigError{d.task(err)}
	}
	return cfg, nil
}

// decoder fills tagged structs from a TOML tree. Unlike toml.Unmarshal it knows
// defaults, and where a key that it does not know stands.
type decoder struct {
	file   string
	text   string
	places map[string]place // of each key path of the file
	set    map[string]bool  // key paths given by --set
}

func newDecoder(file, text string) decoder {
	return decoder{file: file, text: text, places: keyPlaces(text), set: map[string]bool{}}
}

func (d decoder) config(cfg *Config, tree map[string]any) error {
	models, err := tables(tree["model"])
	if err != nil {
		return d.at("model", err)
	}
	rest := map[string]any{}
	for k, v := range tree {
		if !slices.Contains([]string{"model", "preprocess", "task", "sweep"}, k) {
			rest[k] = v
		}
	}
	if err := d.steps(cfg, tree["preprocess"]); err != nil {
		return err
	}
	if err := d.fill(reflect.ValueOf(cfg).Elem(), rest, ""); err != nil {
		return err
	}
	first := 0
	for i, t := range models {
		path := fmt.Sprintf("model.%d", i)
		m := ModelConfig{Train: cfg.Train, first: first}
		name, ok := t["net"].(string)
		if t["net"] == nil {
			name = "nlinear"
		} else if !ok {
			return d.at(path+".net", fmt.Errorf("is %v: want a string in quotes", t["net"]))
		}
		if m.Options, err = model.NewNet(name); err != nil {
			var names []string
			for _, k := range model.Nets() {
				names = append(names, k.Name)
			}
			return d.at(path+".net", fmt.Errorf("no net %q%s", name, didYouMean(name, names)))
		}
		kind, _ := model.FindKind(name)
		t, train := withDefaults(t, kind.Defaults, tree["train"])
		if err := d.fields(reflect.ValueOf(&m.Train).Elem(), train, path+".train", false); err != nil {
			return d.at(path, err)
		}
		if sub, ok := t["train"]; ok {
			tt, ok := sub.(map[string]any)
			if !ok {
				return d.at(path+".train", errors.New("want a table"))
			}
			if err := d.fields(reflect.ValueOf(&m.Train).Elem(), tt, path+".train", false); err != nil {
				return err
			}
		}
		if err := d.split(reflect.ValueOf(&m).Elem(), reflect.ValueOf(m.Options).Elem(), t, path, "train"); err != nil {
			return err
		}
		if m.Name == "" {
			m.Name = m.Net
			if m.Solver != "gradient" {
				m.Name += "_" + m.Solver
			}
		}
		if m.Net == "nlinear" && m.Solver == "ols" { // it is what the baseline of that name would be
			cfg.Evaluate.Baselines = slices.DeleteFunc(cfg.Evaluate.Baselines, func(b string) bool { return b == m.Name })
		}
		cfg.Models = append(cfg.Models, m)
		first += max(1, len(m.Seeds))
	}
	return d.tasks(cfg, tree)
}

// withDefaults is the table of a [[model]] with the net's own defaults for keys that it does not have, and those for training
// that the [train] table, which counts for all models, does not have.
func withDefaults(t map[string]any, own map[string]any, train any) (model, trained map[string]any) {
	model, trained = maps.Clone(t), map[string]any{}
	given, _ := train.(map[string]any)
	for key, v := range own {
		if rest, ok := strings.CutPrefix(key, "train."); ok {
			if _, set := given[rest]; !set {
				trained[rest] = v
			}
		} else if _, set := t[key]; !set {
			model[key] = v
		}
	}
	return model, trained
}

// split fills both v and the options of its kind from one table; keys of extra are neither's.
func (d decoder) split(v, options reflect.Value, t map[string]any, path string, extra ...string) error {
	own, rest := map[string]any{}, map[string]any{}
	mine, theirs := keysOf(v.Type()), keysOf(options.Type())
	for k, val := range t {
		switch {
		case slices.Contains(extra, k):
		case slices.Contains(mine, k):
			own[k] = val
		case slices.Contains(theirs, k):
			rest[k] = val
		default:
			return d.unknown(path, k, slices.Concat(extra, mine, theirs))
		}
	}
	if err := d.fill(v, own, path); err != nil {
		return err
	}
	return d.fill(options, rest, path)
}

// steps fills the [[preprocess]] tables.
func (d decoder) steps(cfg *Config, v any) error {
	list, err := tables(v)
	if err != nil {
		return d.at("preprocess", errors.New("want [[preprocess]] tables, with two brackets"))
	}
	for i, t := range list {
		path := fmt.Sprintf("preprocess.%d", i)
		name, ok := t["op"].(string)
		kind, known := findOperator(name)
		switch {
		case t["op"] == nil:
			return d.at(path, errors.New("op is not set: name an operator"))
		case !ok:
			return d.at(path+".op", fmt.Errorf("is %v: want a string in quotes", t["op"]))
		case !known:
			return d.at(path+".op", fmt.Errorf("no operator %q%s", name, didYouMean(name, operatorNames())))
		}
		s := StepConfig{Options: kind.make(), at: fmt.Sprintf("%s:%d", d.file, d.places[path].line)}
		if err := d.split(reflect.ValueOf(&s).Elem(), reflect.ValueOf(s.Options).Elem(), t, path); err != nil {
			return err
		}
		cfg.Steps = append(cfg.Steps, s)
	}
	return nil
}

func tables(v any) ([]map[string]any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []map[string]any:
		return v, nil
	}
	return nil, errors.New("want [[model]] tables, with two brackets")
}

// keysOf are a struct's keys: those of its tagged fields, and of structs embedded in it.
func keysOf(t reflect.Type) (keys []string) {
	for _, f := range reflect.VisibleFields(t) {
		if k := f.Tag.Get("toml"); k != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

func (d decoder) fill(v reflect.Value, tree map[string]any, path string) error {
	return d.fields(v, tree, path, true)
}

// fields sets the tagged fields of struct v from tree; where tree has no such key, from the default.
func (d decoder) fields(v reflect.Value, tree map[string]any, path string, defaults bool) error {
	keys := keysOf(v.Type())
	for k := range tree {
		if !slices.Contains(keys, k) {
			return d.unknown(path, k, keys)
		}
	}
	for _, f := range reflect.VisibleFields(v.Type()) {
		key, field := f.Tag.Get("toml"), v.FieldByIndex(f.Index)
		if key == "" || f.Type.Kind() == reflect.Pointer || f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			continue
		}
		full := strings.TrimPrefix(path+"."+key, ".")
		val, given := tree[key]
		if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[Split]() {
			sub, ok := val.(map[string]any)
			if given && !ok {
				return d.at(full, errors.New("want a table"))
			}
			if err := d.fields(field, sub, full, defaults); err != nil {
				return err
			}
			continue
		}
		if def, ok := f.Tag.Lookup("default"); !given && ok && defaults {
			switch f.Type.Kind() {
			case reflect.String:
				val = def
			default:
				var t map[string]any
				if _, err := toml.Decode("v = "+def, &t); err != nil {
					panic(fmt.Sprintf("stages: default of %s: %v", full, err))
				}
				val = t["v"]
			}
			given = true
		}
		if !given {
			continue
		}
		if err := setValue(field, val); err != nil {
			return d.at(full, err)
		}
	}
	return nil
}

// assign applies one key=value of --set to the tree: a value in TOML's notation, else a string.
func (d decoder) assign(tree map[string]any, s string) error {
	key, val, ok := strings.Cut(s, "=")
	key = strings.TrimSpace(key)
	if !ok || key == "" {
		return fmt.Errorf("--set %s: want key=value, as windows.horizon=192", s)
	}
	var t map[string]any
	var value any = strings.TrimSpace(val)
	if _, err := toml.Decode("v = "+val, &t); err == nil && len(t) == 1 {
		value = t["v"]
	}
	parts := strings.Split(key, ".")
	if _, ok := tree["model"]; parts[0] == "model" && !ok {
		return fmt.Errorf("--set %s: the config has no [[model]]", s)
	}
	d.set[key] = true
	for i := 0; i < len(parts)-1; i++ {
		switch next := tree[parts[i]].(type) {
		case nil:
			m := map[string]any{}
			tree[parts[i]] = m
			tree = m
		case map[string]any:
			tree = next
		case []map[string]any:
			n, err := strconv.Atoi(parts[i+1])
			if err != nil || n < 0 || n >= len(next) || i+2 >= len(parts) {
				return fmt.Errorf("--set %s: name one of the %d [[%s]] by its number, as %s.0.net=dlinear", s, len(next), parts[i], parts[i])
			}
			tree = next[n]
			i++
		default:
			return fmt.Errorf("--set %s: %s is no table", s, strings.Join(parts[:i+1], "."))
		}
	}
	tree[parts[len(parts)-1]] = value
	return nil
}

func (d decoder) unknown(path, key string, keys []string) error {
	full := strings.TrimPrefix(path+"."+key, ".")
	where := "the top level"
	if path != "" {
		where = "[" + path + "]"
	}
	return d.at(full, fmt.Errorf("unknown key in %s%s", where, didYouMean(key, keys)))
}

// at says where a key stands: file:line, or --set.
func (d decoder) at(path string, err error) error {
	if d.set[path] {
		return fmt.Errorf("--set %s: %w", path, err)
	}
	for p := path; ; p = p[:strings.LastIndex(p, ".")] {
		if at, ok := d.places[p]; ok {
			return fmt.Errorf("%s:%d: %s: %w", d.file, at.line, path, err)
		}
		if !strings.Contains(p, ".") {
			return fmt.Errorf("%s: %s: %w", d.file, path, err)
		}
	}
}
