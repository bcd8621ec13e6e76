package stages

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"deeprc/collective"
	"deeprc/gpu"
	"deeprc/model"
)

// Info prints version, ranks, hosts, libraries and devices, on rank 0; collective.
func Info(c collective.Comm, version string, w io.Writer) error {
	place, err := collective.Hosts(c)
	if err != nil {
		return err
	}
	given, err := allocations(c)
	if err != nil || c.Rank() != 0 {
		return err
	}
	launcher := collective.LauncherName()
	if launcher == "" {
		launcher = "no launcher: " + collective.Backend(c)
	}
	fmt.Fprintf(w, "version   %s, %s, %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(w, "ranks     %d on %d host(s) (%s), %d core(s) for this process\n", c.Size(), place.Nodes(), launcher, min(runtime.NumCPU(), runtime.GOMAXPROCS(0)))
	fmt.Fprintf(w, "hosts     %s\n", strings.Join(place.Hosts, ", "))
	if text := allocationText(given); text != "" {
		fmt.Fprintf(w, "job       %s\n", text)
	}
	for _, text := range contradictions(given) {
		fmt.Fprintf(w, "note      %s\n", text)
	}
	isa, err := model.ISA()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "kernels   for %s\n", isa)
	for _, p := range collective.Plugins() {
		if p.Err != nil {
			fmt.Fprintf(w, "plugin    %s: not usable: %v\n", p.Name, p.Err)
		} else {
			fmt.Fprintf(w, "plugin    %s: %s\n", p.Name, p.Path)
		}
	}
	devices, err := gpu.Devices()
	if err != nil {
		fmt.Fprintf(w, "gpu       none: %v\n", err)
	}
	for i, d := range devices {
		fmt.Fprintf(w, "gpu %d     %s, %d MiB, %s (this version computes on the CPU only)\n", i, d.Name, d.MemoryTotal>>20, d.UUID)
	}
	var nets []string
	for _, k := range model.Nets() {
		nets = append(nets, k.Name)
	}
	fmt.Fprintf(w, "nets      %s\n", strings.Join(nets, ", "))
	return nil
}
