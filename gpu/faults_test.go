package gpu

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// faultyPTX declares the kernels of fake/faulty.cu, which no GPU ever sees.
const faultyPTX = `.version 7.8
.target sm_80
.address_size 64
.visible .entry faulty_barrier_missing(.param .u64 a, .param .u64 b) {}
.visible .entry faulty_barrier_divergent(.param .u64 a, .param .u32 b) {}
.visible .entry faulty_shuffle_divergent(.param .u64 a) {}
.visible .entry faulty_index(.param .u64 a, .param .u64 b, .param .u64 c) {}
.visible .entry faulty_index_before(.param .u64 a) {}
.visible .entry faulty_shared(.param .u64 a) {}
`

func faultyRig(t *testing.T, device int) *rig {
	r := newRig(t, device, Options{})
	must(t, r.loadKernels([]image{{name: "faulty", ptx: []byte(faultyPTX)}}))
	return r
}

// A barrier that is missing shows in a wrong sum, in some order of threads.
func TestFaultMissingBarrier(t *testing.T) {
	r := faultyRig(t, healthy)
	x := make([]float32, threads)
	for i := range x {
		x[i] = 1
	}
	wrong := 0
	for _, order := range orders {
		t.Setenv("FAKE_CUDA_ORDER", order)
		y := r.room(1)
		must(t, r.s.launch("faulty_barrier_missing", Shape{Block: [3]int{threads}}, y, r.put(x)))
		if got := r.get(y, 1)[0]; got != threads {
			wrong++
		}
	}
	if wrong == 0 {
		t.Fatal("a kernel without its barrier is right in every order of threads")
	}
}

// What a kernel does wrong ends the device's work, with the driver's code, and is what every later call says.
func TestFaults(t *testing.T) {
	t.Setenv("FAKE_CUDA_QUIET", "1")
	for _, c := range []struct {
		kernel string
		device int
		code   int
		args   func(r *rig) []any
	}{
		{"faulty_barrier_divergent", brokenByBarrier, 719, func(r *rig) []any { return []any{r.room(threads), int32(10)} }},
		{"faulty_shuffle_divergent", brokenByShuffle, 719, func(r *rig) []any { return []any{r.room(threads)} }},
		{"faulty_index", brokenByIndex, 700, func(r *rig) []any { return []any{r.room(1024), r.room(1024), int64(1024)} }},
		{"faulty_index_before", brokenByMargin, 700, func(r *rig) []any { return []any{r.room(4)} }},
		{"fill", brokenByFault, 700, func(r *rig) []any { return []any{Ptr(0xc000012340), float32(1), int64(4)} }}, // an address of the host
	} {
		t.Run(c.kernel, func(t *testing.T) {
			if sanitized() && c.code == 700 && c.kernel != "fill" && os.Getenv("DEEPRC_TEST_CHILD") == "" {
				t.Skip("the address sanitizer ends the process: TestFaultsUnderSanitizer")
			}
			r := faultyRig(t, c.device)
			must(t, r.s.launch(c.kernel, Shape{Block: [3]int{threads}}, c.args(r)...))
			err := r.s.Sync()
			var e *Error
			if !errors.As(err, &e) || e.Code != c.code || !e.Lost() || !strings.HasPrefix(e.Name, "CUDA_ERROR_") ||
				!strings.Contains(err.Error(), "software GPU") {
				t.Fatalf("got %v, want error %d of the device by its name", err, c.code)
			}
			if _, again := r.Alloc("more", 4); again != err {
				t.Errorf("a device that is lost allocates: %v", again)
			}
			if again := r.s.Zero(0, 1); again != err {
				t.Errorf("a device that is lost clears: %v", again)
			}
			if err := r.Close(); err != nil {
				t.Errorf("closing a device that is lost: %v", err)
			}
			if _, err := Open(c.device, Options{}); err == nil {
				t.Error("a device that is lost was opened again")
			}
		})
	}
}

