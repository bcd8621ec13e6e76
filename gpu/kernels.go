package gpu

/*
#include <stdlib.h>
#include "libcuda.h"
*/
import "C"

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unsafe"
)

// kernelFiles are what make kernels has made of kernels/*.cu.
//
//go:embed kernels/*.gz
var kernelFiles embed.FS

// An image is one file of kernels, compiled.
type image struct {
	name   string         // "reduce"
	ptx    []byte         // for compute_80, which a driver compiles for any device from there on
	cubins map[int][]byte // by architecture: 80 runs on 8.0 and every later 8.x
}

// images are those that the binary carries.
func images() ([]image, error) {
	entries, err := fs.ReadDir(kernelFiles, "kernels")
	if err != nil {
		return nil, err
	}
	var list []image // an image's PTX sorts before its cubins
	for _, e := range entries {
		text, err := unpacked("kernels/" + e.Name())
		if err != nil {
			return nil, err
		}
		name, rest, _ := strings.Cut(e.Name(), ".")
		if rest == "ptx.gz" {
			list = append(list, image{name: name, ptx: text, cubins: map[int][]byte{}})
			continue
		}
		arch, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(rest, "sm_"), ".cubin.gz"))
		if err != nil || len(list) == 0 || list[len(list)-1].name != name {
			return nil, fmt.Errorf("gpu: embedded file %s: not as make kernels names them", e.Name())
		}
		list[len(list)-1].cubins[arch] = text
	}
	return list, nil
}

func unpacked(path string) ([]byte, error) {
	packed, err := kernelFiles.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("gpu: embedded file %s: %w", path, err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("gpu: embedded file %s: %w", path, err)
	}
	return text, nil
}

// cubin is the one that runs on a device of this compute capability, or nil. With CUDA_FORCE_PTX_JIT=1 there is none, as for CUDA's own programs.
func (im image) cubin(major, minor int) []byte {
	if os.Getenv("CUDA_FORCE_PTX_JIT") == "1" {
		return nil
	}
	for m := minor; m >= 0; m-- {
		if b := im.cubins[10*major+m]; b != nil {
			return b
		}
	}
	return nil
}

// loadKernels loads each image, the cubin for this device or else the PTX, and finds its kernels.
func (c *Context) loadKernels(list []image) error {
	for _, im := range list {
		entries, err := signatures(im.ptx)
		if err != nil {
			return fmt.Errorf("gpu: kernels/%s.ptx: %w", im.name, err)
		}
		m, err := c.loadModule(im)
		if err != nil {
			return err
		}
		c.modules = append(c.modules, m)
		for name, sizes := range entries {
			k := &Kernel{Name: name, sizes: sizes}
			text := C.CString(name)
			rc := C.in_cuModuleGetFunction(c.ctx, &k.f, m, text)
			C.free(unsafe.Pointer(text))
			if err := c.check("cuModuleGetFunction", rc, "kernel "+name); err != nil {
				return err
			}
			c.kernels[name] = k
		}
	}
	return nil
}

func (c *Context) loadModule(im image) (m C.CUmodule, err error) {
	if b := im.cubin(c.Major, c.Minor); b != nil {
		m, err = c.load(b, im.name+", compiled for this device")
		var e *Error
		if err == nil || !errors.As(err, &e) || e.Code != C.CUDA_ERROR_NO_BINARY_FOR_GPU {
			return m, err
		}
	}
	m, err = c.load(append(im.ptx[:len(im.ptx):len(im.ptx)], 0), im.name+".ptx")
	var e *Error
	if errors.As(err, &e) && e.Code == C.CUDA_ERROR_UNSUPPORTED_PTX_VERSION {
		return 0, fmt.Errorf("gpu: %s: this binary has no code for compute capability %d.%d, so the driver must compile its PTX, which is of "+
			"CUDA 11.8; the driver here serves CUDA %d.%d only: driver 520 or newer is needed: %w",
			c, c.Major, c.Minor, c.Driver/1000, c.Driver%1000/10, err)
	}
	return m, err
}

func (c *Context) load(text []byte, what string) (m C.CUmodule, err error) {
	var log [4096]C.char
	rc := C.cuda_load_module(c.ctx, &m, unsafe.Pointer(&text[0]), &log[0], C.int(len(log)))
	err = c.check("cuModuleLoadDataEx", rc, what)
	if said := C.GoString(&log[0]); err != nil && said != "" {
		err = fmt.Errorf("%w\n%s", err, said)
	}
	return m, err
}

var parameter = regexp.MustCompile(`\.param (?:\.align \d+ )?\.[a-z]+(\d+) \w+(?:\[(\d+)\])?`)

// signatures are the sizes in bytes of the parameters of each kernel in PTX:
//
//	.visible .entry name( .param .u64 name_param_0, .param .align 8 .b8 name_param_1[200] )
func signatures(ptx []byte) (map[string][]int, error) {
	out := map[string][]int{}
	text := string(ptx)
	for {
		_, after, found := strings.Cut(text, ".entry ")
		if !found {
			break
		}
		name, rest, open := strings.Cut(after, "(")
		params, body, closed := strings.Cut(rest, ")")
		if !open || !closed {
			return nil, errors.New("an entry without parameters")
		}
		sizes := []int{}
		for _, p := range parameter.FindAllStringSubmatch(params, -1) {
			bits, _ := strconv.Atoi(p[1])
			n := 1
			if p[2] != "" {
				n, _ = strconv.Atoi(p[2])
			}
			sizes = append(sizes, bits/8*n)
		}
		out[strings.TrimSpace(name)] = sizes
		text = body
	}
	if len(out) == 0 {
		return nil, errors.New("no kernel in it")
	}
	return out, nil
}
