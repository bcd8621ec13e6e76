package collective_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"deeprc/collective"
	"deeprc/collective/commtest"
)

func TestLocal(t *testing.T) {
	commtest.Suite(t, []int{1, 2, 3, 4, 7}, collective.RunLocal)
	if !testing.Short() {
		commtest.Large(t, []int{2, 3, 4, 7}, collective.RunLocal)
	}
}

// TestLocalFailure checks that a rank's error, panic or lost goroutine releases ranks in every call, in groups too.
func TestLocalFailure(t *testing.T) {
	errMine := errors.New("mine")
	fails := map[string]func() error{
		"error":  func() error { return fmt.Errorf("csv: %w", errMine) },
		"panic":  func() error { panic(errMine) },
		"nil":    func() error { var p *int; *p = 1; return nil },
		"goexit": func() error { new(testing.T).FailNow(); return nil },
	}
	waits := map[string]func(c collective.Comm) error{
		"Barrier":   collective.Comm.Barrier,
		"AllReduce": func(c collective.Comm) error { return collective.AllReduce(c, make([]float32, 10_000), collective.Sum) },
		"Sub": func(c collective.Comm) error {
			_, err := c.Sub([]int{0, 1, 2, 3})
			return err
		},
		"in Sub": func(c collective.Comm) error {
			if c.Rank() == 3 { // rank 3 leaves ranks 0 and 1 to a group that never meets
				return c.Barrier()
			}
			s, err := c.Sub([]int{0, 1})
			if err != nil || c.Rank() == 0 {
				return errors.Join(err, c.Barrier())
			}
			return s.Barrier()
		},
	}
	for how, fail := range fails {
		for where, wait := range waits {
			t.Run(how+"/"+where, func(t *testing.T) {
				start := time.Now()
				err := collective.RunLocal(4, func(c collective.Comm) error {
					if c.Rank() == 2 {
						time.Sleep(10 * time.Millisecond)
						return fail()
					}
					err := wait(c)
					var e *collective.RankError
					if !errors.As(err, &e) || e.Rank != 2 {
						t.Errorf("rank %d: %v, want rank 2's failure", c.Rank(), err)
					}
					if again := wait(c); again == nil {
						t.Errorf("rank %d: a call after the failure succeeds", c.Rank())
					}
					return err
				})
				var e *collective.RankError
				if !errors.As(err, &e) || e.Rank != 2 {
					t.Fatalf("got %v, want rank 2's failure", err)
				}
				if own := how == "error" || how == "panic"; errors.Is(err, errMine) != own {
					t.Errorf("errors.Is is %v: %v", !own, err)
				}
				if how == "nil" && !strings.Contains(err.Error(), "local_test.go") {
					t.Errorf("a panic without its stack: %v", err)
				}
				if !collective.Primary(err) {
					t.Error("the only process is not the one that prints")
				}
				if d := time.Since(start); d > 2*time.Second {
					t.Errorf("took %v", d)
				}
			})
		}
	}
}

func TestLocalOneRank(t *testing.T) {
	want := errors.New("csv: line 3")
	if err := collective.RunLocal(1, func(collective.Comm) error { return want }); err != want {
		t.Errorf("got %v, want the bare error", err)
	}
}

func TestLocalMismatch(t *testing.T) {
	for want, f := range map[string]func(c collective.Comm) error{
		"rank 0 calls AllReduce while rank 1 calls Barrier": func(c collective.Comm) error {
			if c.Rank() == 1 {
				return c.Barrier()
			}
			return collective.AllReduce(c, []float64{1}, collective.Sum)
		},
		"AllReduce: rank 0 has 1×i64": func(c collective.Comm) error {
			return collective.AllReduce(c, make([]int64, 1+c.Rank()), collective.Sum)
		},
		"AllToAll: rank 0 sends 3 elements to rank 1, which expects 2": func(c collective.Comm) error {
			in := []int{0, 0}
			out := []int{0, 3 * (1 - c.Rank())}
			in[0] = 2 * c.Rank()
			return c.AllToAll(collective.Of(make([]uint8, in[0])), in, collective.Of(make([]uint8, out[1])), out)
		},
		"Sub([0 0])":             func(c collective.Comm) error { _, err := c.Sub([]int{0, 0}); return err },
		"rank 2 of a group of 2": func(c collective.Comm) error { return collective.Broadcast(c, []int32{1}, 2) },
	} {
		if err := collective.RunLocal(2, f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestLocalAgain: the world cannot be made again, and goes on.
func TestLocalAgain(t *testing.T) {
	if err := collective.RunLocal(2, func(c collective.Comm) error {
		if s, err := collective.Again(c); s != nil || err == nil || !strings.Contains(err.Error(), "Sub") {
			t.Errorf("Again of the world: %v, %v", s, err)
		}
		return c.Barrier()
	}); err != nil {
		t.Error(err)
	}
}

func TestLocalAllocs(t *testing.T) {
	cs := collective.Local(2)
	x, y := make([]float32, 50_000), make([]float32, 50_000)
	stop := make(chan error)
	const runs = 100
	go func() {
		var err error
		for range runs + 1 { // AllocsPerRun calls once more to warm up
			err = errors.Join(err, cs[1].AllReduce(collective.Of(y), collective.Sum))
		}
		stop <- err
	}()
	n := testing.AllocsPerRun(runs, func() {
		if err := cs[0].AllReduce(collective.Of(x), collective.Sum); err != nil {
			t.Error(err)
		}
	})
	if err := <-stop; err != nil {
		t.Fatal(err)
	}
	if n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

func BenchmarkLocalAllReduce(b *testing.B) {
	for _, n := range []int{2, 4, 16} {
		for _, size := range []int{1, 10_000, 1_000_000, 10_000_000} {
			b.Run(fmt.Sprintf("ranks=%d/floats=%d", n, size), func(b *testing.B) {
				b.SetBytes(int64(4 * size))
				err := collective.RunLocal(n, func(c collective.Comm) error {
					s := make([]float32, size)
					for range b.N {
						if err := collective.AllReduce(c, s, collective.Sum); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// TestLocalAgreedChain: whichever rank returns first, Run's error has the failing rank's chain.
func TestLocalAgreedChain(t *testing.T) {
	cause := errors.New("no such column")
	for i := range 100 {
		err := collective.RunLocal(3, func(c collective.Comm) error {
			var own error
			if c.Rank() == i%3 {
				own = cause
			}
			return collective.Agree(c, own)
		})
		if !errors.Is(err, cause) {
			t.Fatalf("%v has lost its cause", err)
		}
	}
}
