package gpu

// #include "libcuda.h"
import "C"

import (
	"fmt"
	"sort"
	"strings"
)

// An Error is what CUDA's driver said to a call.
type Error struct {
	Call   string // "cuLaunchKernel"
	Code   int    // 700
	Name   string // "CUDA_ERROR_ILLEGAL_ADDRESS"
	Text   string // the driver's words
	Device string // "GPU 0 (NVIDIA H100 80GB HBM3)"; "" before one is open
	About  string // what the call was for: a kernel's name; ""
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("gpu: ")
	if e.Device != "" {
		b.WriteString(e.Device + ": ")
	}
	b.WriteString(e.Call)
	if e.About != "" {
		b.WriteString(" of " + e.About)
	}
	fmt.Fprintf(&b, ": %s (%d): %s", e.Name, e.Code, e.Text)
	if e.Lost() {
		b.WriteString("; this process can do no more work on this GPU: a kernel before this call may be what failed")
	}
	return b.String()
}

// Lost reports whether the error ended all work of this process on the device, for good.
func (e *Error) Lost() bool { return lost(e.Code) }

// lost are the codes after which a context, or the whole process, can do no more work, as CUDA Driver API, CUresult (13.0), says, and the two
// uncorrectable errors of hardware, of which it says nothing.
func lost(code int) bool {
	switch code {
	case 214, 220, // ECC_UNCORRECTABLE, NVLINK_UNCORRECTABLE
		226,                // CONTAINED, by the device
		700, 702, 710, 721, // ILLEGAL_ADDRESS, LAUNCH_TIMEOUT, ASSERT, TENSOR_MEMORY_LEAK
		714, 715, 716, 717, 718, 719, // from HARDWARE_STACK_ERROR to LAUNCH_FAILED
		810, 911: // MPS_CLIENT_TERMINATED, EXTERNAL_DEVICE
		return true
	}
	return false
}

// newError is the error of a call that gave code.
func newError(call string, code C.CUresult, device, about string) *Error {
	e := &Error{Call: call, Code: int(code), Name: "an error without a name", Text: "the driver does not know it", Device: device, About: about}
	var text *C.char
	if C.call_cuGetErrorName(code, &text) == 0 && text != nil {
		e.Name = C.GoString(text)
	}
	if C.call_cuGetErrorString(code, &text) == 0 && text != nil {
		e.Text = C.GoString(text)
	}
	return e
}

// An OutOfMemory is an allocation that the device has no room for.
type OutOfMemory struct {
	Device      string
	What        string // the name of what was asked for
	Bytes       uint64
	Free, Total uint64            // of the device
	Ours        map[string]uint64 // bytes in use by this process through this package, by name
}

func (e *OutOfMemory) Error() string {
	names := make([]string, 0, len(e.Ours))
	var sum uint64
	for name, n := range e.Ours {
		names = append(names, name)
		sum += n
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := names[i], names[j]
		return e.Ours[a] > e.Ours[b] || e.Ours[a] == e.Ours[b] && a < b
	})
	const most = 8
	var list []string
	for i, name := range names {
		if i == most {
			list = append(list, fmt.Sprintf("and %d more", len(names)-most))
			break
		}
		list = append(list, name+" "+size(e.Ours[name]))
	}
	ours := "nothing is in use by this process"
	if len(list) > 0 {
		ours = fmt.Sprintf("%s are in use by this process: %s", size(sum), strings.Join(list, ", "))
	}
	return fmt.Sprintf("gpu: %s: out of memory: %s for %s, %s of %s are free; %s. A smaller batch or net needs less",
		e.Device, size(e.Bytes), e.What, size(e.Free), size(e.Total), ours)
}

// size is n bytes in words.
func size(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
