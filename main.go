// Deeprc forecasts from tables, on one laptop or on every rank of a cluster job.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"deeprc/collective"
	"deeprc/stages"
)

//go:generate sh -c "go run -ldflags=-extldflags=-Wl,-z,lazy . reference > inputs/REFERENCE.md"

var version = "dev" // set by make

// Exit codes.
const (
	exitRun     = 1  // the run failed
	exitUsage   = 2  // the command line or the config is wrong
	exitStopped = 75 // the run was told to stop, wrote its checkpoint, and can go on: EX_TEMPFAIL of sysexits.h, "try again"
)

func main() {
	root := &cobra.Command{
		Use:   "deeprc",
		Short: "Forecasting from tables, on a laptop or on every rank of a cluster job",
		Long: "deeprc reads a table in parallel, trains forecasting models data-parallel, evaluates them by reductions and\n" +
			"leaves a folder with weights, metrics, forecasts and a report. Under mpirun or srun every process is a rank.\n\n" +
			"Exit codes: 0 all went well, 1 the run failed, 2 the command line or the config is wrong,\n" +
			"75 the run was told to stop by a signal, wrote its checkpoint, and goes on where it was with --resume.",
		Version: version, SilenceUsage: true, SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return stages.ConfigError{Err: fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
	})
	root.AddCommand(runCommand(), statusCommand(), cancelCommand(), reportCommand(), submitCommand(), predictCommand(), importCommand(), exportCommand(), checkCommand(), infoCommand(), dataCommand(), benchCommand(), modelsCommand(), referenceCommand(), mpiRankCommand())
	err := root.Execute()
	if err == nil {
		return
	}
	var stop *stopped
	if errors.As(err, &stop) {
		os.Exit(stop.exitCode())
	}
	if collective.Primary(err) {
		fmt.Fprintln(os.Stderr, "deeprc:", err)
	}
	var usage stages.ConfigError
	if errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command") {
		os.Exit(exitUsage)
	}
	os.Exit(exitRun)
}

// args makes a wrong number of arguments a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, a []string) error {
		if err := check(c, a); err != nil {
			return stages.ConfigError{Err: fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
		}
		return nil
	}
}

// experiment adds the flags that change a config to a command, and loads it.
func experiment(cmd *cobra.Command) (world *collective.Options, load func(a []string) (*stages.Config, error)) {
	world = worldFlags(cmd)
	sets := setsFlag(cmd)
	cmd.Args = args(cobra.MaximumNArgs(1))
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"toml"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return world, func(a []string) (*stages.Config, error) {
		if err := checkRanks(world.Ranks); err != nil {
			return nil, err
		}
		return stages.LoadConfig(strings.Join(a, ""), *sets)
	}
}

// setsFlag adds the flag that changes keys of a config.
func setsFlag(cmd *cobra.Command) *[]string {
	return cmd.Flags().StringArray("set", nil, "change a key of the config: table.key=value, repeatable")
}

// worldFlags adds the flags that say which ranks there are.
func worldFlags(cmd *cobra.Command) *collective.Options {
	o := new(collective.Options)
	cmd.Flags().IntVar(&o.Ranks, "ranks", 0, "in-process ranks; not under mpirun or srun, where the launcher decides")
	cmd.Flags().StringVar(&o.Comm, "comm", "", "what connects the ranks: local, mpi, openmpi, mpich, gloo, or the path of an MPI plugin (default: DEEPRC_COMM, else what the environment calls for)")
	return o
}

func checkRanks(n int) error {
	if n < 0 || n > stages.MaxRanks {
		return stages.ConfigError{Err: fmt.Errorf("--ranks %d: want 1 to %d", n, stages.MaxRanks)}
	}
	return nil
}

