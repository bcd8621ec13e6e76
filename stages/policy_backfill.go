package stages

import (
	"cmp"
	"slices"
	"time"
)

// maxOvertaken is how many tasks of unknown length may start on ranks that the first task waits for. Then these stay free for it, so
// that none waits for ever.
const maxOvertaken = 32

// backfill starts the first task in turn; where that must wait, ranks are reserved for it, and others may start that do not make it wait
// longer: on other ranks, or on reserved ones if their timeout ends them before the first could start (EASY backfilling: Lifka 1995, The
// ANL/IBM SP scheduling system). Tasks without a timeout may take reserved ranks maxOvertaken times.
func backfill(v *View) (Choice, bool) {
	return v.backfill(func(*schedTask) rankSet { return nil })
}

// backfill is the policy, with the ranks that each task would rather have.
func (v *View) backfill(prefer func(t *schedTask) rankSet) (Choice, bool) {
	first := v.ready.first()
	if c, ok := v.place(first, nil, prefer(first)); ok {
		return c, true
	}
	reserved, shadow := v.reserve(first)
	for _, t := range v.ready.heads() {
		if t == first {
			continue
		}
		if c, ok := v.place(t, reserved, prefer(t)); ok {
			return c, true
		}
		ends := t.Timeout > 0 && t.Timeout <= shadow-v.now
		if ends || first.overtaken < maxOvertaken {
			if c, ok := v.place(t, nil, prefer(t)); ok {
				if !ends {
					c.Overtakes = first.index
				}
				return c, true
			}
		}
	}
	return Choice{}, false
}

// reserve chooses the ranks on which t can start soonest, as far as timeouts tell, and when that is.
func (v *View) reserve(t *schedTask) (set rankSet, shadow time.Duration) {
	p := v.pool
	set = make(rankSet, (len(p.slots)+63)/64)
	least, _ := t.bounds(p.alive)
	if t.PerNode > 0 {
		return set, v.reserveNodes(t, set, least)
	}
	for r := range p.eachFree(t.Request, nil) {
		if least <= 0 {
			break
		}
		set.add(r)
		least--
	}
	shadow = v.now
	for _, a := range v.running {
		for i, r := range a.ranks {
			if least > 0 && !a.gone[i] && p.of[r] != nil && t.suits(p.of[r]) {
				set.add(r)
				least--
				shadow = max(shadow, a.end)
			}
		}
		if least == 0 {
			break
		}
	}
	return set, shadow
}

// reserveNodes adds to set the ranks of whole parts of nodes that are free soonest, until there are least, and returns when they are.
func (v *View) reserveNodes(t *schedTask, set rankSet, least int) (shadow time.Duration) {
	type rankEnd struct {
		rank int
		end  time.Duration
	}
	by := make([][]rankEnd, v.pool.nodes)
	note := func(r int, end time.Duration) {
		if n := v.pool.slots[r].Node; len(by[n]) < t.PerNode {
			by[n] = append(by[n], rankEnd{r, end})
		}
	}
	for r := range v.pool.eachFree(t.Request, nil) {
		note(r, v.now)
	}
	for _, a := range v.running {
		for i, r := range a.ranks {
			if !a.gone[i] && v.pool.of[r] != nil && t.suits(v.pool.of[r]) {
				note(r, a.end)
			}
		}
	}
	by = slices.DeleteFunc(by, func(l []rankEnd) bool { return len(l) < t.PerNode })
	slices.SortStableFunc(by, func(a, b []rankEnd) int { return cmp.Compare(a[t.PerNode-1].end, b[t.PerNode-1].end) })
	shadow = v.now
	for _, l := range by {
		if least <= 0 {
			break
		}
		for _, e := range l {
			set.add(e.rank)
			shadow = max(shadow, e.end)
		}
		least -= t.PerNode
	}
	return shadow
}
