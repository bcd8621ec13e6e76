package model

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Rename says what a reference implementation calls parameters whose names
// fit Ours: {i} stands for any number, {word} for any word, and * for the rest of a name. In Theirs {2i+1}
// is computed from that number, or from the net's option of that name.
type Rename struct{ Ours, Theirs string }

// A Reference is the program whose weights of a net can be imported and exported.
// The same names are those of the golden tests.
type Reference struct {
	Program string
	Names   []Rename // the first that fits counts; a name that none fits is the same there
}

// A list of layers there counts activations and dropouts, too.
var (
	blockNames = []Rename{
		{"blocks.{i}.in.*", "blocks.{i}.layers.0.*"},
		{"blocks.{i}.hidden.{j}.*", "blocks.{i}.layers.{2j+1}.*"},
		{"blocks.{i}.theta.*", "blocks.{i}.layers.{2layers+1}.*"},
	}
	recurrentNames = []Rename{
		{"encoder.*", "hist_encoder.*"},
		{"upsample.*", "upsample_sequence.*"},
		{"decoder.{i}.*", "mlp_decoder.layers.{3i}.*"},
		{"out.*", "proj.*"},
	}
	patchNames = []Rename{
		{"patch.*", "model.backbone.W_P.*"},
		{"position", "model.backbone.W_pos"},
		{"layers.{i}.attention.query.*", "model.backbone.encoder.layers.{i}.self_attn.W_Q.*"},
		{"layers.{i}.attention.key.*", "model.backbone.encoder.layers.{i}.self_attn.W_K.*"},
		{"layers.{i}.attention.value.*", "model.backbone.encoder.layers.{i}.self_attn.W_V.*"},
		{"layers.{i}.attention.out.*", "model.backbone.encoder.layers.{i}.self_attn.to_out.0.*"},
		{"layers.{i}.norm1.*", "model.backbone.encoder.layers.{i}.norm_attn.1.*"},
		{"layers.{i}.norm2.*", "model.backbone.encoder.layers.{i}.norm_ffn.1.*"},
		{"layers.{i}.ff.in.*", "model.backbone.encoder.layers.{i}.ff.0.*"},
		{"layers.{i}.ff.out.*", "model.backbone.encoder.layers.{i}.ff.3.*"},
		{"head.*", "model.head.linear.*"},
		{"revin.*", "model.revin_layer.affine_*"},
	}
	coderNames = []Rename{
		{"encoder_embedding.value", "enc_embedding.value_embedding.tokenConv.weight"},
		{"encoder_embedding.columns", "enc_embedding.temporal_embedding.embed.weight"},
		{"decoder_embedding.value", "dec_embedding.value_embedding.tokenConv.weight"},
		{"decoder_embedding.columns", "dec_embedding.temporal_embedding.embed.weight"},
		{"encoder.modes", "encoder.attn_layers.0.attention.inner_correlation.weights1"},
		{"encoder.layers.{i}.attention.{word}.*", "encoder.attn_layers.{i}.attention.{word}_projection.*"},
		{"encoder.layers.*", "encoder.attn_layers.*"},
		{"encoder.between.{i}.conv.*", "encoder.conv_layers.{i}.downConv.*"},
		{"encoder.between.*", "encoder.conv_layers.*"},
		{"decoder.{word}_modes", "decoder.layers.0.{word}_attention.inner_correlation.weights1"},
		{"decoder.layers.{i}.self_attention.{word}.*", "decoder.layers.{i}.self_attention.{word}_projection.*"},
		{"decoder.layers.{i}.cross_attention.{word}.*", "decoder.layers.{i}.cross_attention.{word}_projection.*"},
		{"decoder.out.*", "decoder.projection.*"},
	}
	neuralHydrologyNames = []Rename{
		{"statics.{i}.*", "embedding_net.statics_embedding.net.{3i}.*"},
		{"dynamics.{i}.*", "embedding_net.dynamics_embeddings.0.net.{3i}.*"},
		{"gates.*", "dynamic_gates.*"},
		{"head.*", "head.net.0.*"},
	}
)

