package gpu

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestVisible(t *testing.T) {
	needSoftware(t)
	list, err := Visible()
	must(t, err)
	if len(list) != fakeDevices {
		t.Fatalf("%d devices, want %d", len(list), fakeDevices)
	}
	want := Properties{Index: 1, Name: "software GPU", UUID: "GPU-00000000-0000-0000-0000-000000000001", Major: 8, Minor: 6, Memory: 256 << 20,
		Multiprocessors: 2, SharedMemory: 227 << 10, Driver: 13000}
	if list[1] != want {
		t.Errorf("got %+v, want %+v", list[1], want)
	}
	if _, err := Open(99, Options{}); err == nil || !strings.Contains(err.Error(), "GPU 99") {
		t.Errorf("got %v, want an error that names GPU 99", err)
	}
}

// inChild runs a test of this file in a process of its own, with these variables, and gives what it printed.
func inChild(t *testing.T, env ...string) string {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(append(os.Environ(), "DEEPRC_TEST_CHILD="+needSoftware(t)), env...)
	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// A machine without a usable GPU is told so, with the reason, by an error; nothing crashes.
func TestNoGPU(t *testing.T) {
	if os.Getenv("DEEPRC_TEST_CHILD") != "" {
		for range 2 {
			if _, err := Visible(); !errors.Is(err, ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			} else {
				t.Log(err)
			}
			if _, err := Open(0, Options{}); !errors.Is(err, ErrUnavailable) {
				t.Errorf("Open: got %v, want ErrUnavailable", err)
			}
		}
		return
	}
	fake := needSoftware(t)
	empty := filepath.Join(t.TempDir(), "libcuda.so.1")
	must(t, os.WriteFile(empty, nil, 0o644))
	for want, env := range map[string][]string{
		"no-such-libcuda.so: cannot open shared object file": {"DEEPRC_LIBCUDA=no-such-libcuda.so"},
		"file too short":             {"DEEPRC_LIBCUDA=" + empty},
		"libm.so.6 lacks cuInit":     {"DEEPRC_LIBCUDA=libm.so.6"},
		"CUDA_ERROR_NO_DEVICE (100)": {"DEEPRC_LIBCUDA=" + fake, "FAKE_CUDA_DEVICES=0"},
		"different versions":         {"DEEPRC_LIBCUDA=" + fake, "FAKE_CUDA_FAIL=cuInit:1:803"},
		"stub":                       {"DEEPRC_LIBCUDA=" + fake, "FAKE_CUDA_FAIL=cuInit:1:34"},
	} {
		if out := inChild(t, env...); !strings.Contains(out, want) {
			t.Errorf("%v: the reason does not say %q:\n%s", env, want, out)
		}
	}
}

func TestOutOfMemory(t *testing.T) {
	t.Setenv("FAKE_CUDA_MEMORY", "67108864")
	r := newRig(t, unshared, Options{})
	_, err := r.Alloc("activations", 8<<20)
	must(t, err)
	_, err = r.Alloc("gradients", 2<<20)
	must(t, err)
	_, err = r.Alloc("series", 100<<20)
	var e *OutOfMemory
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want OutOfMemory", err)
	}
	if e.Bytes != 100<<20 || e.Total != 64<<20 || e.Free == 0 || e.Free > 24<<20 || e.Ours["activations"] != 8<<20 ||
		e.Ours["cuBLAS workspace"] != 32<<20 {
		t.Errorf("it says %+v", e)
	}
	for _, want := range []string{"GPU 1 (software GPU)", "100.0 MiB for series", "of 64.0 MiB are free",
		"cuBLAS workspace 32.0 MiB, activations 8.0 MiB, gradients 2.0 MiB"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	m, err := r.Alloc("what fits", 4<<20) // the device goes on
	must(t, err)
	t.Setenv("FAKE_CUDA_FAIL", "cuMemFreeAsync:1:999")
	if err := m.Free(); err == nil || !strings.Contains(err.Error(), "cuMemFreeAsync of what fits") {
		t.Errorf("a Free that fails: %v", err)
	}
	must(t, m.Free())
	if err := m.Free(); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("freed twice: %v", err)
	}
}

