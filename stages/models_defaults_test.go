package stages

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"deeprc/model"
)

// sameMeaning are, by net, our options and what NeuralForecast calls them; a word alone is called the same there, and "-" is ours alone.
var sameMeaning = func() map[string]string {
	const (
		decoder   = " decoder_layers decoder_hidden=decoder_hidden_size"
		recurrent = "layers=encoder_n_layers hidden=encoder_hidden_size dropout=encoder_dropout recurrent train_horizon=h_train" + decoder
		coder     = "hidden=hidden_size conv_hidden=conv_hidden_size heads=n_head dropout encoder_layers decoder_layers " +
			"decoder_input=decoder_input_size_multiplier activation"
		stack = "stacks=stack_types blocks=n_blocks layers=mlp_units hidden=mlp_units harmonics=n_harmonics activation shared=shared_weights"
		mixer = "blocks=n_block hidden=ff_dim dropout revin"
	)
	return map[string]string{
		"nlinear": "",
		"dlinear": "kernel=moving_avg_window",
		"mlp":     "layers=num_layers hidden=hidden_size",
		"nbeats":  stack + " basis degree=n_basis",
		"nbeatsx": stack + " degree=n_polynomials",
		"nhits": "blocks=n_blocks pool=n_pool_kernel_size downsample=n_freq_downsample layers=mlp_units hidden=mlp_units pooling=pooling_mode " +
			"interpolation=interpolation_mode activation",
		"lstm": recurrent,
		"gru":  recurrent,
		"rnn":  recurrent + " encoder_activation",
		"deepar": "layers=lstm_n_layers hidden=lstm_hidden_size dropout=lstm_dropout decoder_layers=decoder_hidden_layers samples=trajectory_samples " +
			"train_horizon=h_train decoder_hidden=-", // there it is 0, as there are no layers that have it
		"dilatedrnn": "cell=cell_type dilations hidden=encoder_hidden_size" + decoder,
		"tcn":        "kernel=kernel_size dilations hidden=encoder_hidden_size activation=encoder_activation" + decoder,
		"bitcn":      "hidden=hidden_size dropout",
		"tft": "hidden=hidden_size heads=n_head dropout attention_dropout=attn_dropout activation=grn_activation cell=rnn_type layers=n_rnn_layers " +
			"one_state=one_rnn_initial_state",
		"timesnet": "hidden=hidden_size conv_hidden=conv_hidden_size top=top_k kernels=num_kernels layers=encoder_layers dropout",
		"patchtst": "layers=encoder_layers heads=n_heads hidden=hidden_size ff_hidden=linear_hidden_size patch=patch_len stride dropout " +
			"attention_dropout=attn_dropout head_dropout activation residual_attention=res_attention pre_norm=batch_normalization revin revin_affine " +
			"revin_last=revin_subtract_last",
		"vanillatransformer": coder,
		"informer":           coder + " factor distil",
		"autoformer":         coder + " factor kernel=MovingAvg_window",
		"fedformer":          coder + " modes mode_select kernel=MovingAvg_window mode_seed=-",
		"tide": "hidden=hidden_size encoder_layers=num_encoder_layers decoder_layers=num_decoder_layers decoder_output=decoder_output_dim " +
			"temporal_decoder_hidden=temporal_decoder_dim temporal_width dropout layer_norm=layernorm",
		"tsmixer":      mixer,
		"tsmixerx":     mixer,
		"itransformer": "hidden=hidden_size heads=n_heads layers=e_layers ff_hidden=d_ff dropout norm=use_norm",
		"timemixer": "hidden=d_model ff_hidden=d_ff layers=e_layers dropout kernel=moving_avg scales=down_sampling_layers " +
			"window=down_sampling_window pooling=down_sampling_method norm=use_norm",
	}
}()

// absent are options of NeuralForecast alone, of any net or of one: ARCHITECTURE.md, decision 34.
var absent = strings.Fields(`decoder_activation context_size encoder_bias dropout_prob_theta deepar.decoder_hidden_size fedformer.version gru.encoder_activation
	itransformer.d_layers itransformer.factor nbeats.n_polynomials nhits.stack_types patchtst.fc_dropout patchtst.learn_pos_embed tft.tgt_size
	timemixer.channel_independence timemixer.decomp_method timemixer.decoder_input_size_multiplier timemixer.top_k`)

// Every default of a net is that of NeuralForecast's net of the same name, and no option of either is left out unsaid.
func TestDefaultsAgainstTheReference(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "model", "testdata", "golden", "defaults.json"))
	if err != nil {
		t.Fatal(err)
	}
	var reference map[string]map[string]any
	if err := json.Unmarshal(text, &reference); err != nil {
		t.Fatal(err)
	}
	for _, k := range model.Nets() {
		if r, ok := model.ReferenceOf(k.Name); !ok || r.Program != "NeuralForecast" {
			continue
		}
		theirs, known := reference[k.Name]
		names, mapped := sameMeaning[k.Name]
		if !known || !mapped {
			t.Errorf("%s: defaults of the reference: %v, its names: %v", k.Name, known, mapped)
			continue
		}
		name := map[string]string{"scaler": "scaler_type"}
		for _, word := range strings.Fields(names) {
			ours, same, renamed := strings.Cut(word, "=")
			if !renamed {
				same = ours
			}
			name[ours] = same
		}
		n, err := netOf(k)
		if err != nil {
			t.Fatal(err)
		}
		ours := map[string]any{"scaler": "identity"}
		if s, ok := k.Defaults["scaler"]; ok {
			ours["scaler"] = s
		}
		v := reflect.ValueOf(n).Elem()
		for _, f := range reflect.VisibleFields(v.Type()) {
			if key := f.Tag.Get("toml"); key != "" {
				ours[key] = v.FieldByIndex(f.Index).Interface()
			}
		}
		for key, value := range ours {
			same, ok := name[key]
			if !ok {
				t.Errorf("%s.%s: neither named as in NeuralForecast nor as ours alone", k.Name, key)
			}
			if ok && same != "-" && asText(value) != theirText(key, theirs[same]) {
				t.Errorf("%s.%s = %s, NeuralForecast has %s = %s", k.Name, key, asText(value), same, theirText(key, theirs[same]))
			}
		}
		for key, same := range name {
			if _, ok := ours[key]; !ok {
				t.Errorf("%s has no option %s", k.Name, key)
			}
			delete(theirs, same)
		}
		for key := range theirs {
			if !slices.Contains(absent, key) && !slices.Contains(absent, k.Name+"."+key) {
				t.Errorf("%s: NeuralForecast's %s is neither here nor said to be absent", k.Name, key)
			}
		}
	}
}

// asText is a value as text, whatever its type of numbers and its capital letters.
func asText(v any) string { return strings.ToLower(fmt.Sprint(v)) }

// theirText is that of our option key.
func theirText(key string, v any) string {
	units, ok := v.([]any) // of mlp_units, layers as [in, out]
	switch {
	case ok && key == "layers":
		return asText(len(units))
	case ok && key == "hidden":
		return asText(units[0].([]any)[1])
	case v == "MaxPool1d":
		return "max"
	}
	return asText(v)
}