// mixerNames are those of a mixing of time and of features, featureNames those of features alone.
func mixerNames(ours, theirs string) []Rename {
	return append(featureNames(ours+".feature", theirs+".feature_mixer"), Rename{ours + ".temporal.*", theirs + ".temporal_mixer.temporal_*"})
}

func featureNames(ours, theirs string) []Rename {
	return []Rename{{ours + ".residual.*", theirs + ".project_residual.*"}, {ours + ".*", theirs + ".feature_*"}}
}

// references are the nets that have weights elsewhere.
var references = map[string]Reference{
	"nlinear": {"NeuralForecast", nil},
	"dlinear": {"NeuralForecast", []Rename{{"seasonal.*", "linear_season.*"}, {"trend.*", "linear_trend.*"}}},
	"mlp":     {"NeuralForecast", nil},
	"nbeats":  {"NeuralForecast", blockNames},
	"nbeatsx": {"NeuralForecast", blockNames},
	"nhits":   {"NeuralForecast", blockNames},
	"rnn":     {"NeuralForecast", recurrentNames},
	"gru":     {"NeuralForecast", recurrentNames},
	"lstm":    {"NeuralForecast", recurrentNames},
	"deepar":  {"NeuralForecast", []Rename{{"encoder.*", "hist_encoder.*"}, {"decoder.{i}.*", "decoder.layers.{3i}.*"}}},
	"dilatedrnn": {"NeuralForecast", []Rename{
		{"stack.{i}.{j}.*_l0", "rnn_stack.{i}.cells.{j}.*_l0"},
		{"stack.{i}.{j}.*", "rnn_stack.{i}.cells.{j}.cell.*"}, // of reslstm
		{"context.*", "context_adapter.*"},
		{"decoder.{i}.*", "mlp_decoder.layers.{3i}.*"},
	}},
	"tcn": {"NeuralForecast", []Rename{{"encoder.{i}.*", "hist_encoder.tcn.{i}.conv.*"}, {"context.*", "context_adapter.*"}, {"decoder.{i}.*", "mlp_decoder.layers.{3i}.*"}}},
	"bitcn": {"NeuralForecast", []Rename{
		{"past.*", "lin_hist.*"},
		{"future.*", "lin_futr.*"},
		{"backward.*", "net_bwd.*"},
		{"forward.*", "net_fwd.*"},
		{"temporal.{i}.*", "temporal_lin{i+1}.*"},
		{"out.*", "output_lin.*"},
	}},
	"tft":      {"NeuralForecast", nil},
	"timesnet": {"NeuralForecast", nil},
	"tide": {"NeuralForecast", []Rename{
		{"hist.*", "hist_exog_projection.*"},
		{"future.*", "futr_exog_projection.*"},
		{"encoder.*", "dense_encoder.*"},
		{"decoder.*", "dense_decoder.*"},
		{"temporal.*", "temporal_decoder.*"},
		{"skip.*", "global_skip.*"},
	}},
	"tsmixer": {"NeuralForecast", slices.Concat([]Rename{{"revin.*", "norm.affine_*"}}, mixerNames("blocks.{i}", "mixing_layers.{i}"))},
	"tsmixerx": {"NeuralForecast", slices.Concat([]Rename{{"revin.*", "norm.affine_*"}, {"project.*", "temporal_projection.*"}},
		featureNames("hist", "feature_mixer_hist"), featureNames("future", "feature_mixer_futr"), featureNames("static", "feature_mixer_stat"),
		mixerNames("first", "first_mixing"), featureNames("blocks.{i}.static", "mixing_block.{i}.feature_mixer_stat"), mixerNames("blocks.{i}", "mixing_block.{i}"))},
	"itransformer": {"NeuralForecast", []Rename{
		{"embed.*", "enc_embedding.value_embedding.*"},
		{"future.*", "futr_embedding.*"},
		{"encoder.{i}.*", "encoder.attn_layers.{i}.*"},
		{"out.*", "projector.*"},
	}},
	"timemixer": {"NeuralForecast", []Rename{
		{"revin.{i}.*", "normalize_layers.{i}.affine_*"},
		{"embed.weight", "enc_embedding.value_embedding.tokenConv.weight"},
		{"blocks.{i}.cross.{j}.*", "pdm_blocks.{i}.cross_layer.{2j}.*"},
		{"blocks.{i}.season.{k}.{j}.*", "pdm_blocks.{i}.mixing_multi_scale_season.down_sampling_layers.{k}.{2j}.*"},
		{"blocks.{i}.trend.{k}.{j}.*", "pdm_blocks.{i}.mixing_multi_scale_trend.up_sampling_layers.{k}.{2j}.*"},
		{"predict.{i}.*", "predict_layers.{i}.*"},
		{"project.*", "projection_layer.*"},
		{"trend.{i}.0.*", "out_res_layers.{i}.*"},
		{"trend.{i}.1.*", "regression_layers.{i}.*"},
		{"outputs.*", "distr_output.*"},
	}},
	"cudalstm":           {"NeuralHydrology", neuralHydrologyNames},
	"ealstm":             {"NeuralHydrology", neuralHydrologyNames},
	"patchtst":           {"NeuralForecast", patchNames},
	"vanillatransformer": {"NeuralForecast", coderNames},
	"informer":           {"NeuralForecast", coderNames},
	"autoformer":         {"NeuralForecast", coderNames},
	"fedformer":          {"NeuralForecast", coderNames},
}

