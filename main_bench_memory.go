package main

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"deeprc/stages"
)

func benchMemoryCommand() *cobra.Command {
	cases := stages.MemoryCases()
	cmd := &cobra.Command{
		Use:   "memory",
		Short: "Peak memory of whole runs, by the bytes of their data",
		Long: "Memory makes a table of four columns in a temporary folder and runs an experiment on it, from reading to report, in a process\n" +
			"of its own on one rank: csv is a wide table of three channels, for nlinear and mlp; parquet a long one, of series of 10,000\n" +
			"rows with a column beside the target, for nbeatsx.",
		Example: "  deeprc bench memory --json\n" +
			"  deeprc bench memory --case csv --rows 35000000",
		Args: args(cobra.NoArgs),
	}
	var b stages.MemoryBench
	asJSON := jsonFlag(cmd)
	cmd.Flags().IntVar(&b.Rows, "rows", 7_000_000, "rows of the table")
	cmd.Flags().StringSliceVar(&b.Cases, "case", cases, "tables: "+strings.Join(cases, ", "))
	once := cmd.Flags().String("once", "", "run this case in this process, on the file in --dir")
	dir := cmd.Flags().String("dir", "", "with --once: the folder of the file")
	cmd.Flags().MarkHidden("once")
	cmd.Flags().MarkHidden("dir")
	cmd.RunE = func(*cobra.Command, []string) error {
		_, ctx, cancel := interruptible()
		defer cancel()
		if *once != "" {
			r, err := stages.MemoryOnce(ctx, *once, *dir, version)
			if err != nil {
				return err
			}
			return json.NewEncoder(os.Stdout).Encode(r)
		}
		self, err := os.Executable()
		if err != nil {
			return err
		}
		b.Deeprc = []string{self, "bench", "memory"}
		res, err := b.Run(ctx, version)
		if err != nil {
			return err
		}
		return printBench(res, *asJSON)
	}
	return cmd
}
