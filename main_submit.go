package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"deeprc/collective"
	"deeprc/stages"
)

func submitCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "submit [FILE.toml]",
		Short: "Run an experiment as a batch job of Slurm, PBS or Torque",
		Long: "Submit checks FILE.toml as deeprc check does, writes a job script, one of jobscripts/ with the sizes that are asked for, and gives it to\n" +
			"sbatch or qsub. It prints the job's number, and where its log and the run's folder will be.\n\n" +
			"Before its time is over the run stops with a checkpoint; the job is queued again and goes on. What is the same for all jobs of a site stands in\n" +
			"~/.config/deeprc/site.toml (keys: deeprc reference); flags go before it.",
		Example: "  deeprc submit inputs/etth1.toml --nodes 2 --ntasks-per-node 8 --time 02:00:00\n" +
			"  deeprc submit inputs/etth1.toml --array run.seed=1,2,3 --time 1h --dry-run\n" +
			"  deeprc submit inputs/etth1.toml --nodes 4 --ntasks-per-node 16 --gpu-nodes 2 --gpu-ntasks-per-node 4 --gpus-per-task 1",
		Args: args(cobra.MaximumNArgs(1)),
	}
	r := stages.JobRequest{}
	f := cmd.Flags()
	f.StringVar(&r.Scheduler, "scheduler", "", "slurm, pbs (OpenPBS, PBS Pro) or torque (default: site.toml's, else the one that is here)")
	f.IntVar(&r.Nodes, "nodes", 1, "nodes")
	f.IntVar(&r.TasksPerNode, "ntasks-per-node", 1, "ranks on each node")
	f.IntVar(&r.CPUsPerTask, "cpus-per-task", 1, "cores of each rank")
	f.IntVar(&r.GPUsPerTask, "gpus-per-task", 0, "GPUs of each rank; with --gpu-nodes, of each rank there")
	f.IntVar(&r.GPUNodes, "gpu-nodes", 0, "Slurm: further nodes, with GPUs, whose ranks are in the same world (a heterogeneous job)")
	f.IntVar(&r.GPUTasksPerNode, "gpu-ntasks-per-node", 0, "ranks on each of them")
	limit := f.String("time", "1h", "of the job: hours:minutes:seconds, days-hours:minutes:seconds, or as 90m, 12h or 2d")
	warning := f.String("warning", "", "before its end, to write the checkpoint (default: 5m, or a sixth of a short job)")
	f.IntVar(&r.Requeues, "requeues", 20, "how often the job may go on after its time is over; 0: never")
	f.StringVar(&r.Name, "name", "", "of the job and its log (default: run.name)")
	partition := f.String("partition", "", "partition, or queue of PBS")
	account := f.String("account", "", "account that pays")
	qos := f.String("qos", "", "quality of service of Slurm")
	array := f.String("array", "", "an array with a job for each value of a key, as run.seed=1,2,3")
	resume := f.String("resume", "", "folder of a run that was interrupted, to go on with")
	dry := f.Bool("dry-run", false, "print the script, and submit nothing")
	noCheck := f.Bool("no-check", false, "check the config, but read neither the data nor the run of --resume, which only the nodes have")
	sets := setsFlag(cmd)
	cmd.RunE = func(c *cobra.Command, a []string) error {
		path, err := stages.SitePath()
		if err != nil {
			return err
		}
		site, err := stages.LoadSite(path)
		if err != nil {
			return err
		}
		r.Site = *site
		if r.Scheduler == "" {
			r.Scheduler = site.Scheduler
		}
		for flag, to := range map[*string]*string{partition: &r.Partition, account: &r.Account, qos: &r.QOS} {
			if *flag != "" {
				*to = *flag
			}
		}
		if *partition != "" {
			r.GPUPartition = ""
		}
		return submit(&r, a, jobFlags{*limit, *warning, *array, *resume, *sets, *dry, *noCheck}, c.OutOrStdout())
	}
	return cmd
}

