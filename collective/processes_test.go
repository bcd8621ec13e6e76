package collective_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"deeprc/collective"
)

func TestSuite(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend, plugins string) {
		for _, n := range []int{1, 2, 4, 7} {
			small := "1000"
			if backend == "gloo" { // where a message takes some 50 µs
				small = "20000"
			}
			for _, piece := range []string{"", small} {
				if n == 7 && piece != "" {
					continue
				}
				start := time.Now()
				out, err := launch(t, backend, plugins, "suite", n, "DEEPRC_TEST_PIECE="+piece)
				if err != nil || strings.Count(out, "--- PASS: TestRank ") != n {
					t.Errorf("%d ranks, pieces of %q bytes: %v\n%s", n, piece, err, out)
				}
				t.Logf("%d ranks, pieces of %q bytes: %v; %s", n, piece, time.Since(start).Round(10*time.Millisecond), strings.Join(regexp.MustCompile("IDLE .*").FindAllString(out, -1), "; "))
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

func TestFailure(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend, plugins string) {
		printers := 1 // rank 0; processes without a common launcher all print
		if backend == "gloo" {
			printers = 4
		}
		for _, mode := range []string{"error", "panic", "agree", "late"} {
			for _, failing := range []int{0, 2} {
				start := time.Now()
				out, err := launch(t, backend, plugins, mode, 4, fmt.Sprint("DEEPRC_TEST_RANK=", failing))
				t.Logf("%s of rank %d: %v", mode, failing, time.Since(start).Round(10*time.Millisecond))
				if err == nil {
					t.Errorf("%s of rank %d: no process fails", mode, failing)
				}
				// Ranks that compute while rank 0 fails are ended by the launcher, not released.
				if n := strings.Count(out, "RELEASED"); n != 3 && (mode != "late" || failing != 0) {
					t.Errorf("%s of rank %d: %d ranks released in time, want 3", mode, failing, n)
				}
				if n := strings.Count(out, fmt.Sprintf("PRINTED by 0: rank %d (", failing)); n != 1 || strings.Count(out, "PRINTED") != printers {
					t.Errorf("%s of rank %d: the error is not printed by rank 0, and %d times in all", mode, failing, printers)
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

func TestTasks(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend, plugins string) {
		if out, err := launch(t, backend, plugins, "tasks", 4); err != nil {
			t.Errorf("tasks: %v\n%s", err, out)
		}
		if out, err := launch(t, backend, plugins, "tasks", 4, "DEEPRC_DEBUG=comm"); err != nil {
			t.Errorf("tasks, checked: %v\n%s", err, out)
		}
		some := "DEEPRC_TEST_GROUPS=" + os.Getenv("DEEPRC_TEST_GROUPS")
		if backend == "gloo" && os.Getenv("DEEPRC_TEST_GROUPS") == "" {
			some = "DEEPRC_TEST_GROUPS=300" // each with connections of its own
		}
		if out, err := launch(t, backend, plugins, "groups", 2, some); err != nil {
			t.Errorf("groups: %v\n%s", err, out)
		}
	})
}

// TestMPITells: what is wrong is named, by the watchdog, by the comparison of calls, and when a process is killed.
func TestTells(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend, plugins string) {
		seen := []string{"rank 1 (", "its process (pid ", "has ended in the middle of the run"}
		if backend == "gloo" {
			seen = []string{"rank 1 (", "the connection to its process", "was closed: it was killed or it crashed"}
		}
		for _, c := range []struct {
			mode, env string
			want      []string
		}{
			{"mismatch", "DEEPRC_DEBUG=comm", []string{"rank 0 calls AllReduce (sum) of 1×f64 at collective/do_test.go:", "rank 1 calls Broadcast of 1×i32 from rank 0 at collective/do_test.go:"}},
			{"mismatch", "DEEPRC_TIMEOUT=300ms", []string{"AllReduce (sum) of 1×f64", "Broadcast of 1×i32 from rank 0", "at collective/do_test.go:", "DEEPRC_TIMEOUT=300ms"}},
			{"absent", "DEEPRC_TIMEOUT=300ms", []string{"Barrier at collective/rank_test.go:", "rank 1 (", "which is in no call of this group; its last was"}},
			{"absent", "DEEPRC_WATCHDOG=300ms", []string{"Barrier at collective/rank_test.go:", "rank 1 (", "which is in no call of this group; its last was"}},
			{"kill", "DEEPRC_TEST_RANK=1", seen},
		} {
			out, err := launch(t, backend, plugins, c.mode, 2, c.env)
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

// TestHuge sends more than 2³¹ bytes in one call, and more than 2³¹ from one rank to another; it needs 12 GiB.
func TestHuge(t *testing.T) {
	if os.Getenv("DEEPRC_TEST_HUGE") == "" {
		t.Skip("DEEPRC_TEST_HUGE is not set")
	}
	eachBackend(t, func(t *testing.T, backend, plugins string) {
		if out, err := launch(t, backend, plugins, "huge", 2); err != nil {
			t.Errorf("%v\n%s", err, out)
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
