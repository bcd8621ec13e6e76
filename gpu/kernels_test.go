package gpu

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sums are those of kernels/SHA256SUMS: a file's, by its path from the repository's root.
func sums(t *testing.T) map[string]string {
	text, err := os.ReadFile("kernels/SHA256SUMS")
	must(t, err)
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		sum, path, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			t.Fatalf("kernels/SHA256SUMS: line %q", line)
		}
		out[path] = sum
	}
	return out
}

// The compiled kernels are those of the sources, all headers included.
func TestKernelsAreCurrent(t *testing.T) {
	listed := sums(t)
	for path, want := range listed {
		text, err := os.ReadFile(filepath.Join("..", path))
		if err != nil {
			t.Errorf("%v: make kernels", err)
			continue
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is not what the kernels were compiled from, or to: make kernels", path)
		}
	}
	for _, pattern := range []string{"kernels/*.cu", "kernels/*.h", "kernels/*.gz"} {
		files, err := filepath.Glob(pattern)
		must(t, err)
		for _, f := range files {
			if listed["gpu/"+f] == "" {
				t.Errorf("%s is not in kernels/SHA256SUMS: make kernels", f)
			}
		}
	}
	include := regexp.MustCompile(`(?m)^#include "(.*)"`)
	for path := range listed {
		if !strings.HasSuffix(path, ".cu") && !strings.HasSuffix(path, ".h") {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", path))
		must(t, err)
		for _, m := range include.FindAllStringSubmatch(string(text), -1) {
			name := m[1]
			if name != "../fake/kernel_host.h" && listed["gpu/kernels/"+name] == "" && listed["model/"+name] == "" {
				t.Errorf("%s includes %s, which is not in kernels/SHA256SUMS", path, name)
			}
		}
	}
}

var atomics = regexp.MustCompile(`\b(atom|red)\.(shared|global).*`)

// Every file of kernels is embedded for all targets, and names no entry that another one has.
func TestImages(t *testing.T) {
	list, err := images()
	must(t, err)
	files, err := filepath.Glob("kernels/*.cu")
	must(t, err)
	if len(list) != len(files) {
		t.Fatalf("%d images of %d files", len(list), len(files))
	}
	seen := map[string]string{}
	for _, im := range list {
		if !slices.Contains(files, "kernels/"+im.name+".cu") {
			t.Errorf("%s has no source", im.name)
		}
		for _, arch := range []int{80, 90} {
			if b := im.cubins[arch]; !strings.HasPrefix(string(b), "\x7fELF") {
				t.Errorf("%s: no cubin for %d", im.name, arch)
			}
		}
		entries, err := signatures(im.ptx)
		must(t, err)
		for name, sizes := range entries {
			if seen[name] != "" {
				t.Errorf("kernel %s is in %s and in %s", name, seen[name], im.name)
			}
			seen[name] = im.name
			if len(sizes) == 0 {
				t.Errorf("kernel %s has no parameter", name)
			}
		}
		if line := atomics.Find(im.ptx); line != nil {
			t.Errorf("%s: %s: with atomics results do not repeat", im.name, line)
		}
	}
	text := ".visible .entry f(\n\t.param .u64 f_param_0,\n\t.param .align 8 .b8 f_param_1[200],\n\t.param .f32 f_param_2\n)\n{}"
	if got, _ := signatures([]byte(text)); !slices.Equal(got["f"], []int{8, 200, 4}) {
		t.Errorf("signature read as %v", got)
	}
	for _, bad := range []string{"", ".entry f", ".entry f("} {
		if _, err := signatures([]byte(bad)); err == nil {
			t.Errorf("%q was read as PTX", bad)
		}
	}
}

func TestCubinForDevice(t *testing.T) {
	im := image{cubins: map[int][]byte{80: {80}, 90: {90}}}
	for capability, want := range map[[2]int]byte{{8, 0}: 80, {8, 6}: 80, {8, 9}: 80, {9, 0}: 90, {7, 5}: 0, {10, 0}: 0, {12, 0}: 0} {
		got := im.cubin(capability[0], capability[1])
		if want == 0 && got != nil || want != 0 && (len(got) != 1 || got[0] != want) {
			t.Errorf("capability %v: cubin %v, want %d", capability, got, want)
		}
	}
	t.Setenv("CUDA_FORCE_PTX_JIT", "1")
	if im.cubin(8, 0) != nil {
		t.Error("CUDA_FORCE_PTX_JIT=1 does not keep the cubin away")
	}
}

// All images load on devices with a cubin of theirs and on those without, and every kernel has the parameters of its source.
func TestLoadOnDevices(t *testing.T) {
	needSoftware(t)
	for _, capability := range []string{"8.0", "8.9", "9.0", "10.0", "12.1"} {
		t.Setenv("FAKE_CUDA_CAPABILITY", capability)
		r := newRig(t, healthy, Options{})
		y := r.room(2)
		must(t, r.s.Fill(y, 1, 2))
		near(t, capability, r.get(y, 2), []float64{1, 1}, 0, 0)
	}
	t.Setenv("FAKE_CUDA_CAPABILITY", "7.5")
	if _, err := Open(healthy, Options{}); err == nil || !strings.Contains(err.Error(), "7.5") || !strings.Contains(err.Error(), "8.0") {
		t.Errorf("got %v, want that 7.5 is too old", err)
	}
}

// A driver that cannot compile our PTX is named, with the one that is needed; where there is a cubin it does.
func TestOldDriver(t *testing.T) {
	needSoftware(t)
	t.Setenv("FAKE_CUDA_DRIVER", "11040")
	t.Setenv("FAKE_CUDA_CAPABILITY", "9.0")
	newRig(t, healthy, Options{})
	t.Setenv("CUDA_FORCE_PTX_JIT", "1")
	_, err := Open(healthy, Options{})
	var e *Error
	if !errors.As(err, &e) || e.Code != 222 || !strings.Contains(err.Error(), "driver 520") || !strings.Contains(err.Error(), "CUDA 11.4") {
		t.Errorf("got %v, want the driver that is needed", err)
	}
}
