package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"deeprc/collective"
	"deeprc/stages"
)

func benchTrainCommand() *cobra.Command {
	nets := stages.BenchNets()
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Windows per second of training each net, beside PyTorch, and seconds of a whole run",
		Long: "Train measures updates of nets with their default options on noise: forward and backward pass, gradient AllReduce, Adam. With\n" +
			"--peer it measures the same by bench/peers/train_torch.py, in eager mode and through torch.compile, in turn, each in a process\n" +
			"of its own on as many threads; without, it measures the ranks that it is started on, and a whole quickstart.",
		Example: "  deeprc bench train --net nlinear --repeats 9 --json\n" +
			"  make peers && taskset -c 0,1 deeprc bench train --peer bench/peers/venv/bin/python",
		Args: args(cobra.NoArgs),
	}
	t := stages.TrainComparison{}
	o := &t.BenchOptions
	asJSON := jsonFlag(cmd)
	cmd.Flags().StringSliceVar(&o.Nets, "net", nets, "nets to train: "+strings.Join(nets, ", "))
	cmd.Flags().IntVar(&o.Repeats, "repeats", 5, "measurements, of which median and spread are told")
	cmd.Flags().IntVar(&o.Steps, "steps", 0, "updates of one measurement; 0: as many as take about a second")
	cmd.Flags().IntVar(&o.Lookback, "lookback", 0, "steps that a forecast sees; 0: the net's own, which the result's shape tells")
	cmd.Flags().IntVar(&o.Horizon, "horizon", 0, "steps that it covers; 0: the net's own")
	cmd.Flags().IntVar(&o.Channels, "channels", 0, "series of a window; 0: the net's own")
	cmd.Flags().IntVar(&o.Batch, "batch", 0, "windows of a global batch; 0: the net's own")
	cmd.Flags().StringVar(&t.Python, "peer", "", "a Python that has the packages of bench/peers/requirements.txt; make peers makes one")
	cmd.Flags().StringVar(&t.Scripts, "scripts", "bench/peers", "with --peer: the folder of train_torch.py")
	once := cmd.Flags().String("once", "", "measure this net once and print the run")
	cmd.Flags().MarkHidden("once")
	world := worldFlags(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := checkRanks(world.Ranks); err != nil {
			return err
		}
		if err := o.Check(); err != nil {
			return err
		}
		if t.Python != "" {
			return benchTrainPeers(*world, t, *asJSON)
		}
		return collective.Run(*world, func(c collective.Comm) error {
			if *once != "" {
				r, err := stages.TrainOnce(c, *o, *once, version)
				if err != nil || c.Rank() != 0 {
					return err
				}
				return json.NewEncoder(os.Stdout).Encode(r)
			}
			return printFirst(c, *asJSON, func() (*stages.BenchResult, error) { return stages.BenchTrain(c, *o, version) })
		})
	}
	return cmd
}

func benchTrainPeers(world collective.Options, t stages.TrainComparison, asJSON bool) error {
	if name := collective.LauncherName(); name != "" || world.Ranks != 0 || world.Comm != "" {
		return stages.ConfigError{Err: errors.New("bench: --peer compares one process of each: start it without a launcher, --ranks and --comm")}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	t.Deeprc = []string{self, "bench", "train"}
	_, ctx, cancel := interruptible()
	defer cancel()
	res, err := t.Run(ctx, version)
	if err != nil {
		return err
	}
	return printBench(res, asJSON)
}

func benchCollectiveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "collective",
		Short: "Time of a call and bandwidth of the collective operations by size",
		Long: "Collective measures the world it is started in. With --c-program it starts that program and itself in turn, by\n" +
			"--launcher, and compares: bench/collective.c is the same loop over MPI's own collectives.",
		Example: "  mpirun -n 2 deeprc bench collective\n" +
			"  deeprc bench collective --ranks 2 --comm local --ops allreduce --sizes 8,1048576 --json\n" +
			"  mpicc.openmpi -O2 -o /tmp/collective-openmpi bench/collective.c\n" +
			"  deeprc bench collective --c-program /tmp/collective-openmpi --launcher 'mpirun.openmpi -n 2 --bind-to none'",
		Args: args(cobra.NoArgs),
	}
	var o stages.CollectiveOptions
	ops := stages.CollectiveOps()
	asJSON := jsonFlag(cmd)
	cmd.Flags().StringSliceVar(&o.Ops, "ops", ops, "operations: "+strings.Join(ops, ", "))
	cmd.Flags().IntSliceVar(&o.Sizes, "sizes", []int{8, 64, 512, 4 << 10, 32 << 10, 256 << 10, 1 << 20, 8 << 20, 64 << 20},
		"bytes of a rank's buffer; what alltoall sends to all ranks together, what allgather gets of each")
	cmd.Flags().IntVar(&o.Repeats, "repeats", 9, "measurements, of which median and spread are told")
	program := cmd.Flags().String("c-program", "", "bench/collective.c as built by the launcher's mpicc, to compare with")
	launcher := cmd.Flags().String("launcher", "mpirun -n 2", "with --c-program: the command that starts either program, split at blanks")
	world := worldFlags(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := checkRanks(world.Ranks); err != nil {
			return err
		}
		if err := o.Check(); err != nil {
			return err
		}
		if *program != "" {
			return benchCompare(*world, o, *program, *launcher, *asJSON)
		}
		if cmd.Flags().Changed("launcher") {
			return stages.ConfigError{Err: errors.New("--launcher goes with --c-program; without it, start deeprc by mpirun or srun itself")}
		}
		return collective.Run(*world, func(c collective.Comm) error {
			return printFirst(c, *asJSON, func() (*stages.CollectiveResult, error) { return stages.BenchCollective(c, o, version) })
		})
	}
	return cmd
}