// With the address sanitizer an access outside of an allocation is found to the byte.
func TestFaultsUnderSanitizer(t *testing.T) {
	if !sanitized() {
		t.Skip("for go test -asan")
	}
	fake := needSoftware(t)
	for _, kernel := range []string{"faulty_index", "faulty_index_before"} {
		child := exec.Command(os.Args[0], "-test.run=^TestFaults$/^"+kernel+"$")
		child.Env = append(os.Environ(), "DEEPRC_TEST_CHILD="+fake)
		out, err := child.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "AddressSanitizer: heap-buffer-overflow") || !strings.Contains(string(out), "faulty.cu") {
			t.Errorf("%s: %v, want what the sanitizer says:\n%s", kernel, err, out)
		}
	}
}

// Memory that nobody has written is NaN, on the device and in a block.
func TestPoison(t *testing.T) {
	r := faultyRig(t, healthy)
	y := r.room(threads)
	for _, x := range r.get(y, threads) {
		if x == x {
			t.Fatalf("new memory holds %g", x)
		}
	}
	must(t, r.s.launch("faulty_shared", Shape{Block: [3]int{threads}}, y))
	if x := r.get(y, threads); slices.ContainsFunc(x, func(x float32) bool { return x == x }) {
		t.Fatalf("new shared memory holds numbers: %v", x)
	}
}

// An image whose kernel has other parameters than the source that runs is refused.
func TestStaleImage(t *testing.T) {
	t.Setenv("FAKE_CUDA_QUIET", "1")
	r := newRig(t, healthy, Options{})
	for name, ptx := range map[string]string{
		"a parameter more": ".version 7.8\n.target sm_80\n.visible .entry fill(.param .u64 a, .param .f32 b, .param .u64 c, .param .u64 d) {}",
		"another size":     ".version 7.8\n.target sm_80\n.visible .entry fill(.param .u64 a, .param .f32 b, .param .u32 c) {}",
	} {
		err := r.loadKernels([]image{{name: "stale", ptx: []byte(ptx)}})
		var e *Error
		if !errors.As(err, &e) || e.Code != 200 || !strings.Contains(err.Error(), "kernel fill") {
			t.Errorf("%s: got %v, want an invalid image of kernel fill", name, err)
		}
	}
}

func TestLaunchChecksArguments(t *testing.T) {
	r := newRig(t, healthy, Options{})
	for want, args := range map[string][]any{
		"2 arguments, it takes 3":                               {Ptr(0), float32(1)},
		"argument 2 is of type int32, 4 bytes; it takes 8":      {Ptr(0), float32(1), int32(1)},
		"argument 1 is of type string, which no kernel takes":   {Ptr(0), "x", int64(1)},
		"argument 1 is of type gpu.Walk, 200 bytes; it takes 4": {Ptr(0), Walk{}, int64(1)},
	} {
		func() {
			defer func() {
				if p, _ := recover().(string); !strings.Contains(p, "kernel fill: "+want) {
					t.Errorf("got panic %q, want %q", p, want)
				}
			}()
			_ = r.s.launch("fill", flat(1), args...)
		}()
	}
	if err := r.s.launch("no_such", flat(1)); err == nil || !strings.Contains(err.Error(), "no kernel no_such") {
		t.Errorf("got %v, want that there is no such kernel", err)
	}
	must(t, r.s.Sync())
}

// A launch that the device does not allow is an error at once, and the device works on.
func TestLaunchBeyondLimits(t *testing.T) {
	t.Setenv("FAKE_CUDA_QUIET", "1")
	r := newRig(t, healthy, Options{})
	for name, shape := range map[string]Shape{"threads": {Block: [3]int{2 * threads}}, "shared memory": {Block: [3]int{32}, Shared: 1 << 20}} {
		if err := r.s.launch("fill", shape, r.room(4), float32(1), int64(4)); err == nil || !strings.Contains(err.Error(), "kernel fill") {
			t.Errorf("%s: got %v, want an error that names the kernel", name, err)
		}
	}
	y := r.room(4)
	must(t, r.s.launch("fill", Shape{Block: [3]int{32}, Shared: 100 << 10}, y, float32(3), int64(4)))
	near(t, "fill", r.get(y, 4), []float64{3, 3, 3, 3}, 0, 0)
}
