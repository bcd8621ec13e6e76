package stages

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"deeprc/jobscripts"
)

// Parts of a script of jobscripts/ that a rendered one has in place of the script's own: they begin at a line that starts so, and go
// to the line of their end.
const (
	resourcesMark, resourcesEnd = "# --- resources: ", "# --- end of resources\n"
	settingsMark, settingsEnd   = "# --- settings: ", "# --- end of settings\n"
)

// Script is the job's script: one of jobscripts/ with the request's resources and settings. It needs no other file.
func (r *JobRequest) Script() (string, error) {
	if err := r.Check(); err != nil {
		return "", err
	}
	name, with, directives := "", "pbs.sh", r.pbsDirectives
	if r.Scheduler == "torque" {
		directives = r.torqueDirectives
	}
	switch {
	case r.Scheduler != "slurm" && r.ArrayKey != "":
		name = "pbs_array.pbs"
	case r.Scheduler == "torque":
		name = "torque.pbs"
	case r.Scheduler == "pbs" && r.GPUsPerTask > 0:
		name = "pbs_gpu.pbs"
	case r.Scheduler == "pbs":
		name = "pbs_cpu.pbs"
	case r.GPUNodes > 0:
		name = "slurm_het.sbatch"
	case r.ArrayKey != "":
		name = "slurm_array.sbatch"
	case r.GPUsPerTask > 0:
		name = "slurm_gpu.sbatch"
	default:
		name = "slurm_cpu.sbatch"
	}
	if r.Scheduler == "slurm" {
		with, directives = "slurm.sh", r.slurmDirectives
	}
	lines, err := directives()
	if err != nil {
		return "", ConfigError{fmt.Errorf("submit: %w", err)}
	}
	settings, err := r.settings(with)
	if err != nil {
		return "", ConfigError{fmt.Errorf("submit: %w", err)}
	}
	script, err := jobscripts.Files.ReadFile(name)
	if err != nil {
		return "", err
	}
	text, err := replacePart(string(script), resourcesMark, resourcesEnd, resourcesMark+"of deeprc submit\n"+strings.Join(lines, "\n")+"\n"+resourcesEnd)
	if err != nil {
		return "", fmt.Errorf("jobscripts/%s: %w", name, err)
	}
	if text, err = replacePart(text, settingsMark, settingsEnd, settingsMark+"of deeprc submit\n"+settings+settingsEnd); err != nil {
		return "", fmt.Errorf("jobscripts/%s: %w", name, err)
	}
	return text, nil
}

// replacePart puts part in place of what stands from the line that begins with mark to that which is end.
func replacePart(text, mark, end, part string) (string, error) {
	head, rest, found := strings.Cut(text, "\n"+mark)
	_, tail, ended := strings.Cut(rest, "\n"+end)
	if !found || !ended {
		return "", fmt.Errorf("it has no part from %q to %q", mark, strings.TrimSpace(end))
	}
	return head + "\n" + part + tail, nil
}

// directives collects lines of options for the scheduler.
type directives struct {
	prefix string
	lines  []string
	errs   []error
}

// add puts one option and its value on a line; an empty value leaves it out.
func (d *directives) add(option, value string) {
	if value == "" {
		return
	}
	quoted, err := directiveQuote(value)
	if err != nil {
		d.errs = append(d.errs, fmt.Errorf("%s%w", strings.TrimRight(option, "= ")+" ", err))
	}
	d.lines = append(d.lines, d.prefix+option+quoted)
}

func (d *directives) number(option string, n int) { d.add(option, fmt.Sprint(n)) }

// more adds the site's own options, each one word, or an option of one letter and its value.
func (d *directives) more(options []string) {
	for _, o := range options {
		name, value, short := strings.Cut(o, " ")
		switch {
		case strings.HasPrefix(o, "--") && len(o) > 2:
			d.add("--", o[2:])
		case len(name) == 2 && name[0] == '-' && plain(name[1]) && short:
			d.add(name+" ", strings.TrimSpace(value))
		default:
			d.errs = append(d.errs, fmt.Errorf("options %q: want an option, as --constraint=ib or -l place=scatter", o))
		}
	}
}

func (d *directives) done() ([]string, error) { return d.lines, errors.Join(d.errs...) }

// slurmTime is days-hours:minutes:seconds.
func slurmTime(d time.Duration) string {
	s := int64(d / time.Second)
	return fmt.Sprintf("%d-%02d:%02d:%02d", s/86400, s/3600%24, s/60%60, s%60)
}

// slurmPart adds what one part of a job asks for.
func (r *JobRequest) slurmPart(d *directives, nodes, tasks, gpus int) {
	d.number("--nodes=", nodes)
	d.number("--ntasks=", nodes*tasks)
	d.number("--ntasks-per-node=", tasks)
	d.number("--cpus-per-task=", r.CPUsPerTask)
	partition := r.Partition
	if gpus > 0 {
		d.number("--gpus-per-task=", gpus)
		if r.GPUPartition != "" {
			partition = r.GPUPartition
		}
	}
	d.add("--time=", slurmTime(r.Time))
	d.add("--partition=", partition)
	d.add("--account=", r.Account)
	d.add("--qos=", r.QOS)
	d.more(r.Options)
}

