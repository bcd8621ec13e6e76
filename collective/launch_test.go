package collective_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// The tests of worlds of processes start this test binary anew, under mpirun or as plain
// processes; modeVar tells it what to do there, in TestRank.
const modeVar = "DEEPRC_TEST_MODE"

// launchTime ends a launch that hangs.
const launchTime = 150 * time.Second

// plugin builds the plugin of one backend into a folder of its own, or skips the test.
func plugin(t *testing.T, backend string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	tools, file, source := []string{"mpicc." + backend, "mpirun." + backend}, "libdeeprc-mpi-"+backend+".so", "shim/mpi.c"
	more := []string{}
	if backend == "gloo" {
		tools, file, source, more = []string{"g++"}, "libdeeprc-gloo.so", "shim/gloo.cc", []string{"-std=c++14", "-lgloo"}
		if _, err := os.Stat("/usr/include/gloo/config.h"); err != nil {
			t.Skipf("no gloo here: %v", err)
		}
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s here: %v", backend, err)
		}
	}
	args := append([]string{"-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden", "-o", filepath.Join(dir, file), source}, more...)
	if out, err := exec.Command(tools[0], args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", tools[0], err, out)
	}
	return dir
}

func each(t *testing.T, backends []string, f func(t *testing.T, backend, plugins string)) {
	if os.Getenv(modeVar) != "" {
		t.Skip("already a rank")
	}
	if testing.Short() {
		t.Skip("short: no other processes; the same tests run without a sanitizer")
	}
	for _, backend := range backends {
		t.Run(backend, func(t *testing.T) { f(t, backend, plugin(t, backend)) })
	}
}

func eachMPI(t *testing.T, f func(t *testing.T, mpi, plugins string)) {
	each(t, []string{"openmpi", "mpich"}, f)
}

func eachBackend(t *testing.T, f func(t *testing.T, backend, plugins string)) {
	each(t, []string{"openmpi", "mpich", "gloo"}, f)
}

// launch runs TestRank in mode on n ranks and returns what they print, and the first error. A launch that takes minutes fails the test.
func launch(t *testing.T, backend, plugins, mode string, n int, more ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), launchTime)
	defer cancel()
	args := []string{os.Args[0], "-test.run=^TestRank$", "-test.v"}
	env := append(os.Environ(), "DEEPRC_PLUGINS="+plugins, modeVar+"="+mode)
	var out output
	start := func(args []string, env ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Env, cmd.WaitDelay = env, time.Second
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	var cmds []*exec.Cmd
	switch backend {
	case "gloo":
		env = append(env, "DEEPRC_COMM=gloo", "MASTER_ADDR=127.0.0.1", fmt.Sprint("MASTER_PORT=", freePort(t)), fmt.Sprint("WORLD_SIZE=", n))
		for r := range n {
			rank := append(env[:len(env):len(env)], fmt.Sprint("RANK=", r))
			cmds = append(cmds, start(args, append(rank, more...)...))
		}
	case "openmpi":
		args = append([]string{"mpirun.openmpi", "-n", strconv.Itoa(n), "--oversubscribe", "--bind-to", "none"}, args...)
		env = append(env, "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
		cmds = append(cmds, start(args, append(env, more...)...))
	default:
		args = append([]string{"mpirun." + backend, "-n", strconv.Itoa(n)}, args...)
		cmds = append(cmds, start(args, append(env, more...)...))
	}
	errs := make(chan error)
	for _, cmd := range cmds {
		go func() { errs <- cmd.Wait() }()
	}
	var first error
	for left := len(cmds); left > 0; left-- {
		if backend == "gloo" && left == 1 && slices.Contains(more, "DEEPRC_TEST_FATE=stop") {
			for _, cmd := range cmds { // no launcher ends the one that is stopped
				cmd.Process.Kill()
			}
		}
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	if ctx.Err() != nil {
		t.Fatalf("%s, %s: it does not end:\n%s", backend, mode, out.String())
	}
	return out.String(), first
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// output collects what several processes print.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer // not embedded: io.Copy would go past Write
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}
