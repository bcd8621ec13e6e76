package stages

// fifo starts tasks in turn: the first one that cannot start holds up all others.
func fifo(v *View) (Choice, bool) { return v.place(v.ready.first(), nil, nil) }
