package gpu

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
)

// On a machine with GPUs Devices lists them; without, it says so and why.
func TestDevicesHere(t *testing.T) {
	list, err := Devices()
	switch {
	case err == nil:
		for _, d := range list {
			if d.Name == "" || !strings.HasPrefix(d.UUID, "GPU-") || d.Driver == "" || d.CUDA == "" || d.MemoryFree > d.MemoryTotal {
				t.Errorf("a device is described badly: %+v", d)
			}
		}
		if len(list) == 0 {
			t.Error("an empty list without an error")
		}
	case !errors.Is(err, ErrUnavailable):
		t.Errorf("a machine without a usable GPU must give ErrUnavailable, got: %v", err)
	}
}

func TestNoLibrary(t *testing.T) {
	list, err := devices(nvml.New(nvml.WithLibraryPath(filepath.Join(t.TempDir(), "libnvidia-ml.so.1"))))
	if len(list) != 0 || !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "NVML library") {
		t.Fatalf("got %v, %v; want ErrUnavailable that names the NVML library", list, err)
	}
}

// Whatever stops NVML from starting is ErrUnavailable with its own reason, and NVML is not shut down, since it never started.
func TestInitFailure(t *testing.T) {
	for r, reason := range map[nvml.Return]string{
		nvml.ERROR_DRIVER_NOT_LOADED:       "driver is not loaded",
		nvml.ERROR_LIB_RM_VERSION_MISMATCH: "different versions",
		nvml.ERROR_NO_PERMISSION:           "may not open",
		nvml.ERROR_UNKNOWN:                 "ERROR_UNKNOWN",
	} {
		_, err := devices(&mock.Interface{InitFunc: func() nvml.Return { return r }})
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: got %v, want ErrUnavailable with %q", r, err, reason)
		}
	}
}

// machine is an NVML with these devices; a nil one is another user's.
func machine(mig bool, devices ...*mock.Device) *mock.Interface {
	return &mock.Interface{
		InitFunc:                       func() nvml.Return { return nvml.SUCCESS },
		ShutdownFunc:                   func() nvml.Return { return nvml.SUCCESS },
		SystemGetDriverVersionFunc:     func() (string, nvml.Return) { return "550.54.15", nvml.SUCCESS },
		SystemGetCudaDriverVersionFunc: func() (int, nvml.Return) { return 12040, nvml.SUCCESS },
		DeviceGetCountFunc:             func() (int, nvml.Return) { return len(devices), nvml.SUCCESS },
		DeviceGetHandleByIndexFunc: func(i int) (nvml.Device, nvml.Return) {
			if devices[i] == nil {
				return nil, nvml.ERROR_NO_PERMISSION
			}
			return devices[i], nvml.SUCCESS
		},
		ExtensionsFunc: func() nvml.ExtendedInterface {
			return &mock.ExtendedInterface{LookupSymbolFunc: func(string) error {
				if mig {
					return nil
				}
				return errors.New("undefined symbol")
			}}
		},
	}
}

// device answers every question; what it tells of memory and MIG is the argument.
func device(memory, mig nvml.Return) *mock.Device {
	return &mock.Device{
		GetNameFunc:       func() (string, nvml.Return) { return "NVIDIA H100 80GB HBM3", nvml.SUCCESS },
		GetUUIDFunc:       func() (string, nvml.Return) { return "GPU-1", nvml.SUCCESS },
		GetMemoryInfoFunc: func() (nvml.Memory, nvml.Return) { return nvml.Memory{Total: 80 << 30, Free: 79 << 30}, memory },
		GetMigModeFunc:    func() (int, int, nvml.Return) { return nvml.DEVICE_MIG_ENABLE, nvml.DEVICE_MIG_DISABLE, mig },
	}
}

func TestDevices(t *testing.T) {
	full := Device{Name: "NVIDIA H100 80GB HBM3", UUID: "GPU-1", MemoryTotal: 80 << 30, MemoryFree: 79 << 30, MIG: true, Driver: "550.54.15", CUDA: "12.4"}
	second, noMIG, shared := full, full, full
	second.Index, noMIG.MIG, shared.MemoryTotal, shared.MemoryFree = 1, false, 0, 0
	for _, c := range []struct {
		name string
		lib  *mock.Interface
		want []Device
	}{
		{"one", machine(true, device(nvml.SUCCESS, nvml.SUCCESS)), []Device{full}},
		{"the first is another job's", machine(true, nil, device(nvml.SUCCESS, nvml.SUCCESS)), []Device{second}},
		{"no MIG on the device", machine(true, device(nvml.SUCCESS, nvml.ERROR_NOT_SUPPORTED)), []Device{noMIG}},
		{"no MIG in the driver", machine(false, device(nvml.SUCCESS, nvml.SUCCESS)), []Device{noMIG}},
		{"memory shared with the host", machine(true, device(nvml.ERROR_NOT_SUPPORTED, nvml.SUCCESS)), []Device{shared}},
	} {
		got, err := devices(c.lib)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v; want %+v", c.name, got, err, c.want)
		}
		if n := len(c.lib.ShutdownCalls()); n != 1 {
			t.Errorf("%s: %d shutdowns, want 1", c.name, n)
		}
	}
}

func TestNoDevice(t *testing.T) {
	for name, lib := range map[string]*mock.Interface{"none": machine(true), "none of ours": machine(true, nil, nil)} {
		if list, err := devices(lib); len(list) != 0 || !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "550.54.15") {
			t.Errorf("%s: got %v, %v; want ErrUnavailable that names the driver", name, list, err)
		}
	}
}

// A device that is there and does not answer is a broken GPU, not a CPU node.
func TestBrokenDevice(t *testing.T) {
	list, err := devices(machine(true, device(nvml.SUCCESS, nvml.SUCCESS), device(nvml.ERROR_GPU_IS_LOST, nvml.SUCCESS)))
	if list != nil || err == nil || errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "device 1 of 2: memory of NVIDIA H100") {
		t.Fatalf("got %v, %v; want an error that names device 1 and what was asked", list, err)
	}
}
