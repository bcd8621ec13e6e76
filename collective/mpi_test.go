package collective_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"deeprc/collective"
	"deeprc/collective/commtest"
)

// The tests of MPI start this test binary anew under mpirun; modeVar tells it what to do there.
const modeVar = "DEEPRC_TEST_MODE"

// plugin builds the plugin of one MPI into a folder of its own, or skips the test.
func plugin(t *testing.T, mpi string) (dir string) {
	t.Helper()
	for _, tool := range []string{"mpicc." + mpi, "mpirun." + mpi} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s here: %v", mpi, err)
		}
	}
	dir = t.TempDir()
	out, err := exec.Command("mpicc."+mpi, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden",
		"-o", filepath.Join(dir, "libdeeprc-mpi-"+mpi+".so"), "shim/mpi.c").CombinedOutput()
	if err != nil {
		t.Fatalf("mpicc.%s: %v\n%s", mpi, err, out)
	}
	return dir
}

// launch runs TestRank in mode on n ranks and returns what they print. A launch that takes minutes fails the test.
func launch(t *testing.T, mpi, plugins, mode string, n int, more ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Second)
	defer cancel()
	args := []string{"-n", strconv.Itoa(n)}
	if mpi == "openmpi" {
		args = append(args, "--oversubscribe", "--bind-to", "none")
	}
	cmd := exec.CommandContext(ctx, "mpirun."+mpi, append(args, os.Args[0], "-test.run=^TestRank$", "-test.v")...)
	cmd.Env = append(os.Environ(), "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
		"DEEPRC_PLUGINS="+plugins, modeVar+"="+mode)
	cmd.Env = append(cmd.Env, more...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("mpirun.%s did not end:\n%s", mpi, out)
	}
	return string(out), err
}

func eachMPI(t *testing.T, f func(t *testing.T, mpi, plugins string)) {
	if os.Getenv(modeVar) != "" {
		t.Skip("already a rank")
	}
	if testing.Short() {
		t.Skip("short: no mpirun; the same tests run without a sanitizer")
	}
	for _, mpi := range []string{"openmpi", "mpich"} {
		t.Run(mpi, func(t *testing.T) { f(t, mpi, plugin(t, mpi)) })
	}
}

func TestMPI(t *testing.T) {
	eachMPI(t, func(t *testing.T, mpi, plugins string) {
		for _, n := range []int{1, 2, 4} {
			if out, err := launch(t, mpi, plugins, "suite", n); err != nil || strings.Count(out, "--- PASS: TestRank ") != n {
				t.Errorf("%d ranks: %v\n%s", n, err, out)
			}
			if out, err := launch(t, mpi, plugins, "suite", n, "DEEPRC_TEST_PIECE=1000"); err != nil || strings.Count(out, "--- PASS: TestRank ") != n {
				t.Errorf("%d ranks: %v\n%s", n, err, out)
			}
		}
	})
}

