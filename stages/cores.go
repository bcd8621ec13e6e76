package stages

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"deeprc/collective"
	"deeprc/model"
)

// coreUse is what one rank tells the others of the cores that it may use.
type coreUse struct {
	Host  string
	PID   int
	Cores []int // its affinity mask
	Most  int   // threads that its process may have in all
	// What processes share where they are not bound to cores of their own; 0: no such limit.
	Group string // the control group of its process
	Quota int    // cores' worth of time of that group
	Node  int    // cores of this host that the scheduler gave the job
}

// threadsPerRank is how many threads this rank may compute with; collective. It
// is this rank's part of the cores it is bound to, each divided among the ranks
// of the host that are bound to it too, and of the limits of its process.
func threadsPerRank(c collective.Comm, host string) (int, error) {
	me := coreUse{Host: host, PID: os.Getpid()}
	var err error
	if me.Cores, err = affinity(); err != nil {
		return 0, err
	}
	if me.Most, err = processLimit(runtime.GOMAXPROCS(0), os.Getenv); err != nil {
		return 0, err
	}
	if group, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		me.Group = string(group)
	}
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < len(me.Cores) { // as the Go runtime reads the quota
		me.Quota = runtime.GOMAXPROCS(0)
	}
	given, err := AllocationOf(os.Getenv)
	if err != nil {
		return 0, err
	}
	me.Node = given.NodeCores
	all, err := gatherEach(c, me, "cores")
	if err != nil {
		return 0, err
	}
	return coreShare(all, c.Rank()), nil
}

// affinity is the cores that this process may use.
func affinity() (cores []int, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("cores of this process: %w", err)
	}
	for i := range 64 * len(set) {
		if set.IsSet(i) {
			cores = append(cores, i)
		}
	}
	return cores, nil
}

// openCPU is the processor with this rank's threads, and how many these are; collective.
func openCPU(c collective.Comm) (dev model.Device, threads int, err error) {
	place, err := collective.Hosts(c)
	if err != nil {
		return nil, 0, err
	}
	if threads, err = threadsPerRank(c, place.Hosts[c.Rank()]); err != nil {
		return nil, 0, err
	}
	dev, err = model.CPU(threads)
	return dev, threads, err
}

// processLimit is the least of: GOMAXPROCS, which the Go runtime sets from
// affinity and cgroup quota; SLURM_CPUS_PER_TASK, also where tasks are not
// bound; OMP_NUM_THREADS, of whose list the first counts (OpenMP 5.2, §21.1.2).
func processLimit(gomaxprocs int, env func(string) string) (int, error) {
	most := gomaxprocs
	for _, key := range []string{"SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS"} {
		text := env(key)
		if text == "" {
			continue
		}
		digits := text
		for i, r := range text {
			if r == ',' && key == "OMP_NUM_THREADS" {
				digits = text[:i]
				break
			}
		}
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 {
			return 0, fmt.Errorf("%s=%s: want a number of threads", key, text)
		}
		most = min(most, n)
	}
	return most, nil
}

// coreShare is the threads of rank me, at least one.
func coreShare(all []coreUse, me int) int {
	mine := all[me]
	users := map[int]int{}          // ranks of this host on each core
	process, group, host := 0, 0, 0 // ranks of this process, of its control group, of the host
	for _, u := range all {
		if u.Host != mine.Host {
			continue
		}
		for _, core := range u.Cores {
			users[core]++
		}
		host++
		if u.Group == mine.Group {
			group++
		}
		if u.PID == mine.PID {
			process++
		}
	}
	share := 1e-9 // thirds add up
	for _, core := range mine.Cores {
		share += 1 / float64(users[core])
	}
	threads := min(int(share), mine.Most/process)
	if mine.Quota > 0 {
		threads = min(threads, mine.Quota/group)
	}
	if mine.Node > 0 {
		threads = min(threads, mine.Node/host)
	}
	return max(1, threads)
}
