// Package gpu finds the NVIDIA GPUs of this machine through the driver's own library, which is loaded at run time: the same binary
// runs where there is neither GPU nor driver.
package gpu

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// ErrUnavailable is wrapped by every error that means "no GPU can be used on this machine", as on any CPU node; the wrapping error names the reason.
var ErrUnavailable = errors.New("no NVIDIA GPU can be used on this machine")

// A Device is what NVML tells of one GPU, at the time of asking.
type Device struct {
	Index       int    // NVML's, in PCI bus order; CUDA may number differently (CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER): match by UUID
	Name        string // "NVIDIA H100 80GB HBM3"
	UUID        string // "GPU-…", the name that CUDA knows too
	MemoryTotal uint64 // bytes; 0 where the driver does not tell (memory shared with the host, MIG without the privilege)
	MemoryFree  uint64 // bytes; 0 as MemoryTotal
	MIG         bool   // MIG mode is on: CUDA programs see its instances, not the whole device
	Driver      string // version of the kernel driver, "550.54.15"
	CUDA        string // newest CUDA version that the driver serves, "12.4"
}

// nvmlBusy serialises this package's use of NVML: the binding keeps its table of versioned symbols in package variables.
var nvmlBusy sync.Mutex

// Devices lists the GPUs that this process may use, in NVML's order, at least one. Without any, and whatever the cause
// (no driver library, driver not loaded, no device), the error wraps ErrUnavailable.
func Devices() ([]Device, error) {
	nvmlBusy.Lock()
	defer nvmlBusy.Unlock()
	return devices(nvml.New())
}

// devices lists lib's GPUs as Devices says.
func devices(lib nvml.Interface) (list []Device, err error) {
	if r := lib.Init(); r != nvml.SUCCESS {
		return nil, fmt.Errorf("gpu: %w: %s", ErrUnavailable, unavailable(r))
	}
	defer func() {
		if r := lib.Shutdown(); r != nvml.SUCCESS && err == nil {
			list, err = nil, fmt.Errorf("gpu: NVML shutdown: %s", r)
		}
	}()

	driver, r := lib.SystemGetDriverVersion()
	if r != nvml.SUCCESS {
		return nil, fmt.Errorf("gpu: NVML: driver version: %s", r)
	}
	version, r := lib.SystemGetCudaDriverVersion()
	if r != nvml.SUCCESS {
		return nil, fmt.Errorf("gpu: NVML: CUDA version of driver %s: %s", driver, r)
	}
	cuda := strconv.Itoa(version/1000) + "." + strconv.Itoa(version%1000/10) // 12040 is 12.4
	// A driver from before MIG lacks the symbol, and calling it would end the process.
	mig := lib.Extensions().LookupSymbol("nvmlDeviceGetMigMode") == nil

	n, r := lib.DeviceGetCount()
	if r != nvml.SUCCESS {
		return nil, fmt.Errorf("gpu: NVML: device count: %s", r)
	}
	for i := range n {
		handle, r := lib.DeviceGetHandleByIndex(i)
		if r == nvml.ERROR_NO_PERMISSION { // counted, but another job's
			continue
		}
		if r != nvml.SUCCESS {
			return nil, fmt.Errorf("gpu: NVML: device %d of %d: %s", i, n, r)
		}
		d := Device{Index: i, Driver: driver, CUDA: cuda}
		if err := d.ask(handle, mig); err != nil {
			return nil, fmt.Errorf("gpu: NVML: device %d of %d: %w", i, n, err)
		}
		list = append(list, d)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("gpu: %w: driver %s is loaded, but of its %d devices this process may use none", ErrUnavailable, driver, n)
	}
	return list, nil
}

// ask fills in what the device itself tells; mig says whether the driver can be asked for the MIG mode.
func (d *Device) ask(handle nvml.Device, mig bool) error {
	var r nvml.Return
	if d.Name, r = handle.GetName(); r != nvml.SUCCESS {
		return fmt.Errorf("name: %s", r)
	}
	if d.UUID, r = handle.GetUUID(); r != nvml.SUCCESS {
		return fmt.Errorf("UUID of %s: %s", d.Name, r)
	}
	switch memory, r := handle.GetMemoryInfo(); r {
	case nvml.SUCCESS:
		d.MemoryTotal, d.MemoryFree = memory.Total, memory.Free
	case nvml.ERROR_NOT_SUPPORTED, nvml.ERROR_NO_PERMISSION:
	default:
		return fmt.Errorf("memory of %s: %s", d.Name, r)
	}
	if !mig {
		return nil
	}
	switch mode, _, r := handle.GetMigMode(); r {
	case nvml.SUCCESS:
		d.MIG = mode == nvml.DEVICE_MIG_ENABLE
	case nvml.ERROR_NOT_SUPPORTED:
	default:
		return fmt.Errorf("MIG mode of %s: %s", d.Name, r)
	}
	return nil
}

// unavailable says in words why NVML did not start, and what to do where something can be done.
func unavailable(r nvml.Return) string {
	switch r {
	case nvml.ERROR_LIBRARY_NOT_FOUND:
		return "the NVML library (libnvidia-ml.so.1) was not found: a CPU node, or a container started without its GPU option"
	case nvml.ERROR_DRIVER_NOT_LOADED:
		return "the NVIDIA driver is not loaded: a CPU node, or the nvidia kernel module is missing"
	case nvml.ERROR_LIB_RM_VERSION_MISMATCH:
		return "the NVIDIA driver and its library have different versions: the node must be restarted after a driver update"
	case nvml.ERROR_NO_PERMISSION:
		return "this user may not open the NVIDIA devices: ask the scheduler for a GPU, or the administrator"
	}
	return "NVML did not start: " + r.String()
}
