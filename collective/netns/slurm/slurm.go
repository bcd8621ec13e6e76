// Package slurm starts a real Slurm on the hosts of a netns.Net, for tests: its own controller, daemons, key and state, which end with
// the test. It needs Debian's slurm-wlm and munge, and root.
//
//	s := slurm.Start(t) // or skips
//	out, err := s.Command("sbatch", "--parsable", "job.sh").Output()
//	state := s.Wait(strings.TrimSpace(string(out)), time.Minute)
package slurm

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"deeprc/collective/netns"
)

// A Cluster has the host head, with the controller, three nodes c1 … c3 (partition cpu, the default) and two, g1 and g2, with two GPUs
// each that are only named (partition gpu). Every node says that it has all cores of this machine, and takes several jobs at once.
type Cluster struct {
	t   testing.TB
	net *netns.Net
	dir string
}

const (
	head    = "head"
	gpus    = 2                // a node
	upTime  = 30 * time.Second // for all nodes to be there
	config  = "slurm.conf"
	gresRC  = "gres.conf"
	cpuList = "c1 c2 c3"
	gpuList = "g1 g2"
)

// Start starts the cluster and waits until its nodes are idle. It skips t, and says why, where Slurm is not installed or hosts cannot be made.
func Start(t testing.TB) *Cluster {
	t.Helper()
	for _, tool := range []string{"munged", "slurmctld", "slurmd", "sbatch"} {
		if _, err := lookPath(tool); err != nil {
			t.Skipf("slurm: no %s here (Debian: slurm-wlm, munge; make deps installs them)", tool)
		}
	}
	nodes := strings.Fields(cpuList + " " + gpuList)
	dir, err := os.MkdirTemp("", "deeprc-slurm-") // short: a socket's name has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Cluster{t: t, dir: dir, net: netns.New(t, append([]string{head}, nodes...)...)}
	if err := s.write(nodes); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.logs())
		}
	})
	s.daemon(head, "munged", "--foreground", "--force", "--key-file="+s.path("munge/key"), "--socket="+s.path("socket/munge"),
		"--pid-file="+s.path("munge/pid"), "--log-file="+s.path("log/munged"), "--seed-file="+s.path("munge/seed"), "--num-threads=2")
	s.daemon(head, "slurmctld", "-D", "-f", s.path(config))
	for _, n := range nodes {
		s.daemon(n, "slurmd", "-D", "-f", s.path(config), "-N", n)
	}
	for end := time.Now().Add(upTime); ; time.Sleep(100 * time.Millisecond) {
		out, _ := s.Command("sinfo", "-h", "-N", "-t", "idle", "-o", "%N").CombinedOutput()
		if len(strings.Fields(string(out))) == len(nodes) {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("slurm: after %v these nodes are idle: %s\n%s", upTime, out, s.logs())
		}
	}
}

// lookPath also looks where daemons are.
func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath(filepath.Join("/usr/sbin", name))
	}
	return path, err
}

func (s *Cluster) path(name string) string { return filepath.Join(s.dir, name) }

