package stages

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"deeprc/collective"
	"deeprc/gpu"
)

// A worldView is what the ranks of a world have.
type worldView struct {
	slots []Slot
	gpus  []string // of this rank, by their names in CUDA_VISIBLE_DEVICES
	notes []string // contradictions, for people
}

// viewWorld describes the ranks of c to a scheduler; collective. The GPUs and the memory of a host are shared out among its ranks:
// memory evenly, GPUs as [shareGPUs] says. With dedicated, rank 0 runs no tasks unless it is the only one.
func viewWorld(c collective.Comm, dedicated bool) (*worldView, error) {
	place, err := collective.Hosts(c)
	if err != nil {
		return nil, err
	}
	mine := Slot{Off: dedicated && c.Rank() == 0 && c.Size() > 1}
	mine.Memory, err = hostMemory(os.ReadFile)
	mine.Memory /= int64(place.LocalSize)
	devices, none := gpu.Devices()
	if none != nil && !errors.Is(none, gpu.ErrUnavailable) {
		err = errors.Join(err, none)
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	w := &worldView{}
	if w.slots, err = gatherEach(c, mine, "resources"); err != nil {
		return nil, err
	}
	sees := rankGPUs{Host: place.Hosts[c.Rank()], Off: mine.Off}
	sees.Sees, sees.Note = visibleGPUs(os.LookupEnv, devices)
	all, err := gatherEach(c, sees, "GPUs")
	if err != nil {
		return nil, err
	}
	of, notes := shareGPUs(all)
	w.gpus, w.notes = of[c.Rank()], notes
	nodes := map[string]int{}
	for r, host := range place.Hosts {
		if _, known := nodes[host]; !known {
			nodes[host] = len(nodes)
		}
		w.slots[r].Node, w.slots[r].GPUs = nodes[host], len(of[r])
	}
	return w, nil
}

// hostMemory is the memory that the processes of this host may use, in bytes: that of the machine, or the limit of the control group.
func hostMemory(read func(path string) ([]byte, error)) (int64, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("memory of this host: %w", err)
	}
	total := int64(info.Totalram) * int64(info.Unit)
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} { // version 2, version 1
		text, err := read(path)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 { // else: max
			total = min(total, n)
		}
	}
	return total, nil
}
