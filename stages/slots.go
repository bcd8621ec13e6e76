package stages

import (
	"errors"
	"os"

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
	mine.Memory, err = hostMemory(os.Getenv, readSystemFile)
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
