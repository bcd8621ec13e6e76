package gpu

/*
#cgo CFLAGS: -O2 -Wall
#cgo linux LDFLAGS: -ldl
#include <stdlib.h>
#include "libcuda.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"
)

// driverNames are those of NVIDIA's driver library.
var driverNames = []string{"libcuda.so.1"}

// openDriver loads the driver's library and initialises it, once a process. $DEEPRC_LIBCUDA names another file. What keeps this machine
// from having a GPU wraps ErrUnavailable.
var openDriver = sync.OnceValue(func() error {
	if err := loadDriver(named("DEEPRC_LIBCUDA", driverNames)); err != nil {
		return err
	}
	rc := C.call_cuInit(0)
	if rc == 0 {
		return nil
	}
	return fmt.Errorf("gpu: %w: %s: %w", ErrUnavailable, whyNoInit(int(rc)), newError("cuInit", rc, "", ""))
})

// named is what an environment variable says, if anything, else otherwise.
func named(variable string, otherwise []string) []string {
	if path := os.Getenv(variable); path != "" {
		return []string{path}
	}
	return otherwise
}

// loadDriver loads the first of these libraries that there is.
func loadDriver(names []string) error {
	err := load(names, func(path *C.char) *C.char { return C.cuda_open(path) })
	if err == nil {
		return nil
	}
	return fmt.Errorf("gpu: %w: the NVIDIA driver's library cannot be used (a CPU node, a container started without its GPU option, or a driver "+
		"older than CUDA 11.4; DEEPRC_LIBCUDA names another file): %w", ErrUnavailable, err)
}

// load tries open on each name until one is loaded; the error joins what was wrong with each.
func load(names []string, open func(path *C.char) *C.char) error {
	var all []error
	for _, name := range names {
		path := C.CString(name)
		text := open(path)
		C.free(unsafe.Pointer(path))
		if text == nil {
			return nil
		}
		all = append(all, errors.New(C.GoString(text)))
	}
	return errors.Join(all...)
}

// whyNoInit says in words what an error of cuInit means, and what to do where something can be done.
func whyNoInit(code int) string {
	switch code {
	case C.CUDA_ERROR_NO_DEVICE:
		return "the driver has no device for this process: a CPU node, or the scheduler gave no GPU (CUDA_VISIBLE_DEVICES=" +
			os.Getenv("CUDA_VISIBLE_DEVICES") + ")"
	case 34:
		return "the library found is CUDA's stub for linking, not a driver: take its folder out of LD_LIBRARY_PATH"
	case 802:
		return "the devices are not ready: on a machine with NVSwitch its Fabric Manager must run"
	case 803:
		return "the NVIDIA driver and its library have different versions: the node must be restarted after a driver update"
	case 804:
		return "the driver does not allow the library of this newer CUDA on this device"
	}
	return "the driver did not start"
}
