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

// worldSlots describes the ranks of c to a scheduler; collective. The GPUs and the memory of a host are shared out among its ranks:
// memory evenly, of GPUs as many to each as there are for all, else one to each of the first. With dedicated, rank 0 runs no tasks
// unless it is the only one.
func worldSlots(c collective.Comm, dedicated bool) ([]Slot, error) {
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
	mine.GPUs = gpuShare(len(devices), place.LocalRank, place.LocalSize)
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	slots, err := gatherEach(c, mine, "resources")
	if err != nil {
		return nil, err
	}
	nodes := map[string]int{}
	for r, host := range place.Hosts {
		if _, known := nodes[host]; !known {
			nodes[host] = len(nodes)
		}
		slots[r].Node = nodes[host]
	}
	return slots, nil
}

// gpuShare is how many of n GPUs rank local of a host's ranks has.
func gpuShare(n, local, ranks int) int {
	if n >= ranks {
		return n / ranks
	}
	if local < n {
		return 1
	}
	return 0
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
