package stages

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxSystemFile bounds what is read of a file of /proc or /sys, in bytes.
const maxSystemFile = 64 << 10

func readSystemFile(path string) ([]byte, error) { return readFile(path, maxSystemFile) }

// hostMemory is the memory that the processes of this job may use on this host, in bytes: that of the machine, that of the job, or the
// limit of the control group, whichever is least.
func hostMemory(env func(string) string, read func(path string) ([]byte, error)) (int64, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("memory of this host: %w", err)
	}
	total := min(int64(info.Totalram)*int64(info.Unit), groupLimit(read))
	if env("SLURM_HET_SIZE") == "" { // else it is that of a part
		// sbatch(1): in megabytes; 0 is all that the node has
		if n, err := strconv.ParseInt(env("SLURM_MEM_PER_NODE"), 10, 64); err == nil && n > 0 && n < math.MaxInt64>>20 {
			total = min(total, n<<20)
		}
	}
	return total, nil
}

// groupLimit is the least limit of memory of the control group of this process and of those above it, as cgroups(7) says; what cannot be
// read or understood is none.
func groupLimit(read func(path string) ([]byte, error)) int64 {
	limit := int64(math.MaxInt64)
	lower := func(root, group, file string) {
		for group = path.Clean("/" + group); ; group = path.Dir(group) {
			text, _ := read(path.Join(root, group, file))
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 { // else: max
				limit = min(limit, n)
			}
			if group == "/" {
				return
			}
		}
	}
	v2, v1 := "/", "/"
	groups, _ := read("/proc/self/cgroup")
	for line := range strings.Lines(string(groups)) { // hierarchy:controllers:path
		part := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		switch {
		case len(part) < 3:
		case part[0] == "0" && part[1] == "":
			v2 = part[2]
		case slices.Contains(strings.Split(part[1], ","), "memory"):
			v1 = part[2]
		}
	}
	lower("/sys/fs/cgroup", v2, "memory.max")
	lower("/sys/fs/cgroup/memory", v1, "memory.limit_in_bytes")
	return limit
}
