package collective

// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "mpi_table.h"
import "C"

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mpiFabric is MPI in this process. MPI is asked for MPI_THREAD_SERIALIZED and mu is
// held round every call; since all that wait are non-blocking calls tested in bursts,
// mu is never held while waiting for another rank.
type mpiFabric struct {
	mu    sync.Mutex
	name  string // the MPI library's own name and version
	h     C.deeprc_h
	rank  int
	size  int
	peers []mpiPeer // of each rank
	// crowded: there are more ranks than cores here, so that a rank that waits yields soon.
	crowded bool

	ctl     C.deeprc_h // control messages travel on a communicator of their own
	w       *world
	pollMu  sync.Mutex // held by who hands out control messages
	flights []*flight  // what MPI still works on although its call has ended; mu
	drains  drains
	spare   map[string]spareComm // by world ranks
	stop    chan struct{}
	stopped chan struct{}
	guarded bool   // a guard tells which process dies first
	letGo   func() // tells the guard that this world's end is no accident
}

// flight is messages that MPI works on, and the memory that it needs for that.
type flight struct {
	link *mpiLink // nil: control messages
	reqs []C.deeprc_h
	left C.int
	pin  runtime.Pinner
}

// mpiPeer is what a rank tells of its process.
type mpiPeer struct {
	Host  string
	Space string // boot and process number space: who shares it can see each other's processes
	PID   int
	Cores []uint64 // bit set of the cores that it may use
}

// mpiOpened is set for good by the first openMPI: MPI starts once in a process.
var mpiOpened atomic.Bool

// openMPI loads the plugin at path and starts MPI.
func openMPI(path string, l limits) (*peerComm, error) {
	if mpiOpened.Swap(true) {
		return nil, errors.New("MPI can be started only once in a process")
	}
	var version, rc C.int
	file := C.CString(path)
	defer C.free(unsafe.Pointer(file))
	if text := C.deeprc_mpi_load(file, &version, &rc); text != nil {
		return nil, fmt.Errorf("cannot load the MPI plugin %s: %s\n%s", path, C.GoString(text), loadAdvice)
	}
	if version != C.DEEPRC_MPI_VERSION {
		return nil, versionError(path, int(version), C.DEEPRC_MPI_VERSION)
	}
	if rc != 0 {
		return nil, fmt.Errorf("MPI_Init_thread of %s: %s", path, mpiText(rc))
	}
	// In a C call of more than 20 µs Go hands the thread's place to another one, unless a place is idle
	// (runtime.retake): that costs a rank bound to one core some 10 µs each time.
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) == 1 {
		runtime.GOMAXPROCS(2)
	}
	f := &mpiFabric{spare: map[string]spareComm{}, stop: make(chan struct{}), stopped: make(chan struct{})}
	return f.start(l)
}

func (f *mpiFabric) start(l limits) (*peerComm, error) {
	text := make([]byte, 8192)
	C.mpi_library((*C.char)(unsafe.Pointer(&text[0])), C.int(len(text)))
	line, _, _ := strings.Cut(C.GoString((*C.char)(unsafe.Pointer(&text[0]))), "\n")
	f.name = strings.Join(strings.Fields(line), " ")
	var rank, size C.int
	for _, step := range []struct {
		call string
		f    func() C.int
	}{
		{"MPI_COMM_WORLD", func() C.int { return C.mpi_world(&f.h) }},
		{"MPI_Comm_rank", func() C.int { return C.mpi_rank(f.h, &rank) }},
		{"MPI_Comm_size", func() C.int { return C.mpi_size(f.h, &size) }},
		{"MPI_Comm_dup", func() C.int { return C.mpi_dup(f.h, &f.ctl) }},
	} {
		if rc := step.f(); rc != 0 {
			return nil, mpiError(step.call, rc)
		}
	}
	f.rank, f.size = int(rank), int(size)
	f.w = newWorld(f.rank, f.size, f, l)
	g := f.w.all()
	c := &peerComm{group: g, link: newMPILink(f, g, f.h)}
	c.link.(*mpiLink).borrowed = true
	if err := f.meet(c); err != nil {
		return nil, err
	}
	var err error
	if f.letGo, err = f.startGuard(c); err != nil {
		return nil, err
	}
	go f.postman()
	go f.watchProcesses()
	go f.w.watch()
	return c, nil
}

// meet tells all ranks where each is.
func (f *mpiFabric) meet(c *peerComm) error {
	var set unix.CPUSet
	me := mpiPeer{Host: hostName(), PID: os.Getpid(), Space: processSpace()}
	if err := unix.SchedGetaffinity(0, &set); err == nil {
		for _, word := range set {
			me.Cores = append(me.Cores, uint64(word))
		}
	}
	all, counts, err := AllGatherV(c, mustJSON(me))
	if err != nil {
		return err
	}
	f.peers = make([]mpiPeer, f.size)
	for r, n := range counts {
		if err := json.Unmarshal(all[:n], &f.peers[r]); err != nil {
			return fmt.Errorf("rank %d tells of itself what cannot be read: %w; is it of another version of deeprc?", r, err)
		}
		all = all[n:]
	}
	f.crowded = crowded(f.peers, f.rank)
	return nil
}

// crowded reports whether the ranks on the host of rank have fewer cores than there are of them.
func crowded(peers []mpiPeer, rank int) bool {
	var cores []uint64
	ranks := 0
	for _, p := range peers {
		if p.Host != peers[rank].Host {
			continue
		}
		ranks++
		for i, word := range p.Cores {
			if i == len(cores) {
				cores = append(cores, 0)
			}
			cores[i] |= word
		}
	}
	n := 0
	for _, word := range cores {
		n += bits.OnesCount64(word)
	}
	return n > 0 && ranks > n
}

// processSpace names the host's boot and this process's number space.
func processSpace() string {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // "" and "" only ever match each other
	space, _ := os.Readlink("/proc/self/ns/pid")
	return strings.TrimSpace(string(boot)) + " " + space
}

func (f *mpiFabric) library() string { return f.name }
func (f *mpiFabric) survives() bool  { return false } // an MPI library ends the whole job (MPI 3.1 §8.3)

// mpiError is code rc of the call op, by class name and text; mu is held.
func mpiError(op string, rc C.int) error { return fmt.Errorf("%s: %s", op, mpiText(rc)) }

func mpiText(rc C.int) string {
	text := make([]byte, 1024)
	p := (*C.char)(unsafe.Pointer(&text[0]))
	C.mpi_error(rc, p, C.int(len(text)))
	return C.GoString(p)
}
