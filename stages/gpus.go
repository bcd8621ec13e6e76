package stages

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"deeprc/gpu"
)

// A visibleGPU is one that CUDA programs of a process see.
type visibleGPU struct {
	Name string // in CUDA_VISIBLE_DEVICES
	ID   string // by which other processes of the host know it: its UUID, or Name where NVML tells none
}

// visibleGPUs are those of a process with env: what CUDA_VISIBLE_DEVICES names, else what Slurm has given the step or the job, else all
// devices, which NVML has listed; nil where there is no NVML. note tells of a contradiction between them.
func visibleGPUs(env func(name string) (value string, set bool), devices []gpu.Device) (out []visibleGPU, note string) {
	variable := "CUDA_VISIBLE_DEVICES"
	list, limited := env(variable)
	for _, name := range []string{"SLURM_STEP_GPUS", "SLURM_JOB_GPUS"} {
		if !limited {
			variable = name
			list, limited = env(name)
		}
	}
	// Behind a control group that shows the job's devices only, Slurm's numbers, which are the node's, say nothing.
	if !limited || variable != "CUDA_VISIBLE_DEVICES" && devices != nil && len(devices) <= len(strings.Split(list, ",")) {
		for _, d := range devices {
			out = append(out, visibleGPU{d.UUID, d.UUID})
		}
		return out, ""
	}
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		n, err := strconv.Atoi(name)
		g := visibleGPU{name, name}
		at := -1 // of devices
		switch {
		case name == "" || name == "NoDevFiles" || err == nil && n < 0: // CUDA sees nothing from here on
			return out, ""
		case err == nil:
			at = n
		default: // a UUID, perhaps its beginning only, or of a MIG instance
			if at = slices.IndexFunc(devices, func(d gpu.Device) bool { return strings.HasPrefix(d.UUID, name) }); at < 0 && strings.HasPrefix(name, "MIG-") {
				out = append(out, g)
				continue
			}
		}
		if devices != nil && (at < 0 || at >= len(devices)) {
			return out, fmt.Sprintf("%s=%s, but %s is none of the %d GPUs there: CUDA sees those before it only", variable, list, name, len(devices))
		}
		if devices != nil {
			g.ID = devices[at].UUID
		}
		out = append(out, g)
	}
	return out, ""
}

// rankGPUs is what one rank tells the others of what it sees.
type rankGPUs struct {
	Host string
	Sees []visibleGPU
	Off  bool // it runs no tasks
	Note string
}

// shareGPUs gives each GPU of a host to one rank of it. Ranks that see the same ones share them out: as many to each as there are for all,
// else one to each of the first.
func shareGPUs(all []rankGPUs) (of [][]string, notes []string) {
	type group struct {
		ranks []int
		ids   []string
	}
	var groups []*group
	by := map[string]*group{}
	for r, a := range all {
		if a.Note != "" {
			notes = append(notes, fmt.Sprintf("rank %d on %s: %s", r, a.Host, a.Note))
		}
		if a.Off || len(a.Sees) == 0 {
			continue
		}
		var ids []string
		for _, g := range a.Sees {
			ids = append(ids, g.ID)
		}
		slices.Sort(ids)
		key := a.Host + "\x00" + strings.Join(ids, "\x00")
		if by[key] == nil {
			by[key] = &group{ids: slices.Compact(ids)}
			groups = append(groups, by[key])
		}
		by[key].ranks = append(by[key].ranks, r)
	}
	of = make([][]string, len(all))
	taken := map[string]int{} // by which rank
	for _, g := range groups {
		first := g.ranks[0]
		var free []visibleGPU
		for _, s := range all[first].Sees {
			other, is := taken[all[first].Host+"\x00"+s.ID]
			if is {
				notes = append(notes, fmt.Sprintf("ranks %d and %d on %s both see the GPU %s, though not all the same ones: only the former has it: give each task GPUs of its own, by srun --gpus-per-task, or all of them the same",
					other, first, all[first].Host, s.ID))
			} else if !slices.Contains(free, s) {
				free = append(free, s)
			}
		}
		for i, r := range g.ranks {
			from, to := gpuPart(len(free), i, len(g.ranks))
			for _, mine := range free[from:to] {
				taken[all[r].Host+"\x00"+mine.ID] = r
				at := slices.IndexFunc(all[r].Sees, func(v visibleGPU) bool { return v.ID == mine.ID }) // by the rank's own name
				of[r] = append(of[r], all[r].Sees[at].Name)
			}
		}
	}
	return of, notes
}

// gpuPart are the GPUs from … to−1, of n, that number i of so many ranks has.
func gpuPart(n, i, ranks int) (from, to int) {
	each := n / ranks
	if each == 0 {
		return min(i, n), min(i+1, n)
	}
	return i * each, (i + 1) * each
}
