package main

import (
	"github.com/spf13/cobra"

	"deeprc/stages"
)

func importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE.safetensors EXPERIMENT.toml",
		Short: "Weights of NeuralForecast or NeuralHydrology, for a model of an experiment to begin with",
		Long: "Import reads the weights of a net by the names that its reference implementation gives them, and writes them by ours, for the\n" +
			"key init of a [[model]]. The experiment says what net it is, with its options, and by its windows, columns and loss what shapes\n" +
			"the weights have; all that does not fit is listed. FILE.safetensors is what save() of NeuralForecast 3.3 writes for each model, or is\n" +
			"made of an older .ckpt, or of NeuralHydrology's .pt and its scaler, by bench/peers/convert_checkpoint.py. The scaler is written, too, for the\n" +
			"key data.scales. inputs/REFERENCE.md has the nets and their names.",
		Example: "  deeprc import nhits.safetensors etth1.toml --model nhits -o nhits_weights.safetensors\n" +
			"  deeprc run etth1.toml --set model.0.init=nhits_weights.safetensors",
		Args: args(cobra.ExactArgs(2)),
	}
	sets := setsFlag(cmd)
	name, out := weightFlags(cmd, "weights.safetensors")
	cmd.RunE = func(_ *cobra.Command, a []string) error {
		cfg, err := stages.LoadConfig(a[1], *sets)
		if err != nil {
			return err
		}
		return stages.Import(a[0], cfg, *name, *out)
	}
	return cmd
}

func exportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export RUN",
		Short: "A run's weights, by the names of NeuralForecast or NeuralHydrology",
		Long: "Export writes a model's weights as safetensors by the names of the net's reference implementation, whose module of the same\n" +
			"sizes takes them by load_state_dict(…, strict=False): constants that are no weights are left out. Means and deviations are in\n" +
			"the run's model.json. inputs/REFERENCE.md has the nets and their names.",
		Example: "  deeprc export runs/etth1-20260102-030405 --model dlinear -o dlinear.safetensors",
		Args:    args(cobra.ExactArgs(1)),
	}
	name, out := weightFlags(cmd, "exported.safetensors")
	cmd.RunE = func(_ *cobra.Command, a []string) error { return stages.Export(a[0], *name, *out) }
	return cmd
}

// weightFlags adds the flags that name a model and the file to write.
func weightFlags(cmd *cobra.Command, file string) (name, out *string) {
	name = cmd.Flags().String("model", "", "name of the model, where there are several")
	return name, cmd.Flags().StringP("out", "o", file, "file to write")
}
