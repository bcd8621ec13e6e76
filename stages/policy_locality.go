package stages

// locality is backfill on the ranks that hold what a task reads, as far as they are free: those on which the tasks before it ran.
func locality(v *View) (Choice, bool) {
	return v.backfill(func(t *schedTask) rankSet {
		var set rankSet
		for _, k := range t.before {
			if b := v.tasks[k]; b.state == Done && len(b.ranks) < v.pool.alive {
				if set == nil {
					set = make(rankSet, (len(v.pool.slots)+63)/64)
				}
				for _, r := range b.ranks {
					set.add(r)
				}
			}
		}
		return set
	})
}
