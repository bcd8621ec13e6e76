package main

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"deeprc/collective"
	"deeprc/stages"
)

func benchHeteroCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hetero",
		Short: "Tasks under one pilot beside the same as jobs one after the other",
		Long: "Hetero reads two tables, joins them, sorts the result, takes the mean over its series, and trains nets on that, in windows of 24 and 24\n" +
			"steps: once as the tasks of one run, each training on one rank, and once as jobs, each on all ranks, which pass tables on in Arrow IPC\n" +
			"files. The results must agree. It tells the time of both, and how much of the difference is start-up.",
		Example: "  deeprc bench hetero --ranks 2 --json\n" +
			"  deeprc bench hetero --launcher 'mpirun -n 2'",
		Args: args(cobra.NoArgs),
	}
	var b stages.HeteroBench
	asJSON := jsonFlag(cmd)
	cmd.Flags().IntVar(&b.Rows, "rows", 2_000_000, "rows of each table")
	cmd.Flags().IntVar(&b.Steps, "steps", 100, "updates of each net")
	cmd.Flags().StringSliceVar(&b.Nets, "nets", []string{"nbeats", "nhits", "lstm", "gru", "tcn", "autoformer"}, "nets to train")
	cmd.Flags().IntVar(&b.Ranks, "ranks", 0, "in-process ranks of each job; 0: 2, or those of --launcher")
	cmd.Flags().IntVar(&b.Repeats, "repeats", 5, "measurements, of which median and spread are told")
	launcher := cmd.Flags().String("launcher", "", "the command that starts deeprc on every rank, as mpirun -n 2, split at blanks")
	cmd.RunE = func(*cobra.Command, []string) error {
		if collective.LauncherName() != "" {
			return stages.ConfigError{Err: errors.New("bench hetero starts jobs itself: start it without a launcher, and name that with --launcher")}
		}
		b.Launcher = strings.Fields(*launcher)
		if b.Ranks == 0 && len(b.Launcher) == 0 {
			b.Ranks = 2
		}
		self, err := os.Executable()
		if err != nil {
			return err
		}
		b.Deeprc = []string{self, "run"}
		_, ctx, cancel := interruptible()
		defer cancel()
		res, err := b.Run(ctx, version)
		if err != nil {
			return err
		}
		return printBench(res, *asJSON)
	}
	return cmd
}