// jobFlags are flags that are not yet what a JobRequest holds.
type jobFlags struct {
	limit, warning, array, resume string
	sets                          []string
	dry, noCheck                  bool
}

// submit completes the request, checks it and the experiment, and submits it.
func submit(r *stages.JobRequest, file []string, f jobFlags, out io.Writer) (err error) {
	if r.Scheduler == "" {
		if r.Scheduler, err = stages.FindScheduler(); err != nil {
			return err
		}
	}
	if r.Time, err = stages.ParseJobTime(f.limit); err != nil {
		return err
	}
	r.Warning = stages.DefaultWarning(r.Time)
	if f.warning != "" {
		if r.Warning, err = stages.ParseJobTime(f.warning); err != nil {
			return err
		}
	}
	if r.Dir, err = os.Getwd(); err != nil {
		return err
	}
	if r.Home == "" {
		exe, err := os.Executable()
		if err == nil {
			exe, err = filepath.EvalSymlinks(exe)
		}
		if err != nil {
			return err
		}
		r.Home = filepath.Dir(exe)
	}
	if r.MPI == "" {
		r.MPI = os.Getenv("DEEPRC_MPI")
	}
	if r.MPI == "" {
		r.MPI = "openmpi"
	}
	if f.array != "" {
		key, values, ok := strings.Cut(f.array, "=")
		if r.ArrayKey, r.ArrayValues = strings.TrimSpace(key), strings.Split(values, ","); !ok || r.ArrayKey == "" || f.resume != "" {
			return stages.ConfigError{Err: fmt.Errorf("--array %s: want key=value,value,… as run.seed=1,2,3, and no --resume", f.array)}
		}
	}
	if f.resume != "" && len(file) == 0 {
		file = []string{filepath.Join(f.resume, "config.toml")}
	}
	cfg, err := stages.LoadConfig(strings.Join(file, ""), f.sets)
	if err != nil {
		return err
	}
	if f.resume != "" && !f.noCheck {
		if err := stages.Resumable(f.resume, cfg); err != nil {
			return err
		}
	}
	runs := []*stages.Config{cfg}
	if r.ArrayKey != "" {
		runs = nil
		for _, v := range r.ArrayValues {
			one, err := stages.LoadConfig(strings.Join(file, ""), append(f.sets[:len(f.sets):len(f.sets)], r.ArrayKey+"="+v))
			if err != nil {
				return err
			}
			runs = append(runs, one)
		}
	}
	if r.Name == "" {
		r.Name = cfg.Run.Name
	}
	r.Args = file
	for _, s := range f.sets {
		r.Args = append(r.Args, "--set", s)
	}
	if f.resume != "" {
		r.Args = append(r.Args, "--resume", f.resume)
	}
	script, err := r.Script()
	if err != nil {
		return err
	}
	if !f.noCheck {
		at := 0
		err := collective.Run(collective.Options{Comm: "local"}, func(c collective.Comm) (err error) {
			at, err = stages.CheckEach(c, runs, func(cfg *stages.Config) []stages.Slot { return r.Slots(cfg.Pilot.Dedicated) }, io.Discard)
			return err
		})
		if err != nil && r.ArrayKey != "" {
			err = fmt.Errorf("with %s=%s: %w", r.ArrayKey, r.ArrayValues[at], err)
		}
		if err != nil {
			return fmt.Errorf("nothing was submitted: %w", err)
		}
	}
	if f.dry {
		_, err := io.WriteString(out, script)
		return err
	}
	job, err := r.Submit()
	if err != nil {
		return err
	}
	run := f.resume
	if run == "" {
		run = stages.JobDir(cfg, job.Run)
	}
	_, err = fmt.Fprintf(out, "job  %s\nlog  %s\nrun  %s\n", job.ID, job.Log, run)
	if r.ArrayKey != "" {
		for i, v := range r.ArrayValues {
			_, e := fmt.Fprintf(out, "%%a = %d: %s=%s\n", i, r.ArrayKey, v)
			err = errors.Join(err, e)
		}
	}
	return err
}