func (r *JobRequest) slurmDirectives() ([]string, error) {
	d := &directives{prefix: "#SBATCH "}
	d.add("--job-name=", r.Name)
	gpus := r.GPUsPerTask
	if r.GPUNodes > 0 {
		gpus = 0
	}
	r.slurmPart(d, r.Nodes, r.TasksPerNode, gpus)
	d.add("--chdir=", r.Dir)
	log := strings.ReplaceAll(filepath.Join(r.Dir, r.Name), "%", "%%") // sbatch replaces %j and the like
	if strings.Contains(log, `\`) || strings.Contains(r.Name, "/") {
		d.errs = append(d.errs, fmt.Errorf("%s: the folder and the job's name make the log's name: take ones without backslash, and a name without /", log))
	}
	if r.ArrayKey != "" {
		d.add("--array=", fmt.Sprintf("0-%d", len(r.ArrayValues)-1))
		d.add("--output=", log+"-%A_%a.log")
	} else {
		d.add("--output=", log+"-%j.log")
	}
	d.lines = append(d.lines, d.prefix+"--requeue", d.prefix+"--open-mode=append")
	d.add("--signal=", fmt.Sprintf("B:USR1@%d", int(r.Warning.Seconds())))
	if r.GPUNodes > 0 {
		d.lines = append(d.lines, d.prefix+"hetjob")
		r.slurmPart(d, r.GPUNodes, r.GPUTasksPerNode, r.GPUsPerTask)
	}
	return d.done()
}

// pbsHead begins the lines of both kinds of PBS; size is the value of -l for nodes and tasks.
func (r *JobRequest) pbsHead(size string) ([]string, error) {
	d := &directives{prefix: "#PBS "}
	d.add("-N ", r.Name)
	if r.ArrayKey != "" {
		option := "-J "
		if r.Scheduler == "torque" {
			option = "-t "
		}
		d.add(option, fmt.Sprintf("0-%d", len(r.ArrayValues)-1))
	}
	d.add("-l ", size)
	s := int64(r.Time / time.Second)
	d.add("-l ", fmt.Sprintf("walltime=%02d:%02d:%02d", s/3600, s/60%60, s%60))
	queue := r.Partition
	if r.GPUsPerTask > 0 && r.GPUPartition != "" {
		queue = r.GPUPartition
	}
	d.add("-q ", queue)
	d.add("-A ", r.Account)
	d.lines = append(d.lines, d.prefix+"-j oe", d.prefix+"-r y")
	d.more(r.Options)
	return d.done()
}

func (r *JobRequest) pbsDirectives() ([]string, error) {
	size := fmt.Sprintf("select=%d:ncpus=%d:mpiprocs=%d", r.Nodes, r.TasksPerNode*r.CPUsPerTask, r.TasksPerNode)
	if r.GPUsPerTask > 0 {
		size += fmt.Sprintf(":ngpus=%d", r.TasksPerNode*r.GPUsPerTask)
	}
	return r.pbsHead(size)
}

func (r *JobRequest) torqueDirectives() ([]string, error) {
	size := fmt.Sprintf("nodes=%d:ppn=%d", r.Nodes, r.TasksPerNode*r.CPUsPerTask)
	if r.GPUsPerTask > 0 {
		size += fmt.Sprintf(":gpus=%d", r.TasksPerNode*r.GPUsPerTask)
	}
	return r.pbsHead(size)
}

// settings is the shell text that sets the job up: its variables, env.sh, its modules, the functions of file, and as the script's
// arguments those of deeprc run.
func (r *JobRequest) settings(file string) (string, error) {
	var b strings.Builder
	var errs []error
	word := func(s string) string {
		q, err := shellQuote(s)
		if err != nil {
			errs = append(errs, err)
		}
		return q
	}
	words := func(list []string) string {
		var q []string
		for _, s := range list {
			q = append(q, word(s))
		}
		return strings.Join(q, " ")
	}
	set := func(name, value string) { fmt.Fprintf(&b, "export %s=%s\n", name, word(value)) }
	set("DEEPRC_HOME", r.Home)
	set("DEEPRC_MPI", r.MPI)
	set("DEEPRC_REQUEUES", fmt.Sprint(r.Requeues))
	if r.Scheduler == "slurm" {
		set("DEEPRC_WARNING", fmt.Sprint(int(r.Warning.Seconds())))
		if r.SrunMPI != "" {
			set("DEEPRC_SRUN_MPI", r.SrunMPI)
		}
	} else {
		set("DEEPRC_WARN_AFTER", fmt.Sprint(int((r.Time - r.Warning).Seconds())))
		if r.Scheduler == "torque" {
			set("DEEPRC_CORES_PER_RANK", fmt.Sprint(r.CPUsPerTask))
		}
		set("OMP_NUM_THREADS", fmt.Sprint(r.CPUsPerTask))
	}
	if r.ArrayKey != "" {
		fmt.Fprintf(&b, "key=%s\nvalues=(%s)\n", word(r.ArrayKey), words(r.ArrayValues))
	}
	fmt.Fprintf(&b, "set -- %s\n\n", words(r.Args))
	for _, name := range []string{"env.sh", file} {
		text, err := jobscripts.Files.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "# ----- jobscripts/%s\n%s\n", name, strings.TrimPrefix(string(text), "# shellcheck shell=bash\n"))
		if name == "env.sh" && len(r.Modules) > 0 {
			fmt.Fprintf(&b, "load_modules %s\n\n", words(r.Modules))
		}
	}
	return b.String(), errors.Join(errs...)
}
