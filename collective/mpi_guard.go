package collective

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A guard is a small process beside the ranks of a host, of this same program. MPICH's
// launcher kills all ranks within a millisecond when one of them dies, before any of
// them can say which, and tells a number of a process only. The guard is in a session
// of its own, so it lives long enough to name the rank.

// guardVar marks the guard's process and tells it whom to watch: a list of guarded.
const guardVar = "DEEPRC_GUARD"

// guardPatience is how long the guard waits, after a process has ended, for the word that all is well.
const guardPatience = 300 * time.Millisecond

type guarded struct {
	Rank, PID int
	Host      string
}

func init() {
	if v := os.Getenv(guardVar); v != "" {
		guard(v)
		os.Exit(0)
	}
}

// startGuard starts the guard of this host, on its lowest rank, where the launcher is
// none of Open MPI's, which names ranks itself. It returns what lets the guard go.
func (f *mpiFabric) startGuard() (letGo func()) {
	letGo = func() {}
	var list []guarded
	for r, p := range f.peers {
		if p.Space == f.peers[f.rank].Space && len(p.Space) > 1 {
			list = append(list, guarded{r, p.PID, p.Host})
		}
	}
	if f.size == 1 || len(list) == 0 || list[0].Rank != f.rank || strings.HasPrefix(f.name, "Open MPI") {
		return
	}
	exe, err := os.Executable()
	if err != nil {
		return
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), guardVar+"="+string(mustJSON(list)))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	bye, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return // the launcher's word must do
	}
	return func() {
		bye.Write([]byte{1})
		bye.Close()
		cmd.Wait()
	}
}

// guard watches the processes of a list until the word comes that all is well, or one has ended.
func guard(list string) {
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	if fd, err := strconv.Atoi(os.Getenv("PMI_FD")); err == nil {
		unix.Close(fd) // the rank's line to its launcher
	}
	var all []guarded
	if json.Unmarshal([]byte(list), &all) != nil {
		return
	}
	fds := []unix.PollFd{{Fd: 0, Events: unix.POLLIN}}
	for _, g := range all {
		fd, err := unix.PidfdOpen(g.PID, 0)
		if err != nil {
			return
		}
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	var ended []guarded
	for len(ended) == 0 {
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return
		}
		for i, g := range all {
			if fds[i+1].Revents != 0 {
				ended = append(ended, g)
			}
		}
		if fds[0].Revents != 0 && allIsWell(fds) {
			return
		}
	}
	if n, err := unix.Poll(fds[:1], int(guardPatience.Milliseconds())); err == nil && n > 0 && allIsWell(fds) {
		return
	}
	for _, g := range ended {
		fmt.Fprintf(os.Stderr, "deeprc: rank %d (%s): %s\n", g.Rank, g.Host, processEnd(g.PID))
	}
}

// allIsWell reads the word of the process that started the guard; without one it is not looked for again.
func allIsWell(fds []unix.PollFd) bool {
	var b [1]byte
	n, err := os.Stdin.Read(b[:])
	if n == 0 && err == io.EOF {
		fds[0].Fd = -1 // poll leaves it out
	}
	return n > 0
}