func (s *Cluster) write(nodes []string) error {
	for _, d := range []string{"munge", "state"} {
		if err := os.MkdirAll(s.path(d), 0o700); err != nil {
			return err
		}
	}
	for _, d := range append([]string{"", "socket", "log", "spool", "pid"}, nodes...) {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return err
	}
	key := make([]byte, 1024)
	rand.Read(key) // never fails
	if err := os.WriteFile(s.path("munge/key"), key, 0o600); err != nil {
		return err
	}
	var gres strings.Builder
	for _, n := range strings.Fields(gpuList) {
		for i := range gpus { // Slurm gives out only what is a device file: these are /dev/null
			if err := unix.Mknod(filepath.Join(s.dir, n, fmt.Sprint("nvidia", i)), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
				s.t.Skipf("slurm: device files of GPUs cannot be made here: %v", err)
			}
		}
		fmt.Fprintf(&gres, "NodeName=%s Name=gpu File=%s/nvidia[0-%d]\n", n, s.path(n), gpus-1)
	}
	if err := os.WriteFile(s.path(gresRC), []byte(gres.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(s.path(config), []byte(s.config()), 0o644)
}

// config is slurm.conf. The number of cores is that of the machine: with more, slurmd was seen to die. cred_expire and requeue_delay: a
// requeued job waits until the credentials of its first life have expired, two minutes by default.
func (s *Cluster) config() string {
	cores, err := exec.Command("nproc", "--all").Output()
	if err != nil {
		s.t.Fatal(err)
	}
	n := strings.TrimSpace(string(cores))
	return strings.NewReplacer("DIR", s.dir, "CORES", n, "CPUNODES", strings.ReplaceAll(cpuList, " ", ","), "GPUNODES", strings.ReplaceAll(gpuList, " ", ","),
		"GPUS", fmt.Sprint(gpus)).Replace(`ClusterName=deeprc
SlurmctldHost=head
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=DIR/socket/munge,cred_expire=5
CredType=cred/munge
StateSaveLocation=DIR/state
SlurmdSpoolDir=DIR/spool/%n
TmpFS=DIR/%n
SlurmctldPidFile=DIR/pid/slurmctld
SlurmdPidFile=DIR/pid/%n
SlurmctldLogFile=DIR/log/slurmctld
SlurmdLogFile=DIR/log/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
JobRequeue=1
SlurmdTimeout=20
InactiveLimit=0
KillWait=5
MinJobAge=300
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=5,batch_sched_delay=0,sched_min_interval=100000
GresTypes=gpu
PropagateResourceLimits=NONE
NodeName=DEFAULT CPUs=CORES Boards=1 SocketsPerBoard=1 CoresPerSocket=CORES ThreadsPerCore=1 RealMemory=1000 State=UNKNOWN
NodeName=CPUNODES
NodeName=GPUNODES Gres=gpu:GPUS
PartitionName=DEFAULT OverSubscribe=FORCE:4 MaxTime=60 State=UP
PartitionName=cpu Nodes=CPUNODES Default=YES
PartitionName=gpu Nodes=GPUNODES
`)
}

// daemon starts one on a host; it is killed at the end of the test.
func (s *Cluster) daemon(host, name string, args ...string) {
	path, err := lookPath(name)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := s.net.Command(host, append([]string{path}, args...)...)
	cmd.Dir = s.dir
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// Command is a command on the head, in the cluster's environment: sbatch, squeue and the like find the cluster.
func (s *Cluster) Command(argv ...string) *exec.Cmd {
	cmd := s.net.Command(head, argv...)
	cmd.Env = append(os.Environ(), "SLURM_CONF="+s.path(config), "PATH="+os.Getenv("PATH")+":/usr/sbin")
	return cmd
}

// State is a job's, as squeue says, with that of each job of an array once; "" where there is no such job any more.
func (s *Cluster) State(job string) string {
	out, err := s.Command("squeue", "-h", "-r", "-t", "all", "-j", job, "-o", "%T").Output()
	if err != nil {
		return ""
	}
	seen := map[string]bool{}
	var states []string
	for _, state := range strings.Fields(string(out)) {
		if !seen[state] {
			seen[state] = true
			states = append(states, state)
		}
	}
	return strings.Join(states, " ")
}

// Wait returns the job's state once it has ended; the job is cancelled where that takes longer than limit, and its state is then told
// with all that Slurm knows of it.
func (s *Cluster) Wait(job string, limit time.Duration) string {
	end := time.Now().Add(limit)
	for {
		state := s.State(job)
		running := false
		for _, word := range strings.Fields(state) {
			switch word {
			case "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY":
			default:
				running = true
			}
		}
		if state != "" && !running {
			return state
		}
		if time.Now().After(end) {
			out, _ := s.Command("scontrol", "show", "job", job).CombinedOutput()
			s.Command("scancel", job).Run()
			return fmt.Sprintf("%q after %v:\n%s", state, limit, out)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// logs are the ends of the daemons' logs.
func (s *Cluster) logs() string {
	var b strings.Builder
	files, _ := filepath.Glob(s.path("log/*"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		fmt.Fprintf(&b, "=== %s\n%s\n", filepath.Base(f), text[max(0, len(text)-3000):])
	}
	return b.String()
}
