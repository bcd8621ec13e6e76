package collective

// #include "gloo_table.h"
// #include "mpi_table.h"
import "C"

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// PluginInfo is one plugin that this binary looks for.
type PluginInfo struct {
	Name string // openmpi, mpich or gloo
	Path string // "" if not found
	Err  error  // why it cannot be used, as far as that shows without loading it
}

// Plugins looks for the plugins and checks that they are of this version.
// Nothing is loaded: an MPI library changes a process merely by being there.
func Plugins() []PluginInfo {
	var list []PluginInfo
	for _, name := range []string{"openmpi", "mpich", "gloo"} {
		p := PluginInfo{Name: name}
		if p.Path, p.Err = findPlugin(name); p.Err == nil {
			p.Err = checkPlugin(p.Path, name == "gloo")
		}
		list = append(list, p)
	}
	return list
}

const loadAdvice = "The MPI library that it was built with must be found (load its module, or set LD_LIBRARY_PATH), or build the plugin anew with `make build`;\n" +
	"DEEPRC_PLUGINS names other folders of plugins"

const glooAdvice = "Gloo's library must be found (Debian: apt-get install libgloo-dev, or `make deps`; else LD_LIBRARY_PATH), or build the plugin anew with `make build`;\n" +
	"DEEPRC_PLUGINS names other folders of plugins"

// pluginFolders are searched in order.
func pluginFolders() []string {
	dirs := filepath.SplitList(os.Getenv("DEEPRC_PLUGINS"))
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		dir := filepath.Dir(exe)
		dirs = append(dirs, dir, filepath.Join(dir, "..", "lib", "deeprc"))
	}
	return dirs
}

// findPlugin returns the path of a plugin given by name, or by path.
func findPlugin(name string) (string, error) {
	if strings.Contains(name, "/") || strings.HasSuffix(name, ".so") {
		if _, err := os.Stat(name); err != nil {
			return "", fmt.Errorf("the MPI plugin named by DEEPRC_MPI: %w", err)
		}
		return filepath.Abs(name) // dlopen searches elsewhere for a name without a folder
	}
	file, needs := "libdeeprc-mpi-"+name+".so", name+"'s mpicc is"
	if name == "gloo" {
		file, needs = "libdeeprc-gloo.so", "g++ and Gloo's headers (Debian: libgloo-dev) are"
	}
	dirs := pluginFolders()
	for _, dir := range dirs {
		path := filepath.Join(dir, file)
		if _, err := os.Stat(path); err == nil {
			return filepath.Abs(path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("plugin: %w", err)
		}
	}
	return "", fmt.Errorf("the plugin %s is in none of these folders:\n  %s\nBuild it with `make build` where %s found, or name its folder in DEEPRC_PLUGINS",
		file, strings.Join(dirs, "\n  "), needs)
}

// checkPlugin reads the version in the plugin's file.
func checkPlugin(path string, gloo bool) error {
	symbol, want := "deeprc_mpi_plugin", C.DEEPRC_MPI_VERSION
	if gloo {
		symbol, want = "deeprc_gloo_plugin", C.DEEPRC_GLOO_VERSION
	}
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s is not a shared library: %w", path, err)
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range symbols {
		if s.Name != symbol || int(s.Section) >= len(f.Sections) {
			continue
		}
		section := f.Sections[s.Section]
		b := make([]byte, 8)
		if _, err := section.ReadAt(b, int64(s.Value-section.Addr)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if v := int(binary.NativeEndian.Uint64(b)); v != want {
			return versionError(path, v, want)
		}
		return nil
	}
	return fmt.Errorf("%s is not such a plugin of deeprc: it lacks the symbol %s", path, symbol)
}

func versionError(path string, version, want int) error {
	return fmt.Errorf("the plugin %s has version %d, this deeprc needs version %d: they are of different builds; run `make build`, or correct DEEPRC_PLUGINS",
		path, version, want)
}
