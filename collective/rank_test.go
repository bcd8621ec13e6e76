package collective_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"deeprc/collective"
	"deeprc/collective/commtest"
)

// TestRank is one rank of the tests above.
func TestRank(t *testing.T) {
	mode := os.Getenv(modeVar)
	if mode == "" {
		t.Skip("started by the other tests under mpirun")
	}
	failing, _ := strconv.Atoi(os.Getenv("DEEPRC_TEST_RANK"))
	if n, err := strconv.Atoi(os.Getenv("DEEPRC_TEST_PIECE")); err == nil {
		collective.SetPieceBytes(n)
	}
	rank := -1
	err := collective.Run(collective.Options{}, func(c collective.Comm) error {
		rank = c.Rank()
		switch mode {
		case "suite":
			return suite(t, c)
		case "go":
			return goProcess(c)
		case "tasks":
			for range 20 {
				if err := scoped(c); err != nil {
					return err
				}
			}
			if err := prompt(c); err != nil {
				return err
			}
			return mail(c)
		case "mismatch":
			return mismatched(c)
		case "absent":
			if err := c.Barrier(); err != nil {
				return err
			}
			if c.Rank() == 1 {
				time.Sleep(time.Second)
			}
			return c.Barrier()
		case "kill":
			if err := c.Barrier(); err != nil {
				return err
			}
			if c.Rank() == failing {
				time.Sleep(50 * time.Millisecond)
				return syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
			return c.Barrier()
		case "chaos":
			seed, _ := strconv.Atoi(os.Getenv("DEEPRC_TEST_SEED"))
			rounds, _ := strconv.Atoi(os.Getenv("DEEPRC_TEST_ROUNDS"))
			kinds, err := commtest.Chaos(c, uint64(seed), rounds)
			if c.Rank() == 0 {
				fmt.Println("CHAOS", commtest.Kinds(kinds))
			}
			return err
		case "fate":
			return fate(c, failing)
		case "shrink":
			return shrink(c)
		case "huge":
			return commtest.Volume(c, 1<<31)
		case "groups":
			return manyGroups(c)
		case "error", "panic", "agree", "late", "deaf":
			if err := c.Barrier(); err != nil {
				return err
			}
			return fails(c, mode, failing)
		}
		return nil
	})
	if err == nil {
		return
	}
	if collective.Primary(err) {
		fmt.Printf("PRINTED by %d: %v\n", rank, err)
	}
	os.Exit(1)
}

// manyGroups makes and closes thousands of groups, and looks for what they leave behind.
func manyGroups(c collective.Comm) error {
	rounds, err := strconv.Atoi(os.Getenv("DEEPRC_TEST_GROUPS"))
	if err != nil {
		rounds = 5000
	}
	all := make([]int, c.Size())
	for r := range all {
		all[r] = r
	}
	resident := func() int {
		b, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			panic(err)
		}
		pages, err := strconv.Atoi(strings.Fields(string(b))[1])
		if err != nil {
			panic(err)
		}
		return pages * os.Getpagesize() >> 10
	}
	before := 0
	for i := range rounds {
		if i == rounds/10 {
			runtime.GC()
			before = resident()
		}
		s, err := c.Sub(all)
		if err != nil {
			return fmt.Errorf("group %d: %w", i, err)
		}
		if err := errors.Join(s.Barrier(), s.Close()); err != nil {
			return fmt.Errorf("group %d: %w", i, err)
		}
	}
	runtime.GC()
	grown := resident() - before
	fmt.Printf("GROUPS rank %d: %d made and closed, %d KiB more resident than after %d\n", c.Rank(), rounds, grown, rounds/10)
	if grown > 16<<10 {
		return fmt.Errorf("%d groups leave %d KiB behind", rounds, grown)
	}
	return nil
}

// suite runs the conformance suite on the first n ranks of the world.
func suite(t *testing.T, c collective.Comm) error {
	var sizes []int
	for _, n := range []int{1, 2, 3, 4} {
		if n <= c.Size() && c.Size() <= 4 {
			sizes = append(sizes, n)
		}
	}
	if sizes == nil { // many ranks for few cores: the whole group only
		sizes = []int{c.Size()}
	}
	run := func(n int, f func(collective.Comm) error) error {
		var err error
		if c.Rank() < n {
			some := make([]int, n)
			for r := range some {
				some[r] = r
			}
			var s collective.Comm
			if s, err = c.Sub(some); err != nil {
				return err
			}
			err = errors.Join(f(s), s.Close())
		}
		return collective.Agree(c, err)
	}
	commtest.Suite(t, sizes, run)
	if 1 < c.Size() && c.Size() <= 4 && os.Getenv("DEEPRC_TEST_PIECE") == "" {
		commtest.Large(t, sizes[1:], run)
	}
	if want := "in-process ranks"; (collective.Backend(c) == want) != (os.Getenv("DEEPRC_TEST_LOCAL") != "") {
		t.Errorf("the backend is %s", collective.Backend(c))
	}
	if t.Failed() {
		return errors.New("the suite fails")
	}
	return idle(c)
}