// ReferenceOf is the reference of the nets of that name.
func ReferenceOf(net string) (r Reference, ok bool) {
	r, ok = references[net]
	return r, ok
}

// unread are arrays of a checkpoint of NeuralForecast that no forecast depends on: losses' quantiles, the bases of [NBEATS] and
// sines and cosines, which are computed here, sizes of [DilatedRNN]'s cells, the scale of attention, the map to a residual's width of a cell that has it already, counts of batch norms' batches,
// [TFT]'s mask, maps of a context that is 0, and choices among one column, a block of [TiDE] for historic columns where there
// are none, and maps of [TimeMixer] that read no columns or that nothing reads.
var unread = []string{"loss.*", "valid_loss.*", "*.num_batches_tracked", "blocks.{i}.basis.*", "rnn_stack.{i}.cells.{j}.cell.hidden_size",
	"rnn_stack.{i}.cells.{j}.cell.input_size", "rnn_stack.{i}.cells.{j}.cell.weight_ir", "*.sdp_attn.scale", "temporal_fusion_decoder.attention._mask", "enc_embedding.position_embedding.pe", "*.lin_c.weight", "*.joint_grn.*",
	"hist_exog_projection.*", "enc_embedding.temporal_embedding.*", "pdm_blocks.{i}.out_cross_layer.*", "pdm_blocks.{i}.layer_norm.*"}

// Name is what r calls n's parameter name.
func (r Reference) Name(n Net, name string) string {
	for _, rule := range r.Names {
		if numbers, ok := fits(rule.Ours, name); ok {
			return expression.ReplaceAllStringFunc(rule.Theirs, func(e string) string {
				if e == "*" || e == "{word}" {
					return numbers[e]
				}
				part := expression.FindStringSubmatch(e)
				v, err := strconv.Atoi(numbers[part[2]])
				if err != nil {
					v = option(n, part[2])
				}
				return strconv.Itoa(v*numberOr(part[1], 1) + numberOr(part[3], 0))
			})
		}
	}
	return name
}

// expression is *, or {2i+1}: factor, name and summand.
var expression = regexp.MustCompile(`\*|\{(\d*)([a-z_]+)(?:\+(\d+))?\}`)

