package collective

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A guard is a small process beside the ranks of a host, of this same program. MPICH's
// launcher kills all ranks within a millisecond when one of them dies, before any of
// them can say which, and tells the number of a process only, not always the right one.
// The guard is in a session of its own, so it lives long enough to name the rank: each has
// a connection to it, and the first that ends without a word is the one. (The ends of the
// processes themselves come in another order: a big one takes longer to go.)

// guardVar marks the guard's process and tells it how many ranks there are.
const guardVar = "DEEPRC_GUARD"

// guardFile is the guard's listening socket.
const guardFile = 3

func init() {
	if n, err := strconv.Atoi(os.Getenv(guardVar)); err == nil {
		guard(n)
		os.Exit(0)
	}
}

// startGuard connects this rank to the guard of its host, which the lowest rank there
// starts, unless the launcher is Open MPI's, which names ranks itself; collective. It
// returns what tells the guard that this rank's end is no accident. Without a guard the
// launcher's word must do.
func (f *mpiFabric) startGuard(c *peerComm) (letGo func(), err error) {
	letGo = func() {}
	if f.size == 1 || strings.HasPrefix(f.name, "Open MPI") {
		return letGo, nil
	}
	var here []int
	for r, p := range f.peers {
		if p.Space == f.peers[f.rank].Space && len(p.Space) > 1 {
			here = append(here, r)
		}
	}
	name := ""
	if len(here) > 0 && here[0] == f.rank {
		name = launchGuard(len(here))
	}
	all, counts, err := AllGatherV(c, []byte(name))
	if err != nil || len(here) == 0 {
		return letGo, err
	}
	for _, n := range counts[:here[0]] {
		all = all[n:]
	}
	if name = string(all[:counts[here[0]]]); name == "" {
		return letGo, nil
	}
	conn, err := net.Dial("unix", name)
	if err != nil {
		return letGo, nil
	}
	f.guarded = true
	conn.Write(binary.LittleEndian.AppendUint64(nil, uint64(f.rank)<<32|uint64(os.Getpid())))
	return func() {
		conn.Write([]byte{1})
		conn.Close()
	}, nil
}

// launchGuard starts the guard of so many ranks, waits until it looks, and returns the name of its socket; "" if it cannot.
func launchGuard(ranks int) string {
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	id := make([]byte, 16)
	rand.Read(id) // never fails
	name := "@deeprc-" + hex.EncodeToString(id)
	l, err := net.Listen("unix", name)
	if err != nil {
		return ""
	}
	defer l.Close()
	file, err := l.(*net.UnixListener).File()
	if err != nil {
		return ""
	}
	defer file.Close()
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), guardVar+"="+strconv.Itoa(ranks))
	cmd.Stderr, cmd.ExtraFiles = os.Stderr, []*os.File{file}
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	ready, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return ""
	}
	io.ReadFull(ready, id[:1]) // a launcher that ends before the guard looks would not pass its word on
	go cmd.Wait()
	return name
}

// guard waits until all ranks have said that all is well, or one has gone without.
func guard(ranks int) {
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	if fd, err := strconv.Atoi(os.Getenv("PMI_FD")); err == nil && fd > guardFile {
		unix.Close(fd) // the rank's line to its launcher
	}
	queue, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return
	}
	watch := func(fd int) error {
		return unix.EpollCtl(queue, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	}
	if watch(guardFile) != nil {
		return
	}
	os.Stdout.Write([]byte{1})
	os.Stdout.Close()
	of := map[int]uint64{} // rank and process of a connection
	event := make([]unix.EpollEvent, 1)
	for ranks > 0 {
		if n, err := unix.EpollWait(queue, event, -1); n < 1 { // one at a time: the first comes first
			if err == unix.EINTR {
				continue
			}
			return
		}
		fd := int(event[0].Fd)
		if fd == guardFile {
			conn, _, err := unix.Accept4(guardFile, unix.SOCK_CLOEXEC)
			if err != nil {
				continue
			}
			if who, err := unix.GetsockoptUcred(conn, unix.SOL_SOCKET, unix.SO_PEERCRED); err != nil || int(who.Uid) != os.Getuid() || watch(conn) != nil {
				unix.Close(conn)
			}
			continue
		}
		var b [9]byte
		n, _ := unix.Read(fd, b[:])
		if n >= 8 {
			of[fd] = binary.LittleEndian.Uint64(b[:])
			n -= 8
			if n == 0 {
				continue
			}
		}
		if who, known := of[fd]; known && n < 1 {
			fmt.Fprintf(os.Stderr, "deeprc: rank %d (%s): %s\n", who>>32, hostName(), processEnd(int(who&0xffffffff)))
			return
		} else if known {
			ranks--
		}
		unix.Close(fd)
	}
}