func benchCompare(world collective.Options, o stages.CollectiveOptions, program, launcher string, asJSON bool) error {
	if world.Ranks != 0 {
		return stages.ConfigError{Err: errors.New("--ranks with --c-program: the launcher gives the ranks; name their number in --launcher")}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	deeprc := []string{self, "bench", "collective", "--json"}
	if world.Comm != "" {
		deeprc = append(deeprc, "--comm", world.Comm)
	}
	_, ctx, cancel := interruptible()
	defer cancel()
	res, err := stages.CompareCollective(ctx, stages.CompareOptions{CollectiveOptions: o, Launcher: strings.Fields(launcher), Program: program, Deeprc: deeprc}, version)
	if err != nil {
		return err
	}
	return printBench(res, asJSON)
}

func benchFrameCommand() *cobra.Command {
	ops := stages.FrameOps()
	cmd := &cobra.Command{
		Use:   "frame",
		Short: "Seconds and memory of operations on tables, beside DuckDB, Polars, pandas and PyArrow",
		Long: "Frame makes two tables of two int64 columns, keys uniform in 0 … 0.9·rows, and runs each operation in a process of\n" +
			"its own: join (inner), sort and groupby (sum and mean) by key, and reading from CSV and Parquet. With --peers it runs the same\n" +
			"on the same files by bench/peers, in turn, on as many threads as there are ranks.",
		Example: "  deeprc bench frame --rows 1000000\n" +
			"  make peers && deeprc bench frame --rows 35000000 --ranks 2 --peers bench/peers/venv/bin/python --json",
		Args: args(cobra.NoArgs),
	}
	var b stages.FrameBench
	asJSON := jsonFlag(cmd)
	cmd.Flags().IntVar(&b.Rows, "rows", 10_000_000, "rows of each table")
	cmd.Flags().IntVar(&b.Ranks, "ranks", 1, "in-process ranks; threads of the peers")
	cmd.Flags().IntVar(&b.Repeats, "repeats", 5, "measurements, of which median and spread are told")
	cmd.Flags().StringSliceVar(&b.Ops, "ops", ops, "operations: "+strings.Join(ops, ", "))
	cmd.Flags().Uint64Var(&b.Seed, "seed", 1, "the same seed gives the same tables")
	cmd.Flags().StringVar(&b.Dir, "dir", "", "folder of the files, which are kept and used again (default: a temporary one)")
	cmd.Flags().StringVar(&b.Python, "peers", "", "a Python that has the packages of bench/peers/requirements.txt; make peers makes one")
	cmd.Flags().StringSliceVar(&b.Engines, "engines", stages.FramePeers(), "with --peers: those to compare with")
	cmd.Flags().StringVar(&b.Scripts, "scripts", "bench/peers", "with --peers: the folder of peer.py")
	once := cmd.Flags().String("once", "", "run this operation in this process")
	cmd.Flags().MarkHidden("once")
	cmd.RunE = func(*cobra.Command, []string) error {
		if *once != "" {
			res, err := stages.FrameOnce(b.FrameOptions, *once, b.Dir, version)
			if err != nil {
				return err
			}
			return json.NewEncoder(os.Stdout).Encode(res)
		}
		self, err := os.Executable()
		if err != nil {
			return err
		}
		b.Deeprc = []string{self, "bench", "frame"}
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

// jsonFlag is the flag that has a benchmark print its result as JSON.
func jsonFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("json", false, "print one JSON document and nothing else on standard output")
}

// A benchResult can be printed as a table, and as JSON.
type benchResult interface{ Print(io.Writer) error }

// printFirst prints what measure has measured on the ranks of c; it is rank 0's.
func printFirst[R benchResult](c collective.Comm, asJSON bool, measure func() (R, error)) error {
	res, err := measure()
	if err != nil || c.Rank() != 0 {
		return err
	}
	return printBench(res, asJSON)
}

// printBench prints a benchmark's result, as a table or as JSON.
func printBench(res benchResult, asJSON bool) error {
	if !asJSON {
		return res.Print(os.Stdout)
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(res)
}