// TestMPIGo checks that a process stays a Go process after MPI_Init: panics, signals.
func TestMPIGo(t *testing.T) {
	eachMPI(t, func(t *testing.T, mpi, plugins string) {
		if out, err := launch(t, mpi, plugins, "go", 2); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

func TestMPIFailure(t *testing.T) {
	eachMPI(t, func(t *testing.T, mpi, plugins string) {
		for _, mode := range []string{"error", "panic", "agree", "late"} {
			for _, failing := range []int{0, 2} {
				start := time.Now()
				out, err := launch(t, mpi, plugins, mode, 4, fmt.Sprint("DEEPRC_TEST_RANK=", failing))
				t.Logf("%s of rank %d: %v", mode, failing, time.Since(start).Round(10*time.Millisecond))
				if err == nil {
					t.Errorf("%s of rank %d: mpirun exits with 0", mode, failing)
				}
				// Ranks that compute while rank 0 fails are ended by the launcher, not released.
				if n := strings.Count(out, "RELEASED"); n != 3 && (mode != "late" || failing != 0) {
					t.Errorf("%s of rank %d: %d ranks released in time, want 3", mode, failing, n)
				}
				if n := strings.Count(out, fmt.Sprintf("PRINTED by 0: rank %d (", failing)); n != 1 || strings.Count(out, "PRINTED") != 1 {
					t.Errorf("%s of rank %d: the error is not printed once, by rank 0", mode, failing)
				}
				if t.Failed() {
					t.Fatal(out)
				}
			}
		}
	})
}

// TestMPIDeafRoot: rank 0 computes and never looks; the failing rank prints, and the job ends.
func TestMPIDeafRoot(t *testing.T) {
	eachMPI(t, func(t *testing.T, mpi, plugins string) {
		start := time.Now()
		out, err := launch(t, mpi, plugins, "deaf", 2, "DEEPRC_TEST_RANK=1")
		if err == nil || strings.Count(out, "PRINTED by 1: rank 1 (") != 1 {
			t.Errorf("%v\n%s", err, out)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

func TestMPITasks(t *testing.T) {
	eachMPI(t, func(t *testing.T, mpi, plugins string) {
		if out, err := launch(t, mpi, plugins, "tasks", 4); err != nil {
			t.Errorf("tasks: %v\n%s", err, out)
		}
		if out, err := launch(t, mpi, plugins, "tasks", 4, "DEEPRC_DEBUG=comm"); err != nil {
			t.Errorf("tasks, checked: %v\n%s", err, out)
		}
		if out, err := launch(t, mpi, plugins, "groups", 2); err != nil {
			t.Errorf("groups: %v\n%s", err, out)
		}
	})
}

// TestMPITells: what is wrong is named, by the watchdog, by the comparison of calls, and when a process is killed.
func TestMPITells(t *testing.T) {
	eachMPI(t, func(t *testing.T, mpi, plugins string) {
		for _, c := range []struct {
			mode, env string
			want      []string
		}{
			{"mismatch", "DEEPRC_DEBUG=comm", []string{"rank 0 calls AllReduce (sum) of 1×f64 at collective/do_test.go:", "rank 1 calls Broadcast of 1×i32 from rank 0 at collective/do_test.go:"}},
			{"mismatch", "DEEPRC_TIMEOUT=300ms", []string{"AllReduce (sum) of 1×f64", "Broadcast of 1×i32 from rank 0", "at collective/do_test.go:", "DEEPRC_TIMEOUT=300ms"}},
			{"absent", "DEEPRC_TIMEOUT=300ms", []string{"Barrier at collective/mpi_test.go:", "rank 1 (", "which is in no call of this group; its last was"}},
			{"absent", "DEEPRC_WATCHDOG=300ms", []string{"Barrier at collective/mpi_test.go:", "rank 1 (", "which is in no call of this group; its last was"}},
			{"kill", "DEEPRC_TEST_RANK=1", []string{"rank 1 (", "its process (pid ", "has ended in the middle of the run"}},
		} {
			if c.mode == "kill" && mpi == "mpich" {
				c.want = nil // Hydra kills the others before they can speak, and tells host and pid
			}
			out, err := launch(t, mpi, plugins, c.mode, 2, c.env)
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("%s, %s: no %q in\n%s", c.mode, c.env, want, out)
				}
			}
			if wrong := !strings.HasPrefix(c.env, "DEEPRC_WATCHDOG"); (err != nil) != wrong {
				t.Errorf("%s, %s: %v\n%s", c.mode, c.env, err, out)
			}
		}
	})
}

func TestMPINoPlugin(t *testing.T) {
	eachMPI(t, func(t *testing.T, mpi, _ string) {
		empty := t.TempDir()
		out, err := launch(t, mpi, empty, "none", 2)
		for _, want := range []string{"started 2 ranks", "libdeeprc-mpi-" + mpi + ".so", empty, "make build", "DEEPRC_PLUGINS"} {
			if !strings.Contains(out, want) {
				t.Errorf("the error does not name %q", want)
			}
		}
		if err == nil || strings.Count(out, "PRINTED") != 1 {
			t.Errorf("want one printed error: %v", err)
		}
		if out, err := launch(t, mpi, empty, "suite", 1, "DEEPRC_TEST_LOCAL=1"); err != nil {
			t.Errorf("one rank needs no plugin: %v\n%s", err, out)
		}
		if t.Failed() {
			t.Log(out)
		}
	})
}

// TestMPIOther: with the other MPI's plugin each rank would be a world of its own.
func TestMPIOther(t *testing.T) {
	eachMPI(t, func(t *testing.T, mpi, _ string) {
		other := map[string]string{"openmpi": "mpich", "mpich": "openmpi"}[mpi]
		out, err := launch(t, mpi, plugin(t, other), "none", 2, "DEEPRC_MPI="+other)
		if err == nil || !strings.Contains(out, "the plugin is of another MPI") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// TestMPIOldPlugin: a table of another version is refused, by Run and by Plugins.
func TestMPIOldPlugin(t *testing.T) {
	dir := t.TempDir()
	source, file := filepath.Join(dir, "old.c"), filepath.Join(dir, "libdeeprc-mpi-mpich.so")
	if err := os.WriteFile(source, []byte("const long deeprc_mpi_plugin[40] = {99};\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", file, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("DEEPRC_PLUGINS", dir)
	p := collective.Plugins()
	if p[1].Path != file || p[1].Err == nil || !strings.Contains(p[1].Err.Error(), "has version 99") {
		t.Errorf("Plugins: %+v", p[1])
	}
	if p[0].Path != "" || p[0].Err == nil || !strings.Contains(p[0].Err.Error(), dir) {
		t.Errorf("Plugins: %+v", p[0])
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestRank$")
	cmd.Env = append(os.Environ(), modeVar+"=none", "DEEPRC_MPI=mpich")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "has version 99, this deeprc needs version") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestPluginsFound(t *testing.T) {
	eachMPI(t, func(t *testing.T, mpi, plugins string) {
		t.Setenv("DEEPRC_PLUGINS", plugins)
		for _, p := range collective.Plugins() {
			if p.Name == mpi && (p.Err != nil || filepath.Dir(p.Path) != plugins) {
				t.Errorf("%+v", p)
			}
		}
	})
}

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
			return mail(c)
		case "mismatch":
			return mismatched(c)
		case "absent":
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
	if grown := resident() - before; grown > 16<<10 {
		return fmt.Errorf("%d groups leave %d KiB behind", rounds, grown)
	}
	return nil
}

// suite runs the conformance suite on the first n ranks of the world.
func suite(t *testing.T, c collective.Comm) error {
	var sizes []int
	for _, n := range []int{1, 2, 3, 4} {
		if n <= c.Size() {
			sizes = append(sizes, n)
		}
	}
	commtest.Suite(t, sizes, func(n int, f func(collective.Comm) error) error {
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
	})
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
	const late = 600 * time.Millisecond
	before := cpu()
	if c.Rank() == 0 {
		time.Sleep(late)
	}
	if err := c.Barrier(); err != nil {
		return err
	}
	if used := cpu() - before; used > late/2 {
		return fmt.Errorf("rank %d burns %v in %v of waiting", c.Rank(), used, late)
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
