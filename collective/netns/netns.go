// Package netns makes the hosts of a small cluster on one machine, for tests: each is a network namespace with an address on a
// bridge that lives in a namespace too, so the machine's own network sees none of it. Only tests import it.
//
// A test makes hosts, and starts on them what it likes, mostly its own binary anew:
//
//	n := netns.New(t, "a", "b", "c") // or skips: not root, no tools
//	if err := n.Slow("b", "20mbit"); errors.Is(err, errors.ErrUnsupported) {
//		t.Skip(err)
//	}
//	mpi := n.MPIRun(2, os.Args[0], "-test.run=^TestRank$") // ranks 0 and 1 on a, 2 and 3 on b, 4 and 5 on c
//	mpi.Env = append(mpi.Env, "DEEPRC_TEST_MODE=suite")    // for every rank
//	out, err := mpi.CombinedOutput()
//
//	one := n.Command("b", os.Args[0], "-test.run=^TestRank$")
//	one.Env = append(os.Environ(), "MASTER_ADDR="+n.Address("a"), "RANK=1")
//	err = one.Start() // and one.Process.Kill() kills the program itself
//
// Hosts and all that runs there end with the test. What a killed test process leaves, the next New removes.
package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// A Net is a set of hosts joined by a bridge. A host has its own network (lo and eth0), hostname, and /etc/hosts, which knows all
// hosts of the Net. Processes, users, and all files but /etc/hosts and /dev/shm are the machine's.
//
// A host's name that the Net does not know panics.
type Net struct {
	t      testing.TB
	prefix string   // deeprc-PID-NUMBER: the bridge's namespace; PREFIX-HOST is a host's
	dir    string   // TMPDIR/PREFIX: the scripts, the hosts file, Open MPI's session folders
	hosts  []string // host i has the address base + (i+1) and the bridge's port "port<i>"
}

const (
	base       = "10.77.0."
	namespaces = "/run/netns"
)

var (
	made     atomic.Int64 // Nets of this process so far
	hostName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
)

// tools are the commands a Net cannot do without, and the Debian package of each.
var tools = [][2]string{{"ip", "iproute2"}, {"nsenter", "util-linux"}, {"unshare", "util-linux"}, {"mount", "mount"}}

// enter HOST PROGRAM [ARGUMENT...] runs PROGRAM on HOST, as the same process. The script lies in the Net's dir. PROGRAM's /dev/shm is new:
// a folder of the machine's could not be found by a script that one host runs to enter another.
const enter = `host=$1 dir=${0%/*}
shift
exec nsenter --net=/run/netns/"${dir##*/}-$host" unshare --uts --mount --propagation slave sh -c '
	echo "$0" >/proc/sys/kernel/hostname && mount --bind "$1/hosts" /etc/hosts && mount -t tmpfs tmpfs /dev/shm || exit 126
	shift
	exec "$@"' "$host" "$dir" "$@"
`

// rsh HOST COMMAND... stands in for ssh: a shell on HOST runs COMMAND. Other than with ssh, the environment goes along.
const rsh = `host=$1
shift
exec sh "${0%/*}/enter" "$host" sh -c "$*"
`

// New makes the hosts and removes them, with every process that still runs there, when t ends. It skips t, and says why, where
// it cannot: not root, a tool missing, a kernel or container that refuses. First it removes what killed test processes left.
func New(t testing.TB, hosts ...string) *Net {
	t.Helper()
	for i, h := range hosts {
		if !hostName.MatchString(h) || slices.Contains(hosts[:i], h) {
			panic(fmt.Sprintf("netns: %q is no host's name, or is named twice", h))
		}
	}
	if len(hosts) == 0 || len(hosts) > 254 {
		panic(fmt.Sprintf("netns: %d hosts", len(hosts)))
	}
	if os.Geteuid() != 0 {
		t.Skip("netns: hosts as network namespaces need root")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool[0]); err != nil {
			t.Skipf("netns: hosts as network namespaces need %s (Debian: %s): %v", tool[0], tool[1], err)
		}
	}
	prefix := fmt.Sprintf("deeprc-%d-%d", os.Getpid(), made.Add(1))
	n := &Net{t: t, prefix: prefix, dir: filepath.Join(os.TempDir(), prefix), hosts: slices.Clone(hosts)}
	// Of this prefix there is something only if an earlier, killed process had this one's id.
	if err := errors.Join(sweep(), remove(prefix)); err != nil {
		t.Logf("netns: what a killed run left cannot be removed: %v", err)
	}
	t.Cleanup(func() {
		if err := remove(prefix); err != nil {
			t.Error(err)
		}
	})
	if err := n.writeFiles(); err != nil {
		t.Fatal(err)
	}
	if err := n.link(); err != nil {
		t.Skipf("netns: hosts as network namespaces cannot be made here: %v", err)
	}
	if out, err := n.Command(hosts[0], "true").CombinedOutput(); err != nil {
		t.Skipf("netns: a host's own hostname, /etc/hosts and /dev/shm cannot be made here: %v: %s", err, out)
	}
	return n
}

