package collective

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// watchProcesses sees the end of the other ranks' processes on this host, where MPI
// itself tells nothing, and launchers end the rest without a name. Ranks in containers
// of their own, or on other hosts, are not seen: there the launcher's word must do.
func (f *mpiFabric) watchProcesses() {
	var fds []unix.PollFd
	var ranks []int
	for r, p := range f.peers {
		if r == f.rank || p.Space != f.peers[f.rank].Space || len(p.Space) < 2 {
			continue
		}
		fd, err := unix.PidfdOpen(p.PID, 0)
		if err != nil {
			continue // an old kernel, or not permitted
		}
		defer unix.Close(fd)
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		ranks = append(ranks, r)
	}
	for len(fds) > 0 {
		n, err := unix.Poll(fds, 1000)
		select {
		case <-f.stop:
			return
		default:
		}
		if err != nil && err != unix.EINTR {
			return
		}
		for i := len(fds) - 1; i >= 0 && n > 0; i-- {
			if fds[i].Revents == 0 {
				continue
			}
			f.processEnded(ranks[i])
			fds = append(fds[:i], fds[i+1:]...)
			ranks = append(ranks[:i], ranks[i+1:]...)
		}
	}
}

// processEnded says so at once, on the lowest rank left here, as the launcher may end this process before anything
// else is said; then the rank's groups fail.
func (f *mpiFabric) processEnded(rank int) {
	p := f.peers[rank]
	how := processEnd(p.PID)
	w := f.w
	w.mu.Lock()
	quiet := f.guarded || w.ended || w.root.failure.Load() != nil
	first := true
	for r, q := range f.peers[:f.rank] {
		if q.Space == p.Space && r != rank && w.dead[r] == "" {
			first = false
		}
	}
	w.mu.Unlock()
	if first && !quiet {
		fmt.Fprintf(os.Stderr, "deeprc: rank %d (%s): %s\n", rank, p.Host, how)
	}
	w.lost(rank, p.Host, how, true)
}

func processEnd(pid int) string {
	return fmt.Sprintf("its process (pid %d) has ended in the middle of the run: it was killed, or it crashed; the last lines of its output and the kernel's log (out of memory?) may tell more", pid)
}