// idle lets rank 0 be late and measures what the others burn meanwhile.
func idle(c collective.Comm) error {
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			panic(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	if err := c.Barrier(); err != nil {
		return err
	}
	const late = time.Second
	before := cpu()
	if c.Rank() == 0 {
		time.Sleep(late)
	}
	if err := c.Barrier(); err != nil {
		return err
	}
	used := cpu() - before
	fmt.Printf("IDLE rank %d of %d: %.1f %% of a core\n", c.Rank(), c.Size(), 100*float64(used)/float64(late))
	if used > late/2 { // one that spins burns all of it; measured on a quiet machine: 5 %, beside other tests: up to 12 %
		return fmt.Errorf("rank %d burns %v in %v of waiting: it spins", c.Rank(), used, late)
	}
	return nil
}

func goProcess(c collective.Comm) error {
	panicked := func() (p any) {
		defer func() { p = recover() }()
		var n *int
		*n = 1
		return nil
	}()
	if _, ok := panicked.(runtime.Error); !ok {
		return fmt.Errorf("a nil dereference gives %v", panicked)
	}
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGUSR1)
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		return err
	}
	select {
	case <-got:
	case <-time.After(2 * time.Second):
		return errors.New("SIGUSR1 does not reach Go")
	}
	// Collections during a call move nothing and free nothing that MPI still uses.
	stop := make(chan bool)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	defer close(stop)
	for range 50 {
		s := make([]float64, 100_000)
		for i := range s {
			s[i] = 1
		}
		if err := collective.AllReduce(c, s, collective.Sum); err != nil {
			return err
		}
		for _, v := range s {
			if v != float64(c.Size()) {
				return fmt.Errorf("a sum is %v", v)
			}
		}
	}
	return nil
}

// fails makes rank failing fail while the others wait, in several places, or compute.
func fails(c collective.Comm, mode string, failing int) error {
	if c.Rank() == failing {
		time.Sleep(100 * time.Millisecond)
		switch mode {
		case "panic":
			none := []int{}[:c.Rank()*0]
			return errors.New(string(rune(none[failing])))
		case "agree":
			return collective.Agree(c, errors.New("csv: no such column"))
		}
		return errors.New("csv: no such column")
	}
	start := time.Now()
	var err error
	switch {
	case mode == "agree":
		err = collective.Agree(c, nil)
	case mode == "deaf":
		time.Sleep(time.Minute)
	case mode == "late":
		time.Sleep(time.Second)
		err = c.Barrier()
	case c.Rank() == 1:
		err = collective.AllReduce(c, make([]float32, 1<<20), collective.Sum)
	case c.Rank() == 3:
		_, err = c.Sub([]int{3, failing})
	default:
		_, err = collective.AllGatherOne(c, int32(1))
	}
	var e *collective.RankError
	if errors.As(err, &e) && e.Rank == failing && time.Since(start) < 2*time.Second {
		fmt.Println("RELEASED", c.Rank())
	}
	return err
}

// fate makes random calls; at a random one, rank failing gets the signal that DEEPRC_TEST_FATE names: KILL; STOP for good; or PAUSE, a STOP of half a second.
func fate(c collective.Comm, failing int) error {
	seed, _ := strconv.Atoi(os.Getenv("DEEPRC_TEST_SEED"))
	rng := rand.New(rand.NewPCG(uint64(seed), 0))
	at := rng.IntN(20)
	for i := range 20 {
		if i == at && c.Rank() == failing {
			me := strconv.Itoa(os.Getpid())
			switch os.Getenv("DEEPRC_TEST_FATE") {
			case "kill":
				return syscall.Kill(os.Getpid(), syscall.SIGKILL)
			case "pause":
				if err := exec.Command("sh", "-c", "sleep 0.5; kill -CONT "+me).Start(); err != nil {
					return err
				}
			}
			if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
				return err
			}
		}
		if err := commtest.Sequence(c, uint64(seed), uint64(i), 3); err != nil {
			return err
		}
	}
	return c.Barrier()
}

// shrink loses ranks 1 and then 0 of 4, and goes on with those that are left.
func shrink(c collective.Comm) error {
	world := c
	for _, lost := range []int{1, 0} {
		err := c.Barrier() // the others may meet the loss in here
		if world.Rank() == lost {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		start := time.Now()
		var e *collective.RankError
		if err == nil {
			err = c.Barrier()
		}
		if !errors.As(err, &e) || e.Rank != lost {
			return fmt.Errorf("got %w, want the end of rank %d", err, lost)
		}
		s, err := collective.Shrink(c)
		if err != nil {
			return err
		}
		if n := c.Size() - 1; s.Size() != n {
			return fmt.Errorf("%d ranks go on, want %d", s.Size(), n)
		}
		if d := time.Since(start); d > 3*time.Second {
			return fmt.Errorf("going on took %v", d)
		}
		for _, g := range []collective.Comm{world, s} {
			if _, err := collective.Again(g); err == nil {
				return errors.New("Again of a group that Sub has not made is no error")
			}
		}
		c = s
		if err := commtest.Sequence(c, 1, 1, 20); err != nil {
			return err
		}
	}
	fmt.Println("SURVIVED", world.Rank())
	return nil
}
