package main

import (
	"github.com/spf13/cobra"

	"deeprc/collective"
	"deeprc/stages"
)

func benchPilotCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pilot",
		Short: "Tasks per second of a run with tasks, and how long each waits to start",
		Long: "Pilot runs empty tasks of 1 to 3 ranks, each on a communicator of its own, as a run with tasks does, with its journal, in a temporary\n" +
			"folder; and the scheduler alone on simulated ranks. \"free to start\" is the time from the moment when a task could start, as what it\n" +
			"comes after has ended and its ranks have ended the tasks that they ran before, to its start on its slowest rank; \"ready to start\"\n" +
			"counts from the end of what it comes after, and so waits for ranks, too: the longer the more chains share them. As many chains as ranks\n" +
			"keep all ranks at work. The ranks must be on one host, whose clock they share.",
		Example: "  deeprc bench pilot --json\n" +
			"  mpirun -n 4 deeprc bench pilot\n" +
			"  mpirun -n 4 deeprc bench pilot --tasks 1 --repeats 1 --core-tasks 0",
		Args: args(cobra.NoArgs),
	}
	var o stages.PilotOptions
	asJSON := jsonFlag(cmd)
	cmd.Flags().IntVar(&o.Tasks, "tasks", 10_000, "tasks")
	cmd.Flags().IntVar(&o.Chains, "chains", 0, "chains of tasks, each of which comes after the one before it: as many can be ready at once; 0: as many as ranks")
	cmd.Flags().StringVar(&o.Policy, "policy", "backfill", "fifo, backfill or locality")
	cmd.Flags().IntVar(&o.Repeats, "repeats", 5, "measurements, of which median and spread are told")
	cmd.Flags().IntVar(&o.CoreTasks, "core-tasks", 100_000, "tasks of the scheduler alone; 0: leave it out")
	cmd.Flags().IntVar(&o.CoreRanks, "core-ranks", 10_000, "ranks of the scheduler alone")
	world := worldFlags(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := checkRanks(world.Ranks); err != nil {
			return err
		}
		if err := o.Check(); err != nil {
			return err
		}
		if world.Ranks == 0 && world.Comm == "" && collective.LauncherName() == "" {
			world.Ranks = 4
		}
		return collective.Run(*world, func(c collective.Comm) error {
			return printFirst(c, *asJSON, func() (*stages.PilotResult, error) { return stages.BenchPilot(c, o, version) })
		})
	}
	return cmd
}
