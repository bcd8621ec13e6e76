package gpu

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

// fakeDir holds the software GPU, once it is built.
var fakeDir string

// devices of the software GPU: a test that breaks one takes one of its own.
const (
	healthy  = iota
	unshared // with all of its memory free
	brokenByFault
	brokenByIndex
	brokenByBarrier
	brokenByShuffle
	brokenByMargin
	brokenByInjection
	brokenByContainment
	fakeDevices
)

// software builds the software GPU for this process, once, with the address sanitizer if this process runs under it, and has it taken for the
// driver and for cuBLAS. A child of a test takes its parent's, which DEEPRC_TEST_CHILD names.
var software = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("DEEPRC_TEST_CHILD"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "deeprc-gpu-")
	if err != nil {
		return "", err
	}
	fakeDir = dir
	path := filepath.Join(dir, "libfakegpu.so")
	var flags []string
	if sanitized() {
		flags = append(flags, "-fsanitize=address")
	}
	if out, err := exec.Command("../.ci/fakegpu.sh", append([]string{path}, flags...)...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("the software GPU could not be built: %w\n%s", err, out)
	}
	os.Setenv("DEEPRC_LIBCUDA", path)
	os.Setenv("DEEPRC_LIBCUBLAS", path)
	os.Setenv("FAKE_CUDA_DEVICES", fmt.Sprint(fakeDevices))
	return path, nil
})

// sanitized reports whether this process runs under the address sanitizer (go test -asan).
func sanitized() bool {
	maps, err := os.ReadFile("/proc/self/maps")
	return err == nil && strings.Contains(string(maps), "libasan")
}

func TestMain(m *testing.M) {
	code := m.Run()
	if fakeDir != "" {
		os.RemoveAll(fakeDir)
	}
	os.Exit(code)
}

// needSoftware is its path; the test is skipped where it cannot be built.
func needSoftware(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("g++"); err != nil && os.Getenv("CXX") == "" {
		t.Skip("no g++ to build the software GPU with")
	}
	path, err := software()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A rig is a device of the software GPU, for one test.
type rig struct {
	*Context
	t testing.TB
	s *Stream
}

// newRig opens a device; at the test's end it is closed, and nothing may be left on one that is not broken.
func newRig(t testing.TB, device int, o Options) *rig {
	t.Helper()
	needSoftware(t)
	c, err := Open(device, o)
	must(t, err)
	t.Cleanup(func() {
		err := c.Close()
		if device == healthy {
			must(t, err)
		}
	})
	return &rig{c, t, c.Stream}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// room is memory for n values that nothing has written.
func (r *rig) room(n int) Ptr {
	r.t.Helper()
	m, err := r.Alloc("a test", max(4, 4*n))
	must(r.t, err)
	return m.Ptr
}

func (r *rig) put(x []float32) Ptr {
	r.t.Helper()
	p := r.room(len(x))
	must(r.t, r.s.WriteFloats(p, x))
	return p
}

func (r *rig) get(p Ptr, n int) []float32 {
	r.t.Helper()
	x := make([]float32, n)
	must(r.t, r.s.ReadFloats(x, p))
	return x
}

// orders of threads and blocks in which the software GPU runs kernels.
var orders = []string{"forward", "reverse", "random:1"}

// inOrders runs f with each order of threads and blocks, each time on a new context. Its results must be the same, bit for bit.
func inOrders(t *testing.T, f func(r *rig) []float32) (out []float32) {
	t.Helper()
	for _, order := range orders {
		t.Setenv("FAKE_CUDA_ORDER", order)
		r := &rig{sharedContext(t), t, nil}
		r.s = r.Stream
		got := f(r)
		freeTests(t, r.Context)
		if out == nil {
			out = got
		} else if !slices.Equal(bits(out), bits(got)) {
			t.Fatalf("threads in order %s give another result than forward", order)
		}
	}
	return out
}

// sharedContext is one that all tests of kernels use.
var openShared = sync.OnceValues(func() (*Context, error) { return Open(healthy, Options{FullFloat32: true}) })

func sharedContext(t testing.TB) *Context {
	t.Helper()
	needSoftware(t)
	c, err := openShared()
	must(t, err)
	return c
}

// freeTests gives back what tests have allocated.
func freeTests(t testing.TB, c *Context) {
	var mine []*Mem
	for m := range c.used {
		if m.Name == "a test" {
			mine = append(mine, m)
		}
	}
	for _, m := range mine {
		must(t, m.Free())
	}
	must(t, c.Stream.Sync())
}

func bits(x []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// normal is n numbers of a normal distribution.
func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 8)) }

// near fails where a value is further from the reference than abs + rel·|reference|; NaN is near NaN.
func near(t testing.TB, what string, got []float32, want []float64, abs, rel float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i, w := range want {
		g := float64(got[i])
		if w != w && g != g || g == w {
			continue
		}
		if d := g - w; !(max(d, -d) <= abs+rel*max(w, -w)) {
			t.Fatalf("%s: element %d is %g, want %g", what, i, g, w)
		}
	}
}
