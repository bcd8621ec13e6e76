package collective

// absentees are the groups that a process is not in: those that it has left, and those of which it has heard before it joins them. It
// remembers the last mostAbsent of both together, so that late words of a group that was left are dropped, early ones kept, and neither
// without bound. World.mu is held.
type absentees struct {
	of   map[uint64]*absentee
	ring []uint64 // their ids, in turn
	next int
}

const mostAbsent = 4096

type absentee struct {
	slot    int  // in the ring
	left    bool // for good: ids are of one group only
	failure *RankError
	letters *mailbox
}

func newAbsentees() absentees {
	return absentees{of: map[uint64]*absentee{}, ring: make([]uint64, mostAbsent)}
}

// add remembers a group, and forgets the one that has been remembered longest.
func (a *absentees) add(id uint64) *absentee {
	if old := a.of[a.ring[a.next]]; old != nil && old.slot == a.next {
		delete(a.of, a.ring[a.next])
	}
	e := &absentee{slot: a.next}
	a.of[id], a.ring[a.next] = e, id
	a.next = (a.next + 1) % mostAbsent
	return e
}

func (a *absentees) leave(id uint64) { a.add(id).left = true }

// early is what is kept for a group that this process may join; nil if it has left it.
func (a *absentees) early(id uint64) *absentee {
	e := a.of[id]
	if e == nil {
		e = a.add(id)
	}
	if e.left {
		return nil
	}
	return e
}

// join is what was kept for a group that this process joins, or nil.
func (a *absentees) join(id uint64) *absentee {
	e := a.of[id]
	delete(a.of, id)
	return e
}