func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run [FILE.toml]",
		Short: "Run an experiment; without a file, the embedded quickstart",
		Long: "Run reads, trains, evaluates and reports as FILE.toml says, and leaves a new folder under run.dir.\n" +
			"Without a file it runs the quickstart on synthetic series.\n\n" +
			"A run that was interrupted goes on with --resume and its folder, from the last checkpoints (train.checkpoint_every). On as many\n" +
			"ranks and threads as before, its models are bit for bit those of a run without the interruption.\n\n" +
			"On SIGTERM, SIGUSR1 or SIGINT, on any rank, it writes a checkpoint after the update that is under way and ends with exit code 75. A\n" +
			"second SIGINT ends it at once. A run with tasks lets those that run finish on the first SIGINT, and starts no other. In a batch job, whose scheduler may start it again, --job finds the run of the start before.",
		Example: "  deeprc run\n" +
			"  deeprc run inputs/etth1.toml --set windows.horizon=192 --ranks 2\n" +
			"  mpirun -n 4 deeprc run inputs/etth1.toml\n" +
			"  deeprc run --resume runs/etth1-20260102-030405",
	}
	world, load := experiment(cmd)
	dir := cmd.Flags().String("dir", "", "folder in which the run's folder is made (run.dir)")
	resume := cmd.Flags().String("resume", "", "folder of a run that was interrupted, to go on with; without a file, its own config.toml is the experiment")
	job := cmd.Flags().String("job", "", "name of a batch job: the run's folder is run.dir/<run.name>-<job>, and where an earlier start of the job began it, it goes on; with --resume, each start goes on with that run")
	noCache := cmd.Flags().Bool("no-cache", false, "with tasks: read and prepare the data even where an earlier run in run.dir has made the same series of the same files, and keep nothing for later ones (run.dir/.cache)")
	cmd.RunE = func(_ *cobra.Command, a []string) error {
		switch {
		case *resume != "" && *dir != "":
			return stages.ConfigError{Err: errors.New("--resume goes on in the run's own folder: take --dir out")}
		case *job != "":
			if err := stages.CheckJob(*job); err != nil {
				return err
			}
		}
		if *resume != "" && len(a) == 0 {
			a = []string{filepath.Join(*resume, "config.toml")}
		}
		cfg, err := load(a)
		if err != nil {
			return err
		}
		if *dir != "" {
			cfg.Run.Dir = *dir
		}
		ctx, finish, cancel := interruptible()
		defer cancel()
		return runToStop(*world, func(c collective.Comm) error {
			_, err := stages.Run(ctx, c, cfg, stages.Options{Version: version, Resume: *resume, Job: *job, Finish: finish, NoCache: *noCache})
			return err
		})
	}
	return cmd
}

func statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status RUN",
		Short:   "Tell where the tasks of a run are, or where the log of one without tasks ends, while it runs or afterwards",
		Example: "  deeprc status runs/sweep-20260102-030405",
		Args:    args(cobra.ExactArgs(1)),
		RunE:    func(_ *cobra.Command, a []string) error { return stages.Status(os.Stdout, a[0], time.Now()) },
	}
}

func cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel RUN TASK...",
		Short: "Cancel tasks of a running run, from another shell",
		Long: "Cancel ends tasks that run, and keeps others from starting; the run takes note within some seconds, and deeprc status shows it at once. What\n" +
			"comes after them is left out, or goes on where they have on_failure = \"continue\". They stay cancelled when the run goes on with --resume;\n" +
			"to run one after all, take its line out of RUN/cancel.txt before.",
		Example: "  deeprc cancel runs/sweep-20260102-030405 train-h720-s1-tft evaluate-h720-s1",
		Args:    args(cobra.MinimumNArgs(2)),
		RunE:    func(_ *cobra.Command, a []string) error { return stages.CancelTasks(a[0], a[1:]) },
	}
}

func reportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "report RUN",
		Short: "Make the page of a run with tasks again, while it runs or afterwards",
		Long: "Report writes report.html, trace.json (for ui.perfetto.dev) and utilisation.json of a run with tasks, from its config.toml, journal.jsonl,\n" +
			"events.jsonl and the metrics of its evaluations, whether it has ended, was killed or goes on.",
		Example: "  deeprc report runs/sweep-20260102-030405",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, a []string) error {
			if err := stages.WriteTaskPages(a[0], version, time.Now(), nil); err != nil {
				return err
			}
			fmt.Println(filepath.Join(a[0], "report.html"))
			return nil
		},
	}
}

func predictCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "predict RUN --data NEW",
		Short: "Forecast what follows new data, with a run's models",
		Long: "Predict reads NEW, a CSV file or one ending in .parquet, as RUN's config.toml describes its data, and forecasts what follows the last row of each\n" +
			"series with the run's models, by the run's means and deviations; nothing is trained. Where the data was made by [[preprocess]] steps, these\n" +
			"run again, on the files that --set names, and write nothing.\n\n" +
			"Where nets read columns of data.future, forecasts begin behind the last row with a target; the rows behind it have the columns of the steps to\n" +
			"forecast. A horizon longer than the models' is reached by forecasting from forecasts, unless nets read columns of data.hist.\n" +
			"Quantiles there are of the forecast that follows from the point forecasts before it, and so too narrow; conformal intervals end at the models' horizon.",
		Example: "  deeprc predict runs/etth1-20260102-030405 --data new.csv --horizon 192 --out forecast.csv\n" +
			"  deeprc predict runs/caravan_lstm-20260102-030405 --set 'preprocess.1.paths=[\"new/[0-9]*.csv\"]'",
		Args: args(cobra.ExactArgs(1)),
	}
	o := stages.PredictOptions{}
	cmd.Flags().StringVar(&o.Data, "data", "", "CSV file, or Parquet file (.parquet), with the same columns as the run's data")
	cmd.Flags().StringArrayVar(&o.Set, "set", nil, "preprocess.N.KEY=VALUE, of a run with [[preprocess]]: another value of a step's key; may be repeated")
	cmd.Flags().StringVar(&o.Out, "out", "predictions.csv", "CSV file to write: unique_id, ds, and a column a model")
	cmd.Flags().IntVar(&o.Horizon, "horizon", 0, "steps to forecast; 0: the run's windows.horizon")
	cmd.Flags().IntVar(&o.Samples, "samples", 0, "draws from the forecasts of models whose loss is a distribution, as columns <model>-sample-1 …, up to the models' horizon")
	world := worldFlags(cmd)
	cmd.RunE = func(_ *cobra.Command, a []string) error {
		if err := checkRanks(world.Ranks); err != nil {
			return err
		}
		return collective.Run(*world, func(c collective.Comm) error { return stages.Predict(c, a[0], o) })
	}
	return cmd
}

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check [FILE.toml]",
		Short:   "Check config, files and columns and print the plan; writes nothing",
		Example: "  deeprc check inputs/etth1.toml --set data.path=data/ETTh2.csv",
	}
	world, load := experiment(cmd)
	cmd.RunE = func(_ *cobra.Command, a []string) error {
		cfg, err := load(a)
		if err != nil {
			return err
		}
		return collective.Run(*world, func(c collective.Comm) error {
			var out io.Writer = os.Stdout
			if c.Rank() != 0 {
				out = io.Discard
			}
			return stages.Check(c, cfg, nil, out)
		})
	}
	return cmd
}

func infoCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "info",
		Short:   "Print version, ranks, hosts, libraries and devices",
		Example: "  deeprc info\n  mpirun -n 2 deeprc info",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			return collective.Run(collective.Options{}, func(c collective.Comm) error {
				return stages.Info(c, version, os.Stdout)
			})
		},
	}
}

func modelsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "models [NAME]",
		Short:   "List the nets, or tell of one and its options",
		Example: "  deeprc models\n  deeprc models nhits",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, a []string) error {
			if len(a) == 0 {
				return stages.WriteModels(os.Stdout)
			}
			return stages.WriteModel(os.Stdout, a[0])
		},
	}
}

func referenceCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reference",
		Short:   "Print the reference of every key of a config, as Markdown",
		Example: "  deeprc reference",
		Args:    args(cobra.NoArgs),
		RunE:    func(*cobra.Command, []string) error { return stages.WriteReference(os.Stdout) },
	}
}

func dataCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "data", Short: "Get public data sets, or make synthetic series", Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	cmd.AddCommand(fetchCommand(), synthCommand())
	return cmd
}

func fetchCommand() *cobra.Command {
	var names []string
	for _, d := range stages.Datasets() {
		names = append(names, d.Name)
	}
	cmd := &cobra.Command{
		Use:       "fetch NAME",
		Short:     "Get a public data set and verify it: " + strings.Join(names, ", "),
		Example:   "  deeprc data fetch etth1\n  deeprc data fetch etth1 --from /archive/ett",
		Args:      args(cobra.ExactArgs(1)),
		ValidArgs: names,
	}
	from := cmd.Flags().String("from", "", "local folder that holds the file already, instead of its public address")
	to := cmd.Flags().String("to", "data", "folder to write it to")
	cmd.RunE = func(_ *cobra.Command, a []string) error {
		path, err := stages.FetchDataset(a[0], *from, *to, nil)
		if err == nil {
			fmt.Println(path)
		}
		return err
	}
	return cmd
}

func synthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "synth FILE.csv",
		Short: "Write seeded synthetic hourly or monthly series with seasons, trend, level shifts, noise and gaps",
		Example: "  deeprc data synth synth.csv --series 8 --hours 17520 --layout long\n" +
			"  deeprc data synth monthly.csv --series 1 --months 300",
		Args: args(cobra.ExactArgs(1)),
	}
	series := cmd.Flags().Int("series", 8, "number of series")
	hours := cmd.Flags().Int("hours", 17520, "rows, one an hour")
	months := cmd.Flags().Int("months", 0, "rows, one a month, in place of hours")
	seed := cmd.Flags().Uint64("seed", 1, "the same seed gives the same file")
	layout := cmd.Flags().String("layout", "wide", "wide (a column a series) or long (unique_id, ds, y)")
	cmd.RunE = func(_ *cobra.Command, a []string) error {
		return stages.WriteSynth(a[0], stages.Synth{Series: *series, Hours: *hours, Months: *months, Seed: *seed}, *layout)
	}
	return cmd
}

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure this machine", Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	cmd.AddCommand(benchTrainCommand(), benchCollectiveCommand(), benchFrameCommand(), benchMemoryCommand(), benchHeteroCommand(), benchPilotCommand())
	return cmd
}