// fits tells whether name is of the pattern, and what its {i} and * stand for.
func fits(pattern, name string) (parts map[string]string, ok bool) {
	var keys []string
	re := regexp.QuoteMeta(pattern)
	re = regexp.MustCompile(`\\\*|\\\{([a-z_]+)\\\}`).ReplaceAllStringFunc(re, func(e string) string {
		switch e {
		case `\*`:
			keys = append(keys, "*")
			return "(.*)"
		case `\{word\}`:
			keys = append(keys, "{word}")
			return "([a-z]+)"
		}
		keys = append(keys, strings.Trim(e, `\{}`))
		return `(\d+)`
	})
	found := regexp.MustCompile("^" + re + "$").FindStringSubmatch(name)
	if found == nil {
		return nil, false
	}
	parts = map[string]string{}
	for i, k := range keys {
		parts[k] = found[i+1]
	}
	return parts, true
}

func numberOr(text string, other int) int {
	if v, err := strconv.Atoi(text); err == nil {
		return v
	}
	return other
}

// inner is n without a scaler around it.
func inner(n Net) Net {
	if s, ok := n.(Scaled); ok {
		return s.Net
	}
	return n
}

// option is n's option of that key, a whole number.
func option(n Net, key string) int {
	v := reflect.Indirect(reflect.ValueOf(inner(n)))
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Tag.Get("toml") == key {
			return int(v.FieldByIndex(f.Index).Int())
		}
	}
	panic(fmt.Sprintf("model: %T has no option %q", n, key))
}

// Import gives arrays of r's names, float32, the names of n's parameters p. The
// error lists all that is missing, does not fit, or is no parameter of n.
func (r Reference) Import(n Net, p *Params, arrays []Named) (ours []Named, err error) {
	if err := r.check(n); err != nil {
		return nil, err
	}
	byName := map[string]Named{}
	for _, a := range arrays {
		byName[a.Name] = a
	}
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, q := range slices.Concat(p.List, p.Running) {
		name := r.Name(n, q.Name)
		a, ok := byName[name]
		delete(byName, name)
		switch _, float := a.Data.([]float32); {
		case !ok:
			wrong("%s is missing, parameter %s here", name, q.Name)
		case !float:
			wrong("%s: its values are %T: convert them to float32", name, a.Data)
		case !slices.Equal(a.Shape, q.Shape):
			wrong("%s has shape %v, parameter %s here has %v", name, a.Shape, q.Name, q.Shape)
		}
		ours = append(ours, Named{q.Name, a.Shape, a.Data})
	}
	unread := unread
	if u, ok := inner(n).(interface{ unread() []string }); ok {
		unread = slices.Concat(unread, u.unread())
	}
	for _, a := range arrays {
		if _, left := byName[a.Name]; left && !slices.ContainsFunc(unread, func(c string) bool { _, ok := fits(c, a.Name); return ok }) {
			wrong("%s, of shape %v, is no parameter of this net", a.Name, a.Shape)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return ours, nil
}

// Export gives arrays of n's parameters r's names, in their order.
func (r Reference) Export(n Net, arrays []Named) (theirs []Named, err error) {
	if err := r.check(n); err != nil {
		return nil, err
	}
	for _, a := range arrays {
		theirs = append(theirs, Named{r.Name(n, a.Name), a.Shape, a.Data})
	}
	slices.SortFunc(theirs, func(a, b Named) int { return strings.Compare(a.Name, b.Name) })
	return theirs, nil
}

// check is the error of a net whose weights are others there.
func (r Reference) check(n Net) error {
	if s, ok := n.(Scaled); ok && s.Scaler == "revin" {
		return fmt.Errorf("the weights of scaler = \"revin\" are others in %s, one for each column that a net reads: they can be neither imported nor exported", r.Program)
	}
	if e, ok := inner(n).(interface{ exchange() error }); ok {
		return e.exchange()
	}
	return nil
}
