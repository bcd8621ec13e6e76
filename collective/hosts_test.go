package collective_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"deeprc/collective/netns"
)

// slowRate is of host b's link; the others' are some ten times as fast.
const slowRate = "1gbit"

// hosts makes three hosts, of which b has a slow link.
func hosts(t *testing.T) *netns.Net {
	n := netns.New(t, "a", "b", "c")
	if err := n.Slow("b", slowRate); errors.Is(err, errors.ErrUnsupported) {
		t.Logf("all links are equally fast: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	return n
}

// onHosts runs TestRank in mode, one rank on each host, and returns what they print and the first error.
func onHosts(t *testing.T, n *netns.Net, backend, plugins, mode string, more ...string) (string, error) {
	t.Helper()
	env := append([]string{"DEEPRC_PLUGINS=" + plugins, modeVar + "=" + mode, "DEEPRC_TEST_PIECE=300000"}, more...)
	rank := []string{os.Args[0], "-test.run=^TestRank$", "-test.v"}
	var cmds []*exec.Cmd
	if backend == "openmpi" {
		cmd := n.MPIRun(1, rank...)
		cmd.Env = append(cmd.Env, env...)
		cmds = append(cmds, cmd)
	} else {
		for r, host := range []string{"a", "b", "c"} {
			cmd := n.Command(host, rank...)
			cmd.Env = append(append(os.Environ(), env...), "DEEPRC_COMM=gloo", "MASTER_ADDR="+n.Address("a"), "MASTER_PORT=7000", "WORLD_SIZE=3", fmt.Sprint("RANK=", r))
			cmds = append(cmds, cmd)
		}
	}
	var out output
	errs := make(chan error)
	late := time.AfterFunc(launchTime, func() {
		for _, cmd := range cmds {
			cmd.Process.Kill()
		}
	})
	for _, cmd := range cmds {
		cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, time.Second
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { errs <- cmd.Wait() }()
	}
	var first error
	for range cmds {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	if !late.Stop() {
		t.Fatalf("%s on three hosts, %s: it does not end:\n%s", backend, mode, out.String())
	}
	return out.String(), first
}

// TestHosts runs the suite over three hosts, and kills a process of another host. MPICH is left out: over TCP its MPI_Finalize hangs.
func TestHosts(t *testing.T) {
	each(t, []string{"openmpi", "gloo"}, func(t *testing.T, backend, plugins string) {
		n := hosts(t)
		out, err := onHosts(t, n, backend, plugins, "suite")
		if err != nil || strings.Count(out, "--- PASS: TestRank ") != 3 {
			t.Errorf("%v\n%s", err, out)
		}
		out, err = onHosts(t, n, backend, plugins, "error", "DEEPRC_TEST_RANK=2")
		if err == nil || strings.Count(out, "RELEASED") != 2 || !strings.Contains(out, "PRINTED by 0: rank 2 (c): csv: no such column") {
			t.Errorf("error of rank 2: %v\n%s", err, out)
		}
		out, err = onHosts(t, n, backend, plugins, "fate", "DEEPRC_TEST_RANK=1", "DEEPRC_TEST_FATE=kill")
		if err == nil || named(backend, "kill", 1, out) == "" {
			t.Errorf("kill of rank 1: %v\n%s", err, out)
		}
		t.Logf("kill of rank 1: %s", named(backend, "kill", 1, out))
	})
}
