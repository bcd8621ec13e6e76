package collective_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"deeprc/collective"
)

// scoped checks that a task's failure is its group's alone, and that a cancel reaches all its ranks; on 4 ranks.
func scoped(c collective.Comm) error {
	me := c.Rank()
	pair := []int{me &^ 1, me | 1}
	for _, how := range []string{"error", "panic", "cancel"} {
		s, err := c.Sub(pair)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		start := time.Now()
		err = collective.Do(ctx, s, func(s collective.Comm) error {
			if err := s.Barrier(); err != nil { // all have the group: else Sub may return its failure
				return err
			}
			if pair[0] == 2 || s.Rank() == 0 { // ranks 2 and 3 succeed; rank 0 waits for rank 1
				return s.Barrier()
			}
			time.Sleep(20 * time.Millisecond)
			switch how {
			case "panic":
				panic("csv: no such column")
			case "cancel":
				time.AfterFunc(20*time.Millisecond, func() { cancel(errors.New("csv: no such column")) })
				_, _, err := collective.OpenMailbox(s).Recv() // nobody writes
				return err
			}
			return errors.New("csv: no such column")
		})
		cancel(nil)
		var e *collective.RankError
		switch {
		case pair[0] == 2:
			if err != nil {
				return fmt.Errorf("%s: the other task fails: %w", how, err)
			}
		case !errors.As(err, &e) || e.Rank != 1 || !strings.Contains(e.Text, "csv: no such column"):
			return fmt.Errorf("%s: got %w, want rank 1's failure", how, err)
		case time.Since(start) > 2*time.Second:
			return fmt.Errorf("%s: took %v", how, time.Since(start))
		}
		if err := s.Close(); err != nil {
			return err
		}
		if err := c.Barrier(); err != nil {
			return fmt.Errorf("%s: the world fails with the task: %w", how, err)
		}
	}
	return nil
}

// mail sends letters round, from several goroutines, and to a rank that waits for any.
func mail(c collective.Comm) error {
	const letters = 50
	m, n := collective.OpenMailbox(c), c.Size()
	var wg sync.WaitGroup
	for to := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range letters {
				m.Send(to, fmt.Appendf(nil, "%d %d %d", c.Rank(), to, i))
			}
		}()
	}
	next := make([]int, n)
	for range n * letters {
		from, msg, err := m.Recv()
		if err != nil {
			return err
		}
		if want := fmt.Sprintf("%d %d %d", from, c.Rank(), next[from]); string(msg) != want {
			return fmt.Errorf("got %q, want %q", msg, want)
		}
		next[from]++
	}
	wg.Wait()
	if err := m.Close(); err != nil {
		return err
	}
	if _, _, err := m.Recv(); err != collective.ErrMailboxClosed {
		return fmt.Errorf("after Close: %v", err)
	}
	return c.Barrier()
}

// prompt measures how long a letter to rank 0 and its answer take for a rank that was busy for long and only now begins to wait.
func prompt(c collective.Comm) error {
	const rounds, most = 9, 10 * time.Millisecond
	m := collective.OpenMailbox(c)
	if c.Rank() == 0 {
		for range rounds * (c.Size() - 1) {
			from, _, err := m.Recv()
			if err == nil {
				err = m.Send(from, nil)
			}
			if err != nil {
				return err
			}
		}
		return c.Barrier()
	}
	var took []time.Duration
	for range rounds {
		time.Sleep(60 * time.Millisecond)
		start := time.Now()
		if err := m.Send(0, nil); err != nil {
			return err
		}
		if _, _, err := m.Recv(); err != nil {
			return err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	if took[rounds/2] > most {
		return fmt.Errorf("answers take %v, half of them more than %v", took, most)
	}
	return c.Barrier()
}

func TestLocalDo(t *testing.T) {
	for name, f := range map[string]func(collective.Comm) error{"scoped": scoped, "mail": mail} {
		if err := collective.RunLocal(4, f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWatchdog: a rank that does not come is named, with what it does instead, first on standard error, then in the error.
func TestWatchdog(t *testing.T) {
	t.Setenv("DEEPRC_TIMEOUT", "200ms")
	err := collective.RunLocal(3, func(c collective.Comm) error {
		if c.Rank() == 2 {
			time.Sleep(600 * time.Millisecond)
			return nil
		}
		return c.Barrier()
	})
	for _, want := range []string{"Barrier at collective/do_test.go:", "has waited", "rank 2, which has made no call of this group", "DEEPRC_TIMEOUT=200ms"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	t.Setenv("DEEPRC_TIMEOUT", "soon")
	if err := collective.Run(collective.Options{Comm: "local"}, nil); err == nil || !strings.Contains(err.Error(), `DEEPRC_TIMEOUT="soon"`) {
		t.Errorf("got %v", err)
	}
}

// mismatched makes calls that do not match; with DEEPRC_DEBUG=comm all ranks learn both call sites.
func mismatched(c collective.Comm) error {
	if c.Rank() == 1 {
		return collective.Broadcast(c, []int32{1}, 0)
	}
	return collective.AllReduce(c, []float64{1}, collective.Sum)
}

func TestDebug(t *testing.T) {
	t.Setenv("DEEPRC_DEBUG", "comm")
	err := collective.Run(collective.Options{Comm: "local", Ranks: 2}, mismatched)
	for _, want := range []string{"rank 0 calls AllReduce (sum) of 1×f64 at collective/do_test.go:", "rank 1 calls Broadcast of 1×i32 from rank 0 at collective/do_test.go:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	err = collective.Run(collective.Options{Comm: "local", Ranks: 2}, func(c collective.Comm) error {
		n := []int{0, 1 + c.Rank()}
		s := make([]uint8, n[1])
		return c.AllToAll(collective.Of(s), n, collective.Of(append([]uint8(nil), s...)), n)
	})
	if err == nil || !strings.Contains(err.Error(), "rank 0 at collective/do_test.go:") || !strings.Contains(err.Error(), "sends 1 elements to rank 1") {
		t.Errorf("got %v", err)
	}
	if err := collective.Run(collective.Options{Comm: "local", Ranks: 4}, scoped); err != nil {
		t.Error(err)
	}
}
