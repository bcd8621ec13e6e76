package main

import (
	"github.com/spf13/cobra"

	"deeprc/stages"
)

// mpiRankCommand is what a launcher starts for each rank of a task's MPI program.
func mpiRankCommand() *cobra.Command {
	return &cobra.Command{
		Use:                stages.MPIRankCommand + " PLAN PROGRAM [ARGUMENT...]",
		Short:              "Become one process of a task's MPI program",
		Hidden:             true,
		DisableFlagParsing: true, // they are the program's
		Args:               args(cobra.MinimumNArgs(2)),
		RunE:               func(_ *cobra.Command, a []string) error { return stages.MPIRank(a[0], a[1:]) },
	}
}
