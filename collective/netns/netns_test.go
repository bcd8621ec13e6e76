package netns

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests start this test binary anew; modeVar tells it what to do, nameVar is a host's own variable.
const (
	modeVar = "DEEPRC_NETNS_TEST_MODE"
	nameVar = "DEEPRC_NETNS_TEST_NAME"
	port    = ":7077"
)

func TestMain(m *testing.M) {
	mode := strings.Fields(os.Getenv(modeVar))
	if len(mode) == 0 {
		os.Exit(m.Run())
	}
	var err error
	switch mode[0] {
	case "serve":
		err = serve()
	case "send": // send HOST BYTES
		err = send(mode[1], mode[2])
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// serve prints a line when it listens, and answers each connection with its hostname, nameVar, and how many bytes came.
func serve() error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", host+port)
	if err != nil {
		return err
	}
	fmt.Println("listening")
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		got, err := io.Copy(io.Discard, c)
		if err != nil {
			return err
		}
		fmt.Fprint(c, host, " ", os.Getenv(nameVar), " ", got)
		c.Close()
	}
}

// send sends that many bytes and prints the answer and the milliseconds until it came.
func send(host, bytes string) error {
	count, err := strconv.Atoi(bytes)
	if err != nil {
		return err
	}
	c, err := net.DialTimeout("tcp", host+port, 5*time.Second)
	if err != nil {
		return err
	}
	start := time.Now()
	if _, err := c.Write(make([]byte, count)); err != nil {
		return err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	answer, err := io.ReadAll(c)
	fmt.Println(string(answer), time.Since(start).Milliseconds())
	return err
}

// peer is this binary in a mode, on a host.
func (n *Net) peer(host string, mode ...any) *exec.Cmd {
	cmd := n.Command(host, os.Args[0])
	cmd.Env = append(os.Environ(), modeVar+"="+fmt.Sprintln(mode...), nameVar+"=variable-of-"+host)
	return cmd
}

// serveAll starts a server on every host and returns when all listen.
func serveAll(t *testing.T, n *Net) map[string]*exec.Cmd {
	t.Helper()
	servers := map[string]*exec.Cmd{}
	for _, h := range n.hosts {
		servers[h] = n.peer(h, "serve")
		out, err := servers[h].StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := servers[h].Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "listening\n" {
			t.Fatalf("%s: %v: %s", h, err, line)
		}
	}
	return servers
}

// sends sends bytes from a host to the server of another, whom it calls by name, and returns how long they took.
func sends(n *Net, from, to string, bytes int) (time.Duration, error) {
	out, err := n.peer(from, "send", to, bytes).CombinedOutput()
	var ms int
	if _, bad := fmt.Sscanf(string(out), fmt.Sprintf("%[1]s variable-of-%[1]s %[2]d %%d\n", to, bytes), &ms); err != nil || bad != nil {
		return 0, fmt.Errorf("%s to %s: %v, %v: %s", from, to, err, bad, out)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

func TestHosts(t *testing.T) {
	n := New(t, "a", "b", "c")
	servers := serveAll(t, n)
	for _, from := range n.hosts {
		for _, to := range n.hosts {
			if _, err := sends(n, from, to, 64); err != nil {
				t.Error(err)
			}
		}
	}
	if out, err := n.Command("a", "ip", "-4", "-brief", "addr", "show", "eth0").CombinedOutput(); !strings.Contains(string(out), n.Address("a")+"/24") {
		t.Errorf("%s is not the address: %v: %s", n.Address("a"), err, out)
	}
	if err := n.Command("a", "touch", "/dev/shm/"+n.prefix).Run(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("/dev/shm/" + n.prefix); err == nil {
		t.Error("the machine sees a's /dev/shm")
	}
	if err := servers["b"].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := servers["b"].Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("b was killed: %v", err)
	}
	if _, err := sends(n, "a", "b", 1); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("b was killed: %v", err)
	}
	if _, err := sends(n, "a", "c", 1); err != nil {
		t.Error(err)
	}
}

// slow is 2 MiB in 0.84 s, less 0.05 s for the burst.
func slow(t *testing.T, n *Net, host string) {
	t.Helper()
	switch err := n.Slow(host, "20mbit"); {
	case errors.Is(err, errors.ErrUnsupported):
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

func TestSlow(t *testing.T) {
	n := New(t, "a", "b", "c")
	serveAll(t, n)
	slow(t, n, "b")
	for _, c := range []struct {
		from, to string
		slow     bool
	}{{"a", "b", true}, {"b", "a", true}, {"a", "c", false}} {
		took, err := sends(n, c.from, c.to, 2<<20)
		for try := 0; !c.slow && err == nil && took > 700*time.Millisecond && try < 5; try++ { // on a busy machine
			took, err = sends(n, c.from, c.to, 2<<20)
		}
		t.Logf("%s to %s: %v", c.from, c.to, took)
		if err != nil || took > 700*time.Millisecond != c.slow {
			t.Errorf("%s to %s takes %v, slow is %t: %v", c.from, c.to, took, c.slow, err)
		}
	}
	if err := n.Slow("b", "fast"); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a rate that is none: %v", err)
	}
}

// broadcast prints each rank's place, and the milliseconds that 2 MiB take.
const broadcast = `
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static char b[1 << 21], host[256];
int main(void) {
	int rank;
	MPI_Init(0, 0);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	gethostname(host, sizeof host);
	printf("RANK %d %s %s\n", rank, host, getenv("` + nameVar + `"));
	MPI_Barrier(MPI_COMM_WORLD);
	double start = MPI_Wtime();
	MPI_Bcast(b, sizeof b, MPI_CHAR, 0, MPI_COMM_WORLD);
	MPI_Barrier(MPI_COMM_WORLD);
	if (!rank) printf("TOOK %d\n", (int)(1e3 * (MPI_Wtime() - start)));
	MPI_Finalize();
}
`

func TestMPIRun(t *testing.T) {
	for _, tool := range []string{"mpicc.openmpi", "mpirun.openmpi"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	program, source := filepath.Join(dir, "broadcast"), filepath.Join(dir, "broadcast.c")
	if err := os.WriteFile(source, []byte(broadcast), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mpicc.openmpi", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n := New(t, "a", "b", "c")
	runs := func(perHost int) (ms int) {
		t.Helper()
		cmd := n.MPIRun(perHost, program)
		cmd.Env = append(cmd.Env, nameVar+"=a; b")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for rank := range 3 * perHost {
			if want := fmt.Sprintf("RANK %d %s a; b\n", rank, n.hosts[rank/perHost]); !strings.Contains(string(out), want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		_, after, _ := strings.Cut(string(out), "TOOK ")
		if _, err := fmt.Sscan(after, &ms); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return ms
	}
	runs(2)
	fast := runs(1)
	slow(t, n, "b")
	took := runs(1)
	t.Logf("%d ms, with a slow link %d ms", fast, took)
	if took < 700 {
		t.Errorf("2 MiB over a slow link take %d ms", took)
	}
}

// left is what there is of a prefix on this machine.
func left(t *testing.T, prefix string) (found []string) {
	t.Helper()
	for _, folder := range []string{namespaces, os.TempDir()} {
		files, err := filepath.Glob(filepath.Join(folder, prefix+"*"))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, files...)
	}
	return found
}

func TestCleanup(t *testing.T) {
	var prefix string
	var sleeping *exec.Cmd
	if !t.Run("hosts", func(t *testing.T) {
		n := New(t, "a", "b")
		prefix = n.prefix
		if found := left(t, prefix); len(found) != 4 { // three namespaces, one folder
			t.Errorf("while it is up: %q", found)
		}
		sleeping = n.Command("b", "sh", "-c", "sleep 1000 & sleep 1000")
		sleeping.Stdout = new(bytes.Buffer) // by a pipe, which the inner sleep holds too
		if err := sleeping.Start(); err != nil {
			t.Fatal(err)
		}
	}) || sleeping == nil {
		return
	}
	if err := sleeping.Wait(); err == nil {
		t.Error("a program of a host that is gone ends well")
	}
	if found := left(t, prefix); len(found) != 0 {
		t.Errorf("after the test: %q", found)
	}
}

// TestDie is what TestKilled kills.
func TestDie(t *testing.T) {
	if os.Getenv(nameVar) != "die" {
		t.Skip("started by TestKilled")
	}
	n := New(t, "a")
	if err := n.Command("a", "sleep", "1000").Start(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// TestKilled: the next New removes what a killed test process left.
func TestKilled(t *testing.T) {
	New(t, "a") // skips where there are no namespaces
	cmd := exec.Command(os.Args[0], "-test.run=^TestDie$")
	cmd.Env = append(os.Environ(), nameVar+"=die")
	if out, err := cmd.CombinedOutput(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("%v\n%s", err, out)
	}
	prefix := fmt.Sprintf("deeprc-%d-", cmd.Process.Pid)
	if found := left(t, prefix); len(found) != 3 {
		t.Errorf("a killed process leaves %q", found)
	}
	New(t, "a")
	if found := left(t, prefix); len(found) != 0 {
		t.Errorf("the next New leaves %q", found)
	}
}

func TestNewRefusesNames(t *testing.T) {
	for _, hosts := range [][]string{nil, {""}, {"a", "a"}, {"a b"}, {"../a"}, {"-a"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q is taken for hosts", hosts)
				}
			}()
			New(t, hosts...)
		}()
	}
}
