package commtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"deeprc/collective"
)

// failureTime is within which a failure reaches a rank that waits; a machine with more ranks than cores gets more.
const failureTime = 2 * time.Second

// Chaos splits the ranks of c at random into two groups that make random calls, round after
// round, and makes a random rank of the first fail at a random step: it returns an error,
// panics, is cancelled, or is merely late. All of the first group must then name that rank
// and the cause in time, and the second group and c must not notice. It returns how many
// failures of each kind there were. The ranks of c are the first of the world, in order.
func Chaos(c collective.Comm, seed uint64, rounds int) (map[string]int, error) {
	kinds := map[string]int{}
	for round := range rounds {
		kind, err := chaos(c, seed, uint64(round))
		if err == nil {
			err = c.Barrier()
		}
		if err != nil {
			return kinds, fmt.Errorf("seed %d, round %d, %s: %w", seed, round, kind, err)
		}
		kinds[kind]++
	}
	return kinds, nil
}

// Kinds is the text of a count by kind.
func Kinds(k map[string]int) string {
	var s []string
	for _, name := range slices.Sorted(maps.Keys(k)) {
		s = append(s, fmt.Sprintf("%s %d", name, k[name]))
	}
	return strings.Join(s, ", ")
}

func chaos(c collective.Comm, seed, round uint64) (kind string, err error) {
	rng := generator(seed, round)
	n, me := c.Size(), c.Rank()
	order := rng.Perm(n)
	split := 2
	if n > 2 {
		split += rng.IntN(n - 1)
	}
	first, second := order[:split], order[split:]
	victim := first[rng.IntN(split)]
	kind = []string{"error", "panic", "cancel", "delay"}[rng.IntN(4)]
	steps := 1 + rng.IntN(12)
	at, late := rng.IntN(steps), time.Duration(rng.IntN(30))*time.Millisecond
	if slices.Contains(second, me) {
		return kind, sub(c, second, func(s collective.Comm) error { return sequence(s, generator(seed, ^round), steps) })
	}
	s, err := c.Sub(first)
	cause := fmt.Sprintf("seeded fault %d of rank %d", round, victim)
	if err != nil { // another rank has its group already, and its fault
		return kind, named(err, victim, cause)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var told time.Duration // how long the last call took that returned the failure
	err = collective.Do(ctx, s, func(s collective.Comm) error {
		calls := generator(seed, round+1<<32)
		for i := range steps {
			if i == at && me == victim {
				switch kind {
				case "error":
					return errors.New(cause)
				case "panic":
					panic(cause)
				case "cancel":
					time.AfterFunc(late, func() { cancel(errors.New(cause)) })
					_, _, err := collective.OpenMailbox(s).Recv() // nobody writes
					return err
				}
				time.Sleep(late)
			}
			start := time.Now()
			if err := step(s, calls); err != nil {
				told = time.Since(start)
				return err
			}
		}
		return nil
	})
	if e := s.Close(); e != nil {
		return kind, e
	}
	if kind == "delay" {
		return kind, err
	}
	if told > failureTime {
		return kind, fmt.Errorf("the failure came after %v", told)
	}
	return kind, named(err, victim, cause)
}

// named returns an error unless err is that of rank victim with this cause.
func named(err error, victim int, cause string) error {
	var e *collective.RankError
	if !errors.As(err, &e) || e.Rank != victim || !strings.Contains(e.Text, cause) {
		return fmt.Errorf("got %w, want rank %d's %q", err, victim, cause)
	}
	return nil
}
