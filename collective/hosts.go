package collective

import "slices"

// Placement is where the ranks of a group run.
type Placement struct {
	Hosts     []string // host name of each rank
	LocalRank int      // number of lower ranks on this rank's host
	LocalSize int      // number of ranks on this rank's host
}

// Nodes is the number of distinct hosts.
func (p Placement) Nodes() int {
	h := slices.Sorted(slices.Values(p.Hosts))
	return len(slices.Compact(h))
}

// Hosts tells every rank where all ranks run; collective.
func Hosts(c Comm) (Placement, error) {
	all, counts, err := AllGatherV(c, []byte(hostName()))
	if err != nil {
		return Placement{}, err
	}
	p := Placement{Hosts: make([]string, len(counts))}
	for r, n := range counts {
		p.Hosts[r], all = string(all[:n]), all[n:]
	}
	for r, h := range p.Hosts {
		if h == p.Hosts[c.Rank()] {
			p.LocalSize++
			if r < c.Rank() {
				p.LocalRank++
			}
		}
	}
	return p, nil
}