// Whatever call fails while a Context opens, the error names it, and what was taken is given back.
func TestOpenFails(t *testing.T) {
	needSoftware(t)
	must(t, sharedContext(t).Stream.Sync())
	before, _, err := sharedContext(t).MemoryInfo()
	must(t, err)
	for _, call := range []string{"cuDeviceGet", "cuDeviceGetUuid_v2", "cuDevicePrimaryCtxRetain", "cuDeviceGetDefaultMemPool", "cuMemPoolSetAttribute",
		"cuModuleLoadDataEx", "cuModuleGetFunction", "cuStreamCreate", "cuMemAllocAsync", "cuMemHostAlloc", "cuEventCreate"} {
		t.Setenv("FAKE_CUDA_FAIL", call+":1:999")
		c, err := Open(healthy, Options{})
		var e *Error
		if c != nil || !errors.As(err, &e) || e.Call != call || e.Code != 999 {
			t.Errorf("%s: got %v", call, err)
		}
	}
	t.Setenv("FAKE_CUDA_FAIL", "cublasCreate_v2:1:1")
	if _, err := Open(healthy, Options{}); err == nil || !strings.Contains(err.Error(), "CUBLAS_STATUS_NOT_INITIALIZED") {
		t.Errorf("cublasCreate: got %v", err)
	}
	t.Setenv("FAKE_CUDA_FAIL", "")
	if after, _, err := sharedContext(t).MemoryInfo(); err != nil || after != before {
		t.Errorf("%d bytes of the device were free before and %d are after: %v", before, after, err)
	}
}

// An error of the device at a launch, from outside of the kernel, ends its work like one from inside.
func TestDeviceIsLost(t *testing.T) {
	for device, code := range map[int]int{brokenByInjection: 700, brokenByContainment: 226} {
		t.Run(fmt.Sprint(code), func(t *testing.T) { deviceIsLost(t, device, code) })
	}
}

func deviceIsLost(t *testing.T, device, code int) {
	r := newRig(t, device, Options{})
	y := r.room(4)
	t.Setenv("FAKE_CUDA_FAIL", fmt.Sprint("cuLaunchKernel:3:", code))
	var err error
	launches := 0
	for ; err == nil && launches < 10; launches++ {
		err = r.s.Fill(y, 1, 4)
	}
	var e *Error
	if launches != 4 || !errors.As(err, &e) || e.Code != code || !e.Lost() || !strings.Contains(err.Error(), "no more work") {
		t.Fatalf("launch %d: got %v, want error %d after the third", launches, err, code)
	}
	for what, err := range map[string]error{"Sync": r.s.Sync(), "Read": r.s.Read(make([]byte, 4), y),
		"Multiply": r.s.Multiply(y, y, y, Product{M: 1, N: 1, K: 1})} {
		if !errors.Is(err, e) {
			t.Errorf("%s: got %v, want the first error", what, err)
		}
	}
}

// After Close nothing can be made, and what was made is gone: to give it back does nothing.
func TestClosed(t *testing.T) {
	r := newRig(t, unshared, Options{})
	m, err := r.Alloc("a test", 4)
	must(t, err)
	p, err := r.AllocPinned(4)
	must(t, err)
	s, err := r.NewStream()
	must(t, err)
	g, err := r.s.Capture(func() error { return r.s.Fill(m.Ptr, 1, 1) })
	must(t, err)
	e := event(t, r, false)
	must(t, r.Close())
	if _, err := r.Alloc("more", 4); err == nil || !strings.Contains(err.Error(), "is closed") {
		t.Errorf("got %v, want that it is closed", err)
	}
	if err := g.Launch(); err == nil || !strings.Contains(err.Error(), "is closed") {
		t.Errorf("got %v, want that it is closed", err)
	}
	t.Setenv("FAKE_CUDA_FAIL", "cuCtxSetCurrent:1:999") // no call may reach the driver
	for _, back := range []func() error{m.Free, p.Free, s.Close, r.s.Close, g.Close, e.Close, r.Close} {
		must(t, back())
	}
}

// A library that lacks a call is not kept.
func TestLibraryLacksCalls(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "libempty.so")
	if out, err := exec.Command("gcc", "-shared", "-o", path, "-x", "c", "/dev/null").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := loadDriver([]string{path}); err == nil || !strings.Contains(err.Error(), path+" lacks cuInit") {
		t.Errorf("got %v, want what it lacks", err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	must(t, err)
	if strings.Contains(string(maps), path) {
		t.Error("it is still loaded")
	}
}