func (n *Net) writeFiles() error {
	list := "127.0.0.1 localhost\n"
	for _, h := range n.hosts {
		list += n.Address(h) + " " + h + "\n"
	}
	err := os.Mkdir(n.dir, 0o755)
	for name, text := range map[string]string{"hosts": list, "enter": enter, "rsh": rsh} {
		err = errors.Join(err, os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o644))
	}
	return err
}

// link makes the namespaces and the wires between them.
func (n *Net) link() error {
	in := "-n " + n.prefix
	commands := []string{"netns add " + n.prefix, in + " link add bridge type bridge", in + " link set bridge up"}
	for _, h := range n.hosts {
		space, port := n.space(h), n.port(h)
		commands = append(commands,
			"netns add "+space,
			"-n "+space+" link set lo up",
			in+" link add "+port+" type veth peer name eth0 netns "+space,
			in+" link set "+port+" master bridge up",
			"-n "+space+" addr add "+n.Address(h)+"/24 dev eth0",
			"-n "+space+" link set eth0 up")
	}
	for _, c := range commands {
		if err := run("ip", strings.Fields(c)...); err != nil {
			return err
		}
	}
	return nil
}

func (n *Net) index(host string) int {
	i := slices.Index(n.hosts, host)
	if i < 0 {
		panic(fmt.Sprintf("netns: %q is none of the hosts %v", host, n.hosts))
	}
	return i
}

func (n *Net) space(host string) string { return n.prefix + "-" + n.hosts[n.index(host)] }
func (n *Net) port(host string) string  { return "port" + strconv.Itoa(n.index(host)) }

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("netns: %s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Address is the host's IPv4 address, without a port or the prefix length.
func (n *Net) Address(host string) string { return base + strconv.Itoa(n.index(host)+1) }

// Command is exec.Command on host: the program argv[0] is looked up on PATH when it starts; the working directory and the
// environment are this process's unless they are set in what it returns. The process that it starts is the program itself, so a signal
// reaches it; it is killed when the test of New ends. Its children share its /dev/shm, other Commands on the host have
// theirs. The exit status is 126 or 127 where the program cannot be started.
func (n *Net) Command(host string, argv ...string) *exec.Cmd {
	n.index(host)
	return exec.CommandContext(n.t.Context(), "sh", append([]string{filepath.Join(n.dir, "enter"), host}, argv...)...)
}

// MPIRun is Open MPI's mpirun on the first host: it starts perHost ranks of the program argv on every host, in the order of the hosts,
// those of one host in a row. Their messages to other hosts go over eth0. The environment of what it returns reaches every rank;
// add to it. It does not ask whether mpirun.openmpi is installed.
func (n *Net) MPIRun(perHost int, argv ...string) *exec.Cmd {
	slots := make([]string, len(n.hosts))
	for i, h := range n.hosts {
		slots[i] = h + ":" + strconv.Itoa(perHost)
	}
	all := []string{"mpirun.openmpi", "--host", strings.Join(slots, ","), "-n", strconv.Itoa(perHost * len(slots)), "--bind-to", "none"}
	for _, set := range [][2]string{
		{"ras", "^slurm"}, // the test itself may run in an allocation
		{"plm", "rsh"},
		{"plm_rsh_agent", "sh " + filepath.Join(n.dir, "rsh")},
		{"orte_tmpdir_base", n.dir},
		{"oob_tcp_if_include", base + "0/24"},
		{"pml", "ob1"}, // no InfiniBand past the namespaces
		{"btl", "self,vader,tcp"},
		{"btl_tcp_if_include", base + "0/24"},
		{"mpi_yield_when_idle", "1"}, // the hosts share their cores
	} {
		all = append(all, "--mca", set[0], set[1])
	}
	cmd := n.Command(n.hosts[0], append(all, argv...)...)
	cmd.Env = append(os.Environ(), "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
	return cmd
}

// Slow limits the host's link to rate, in tc's notation (20mbit), in each direction. A later call changes the rate. The error is an
// errors.ErrUnsupported where tc or the kernel's token bucket (tbf) is missing.
func (n *Net) Slow(host string, rate string) error {
	if _, err := exec.LookPath("tc"); err != nil {
		return fmt.Errorf("netns: a slow link needs tc (Debian: iproute2): %w: %w", errors.ErrUnsupported, err)
	}
	for _, end := range [][2]string{{n.space(host), "eth0"}, {n.prefix, n.port(host)}} {
		// 128 kB pass at full speed: two of the largest segments that TCP hands to a device.
		err := run("tc", "-n", end[0], "qdisc", "replace", "dev", end[1], "root", "tbf", "rate", rate, "burst", "128kb", "latency", "200ms")
		if err != nil && strings.Contains(err.Error(), "qdisc kind is unknown") {
			return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
