package stages

import (
	"io/fs"
	"testing"
)

func TestHostMemory(t *testing.T) {
	const mib = 1 << 20
	v2 := "0::/system.slice/slurmstepd.scope/job_7/step_0\n"
	v1 := "12:cpu,cpuacct:/\n11:hugetlb,memory:/slurm/uid_1/job_7/step_0\n0::/init.scope\n"
	none := map[string]string{}
	all, err := hostMemory(environment(""), systemFiles(none))
	if err != nil || all < 256*mib {
		t.Fatal(all, err)
	}
	for _, c := range []struct {
		name, env string
		files     map[string]string
		want      int64
	}{
		{"a container", "", map[string]string{"/sys/fs/cgroup/memory.max": "1048576\n"}, mib},
		{"a container, version 1", "", map[string]string{"/sys/fs/cgroup/memory/memory.limit_in_bytes": "2097152\n"}, 2 * mib},
		{"the job's limit, above that of the step", "", map[string]string{"/proc/self/cgroup": v2, "/sys/fs/cgroup/memory.max": "max\n",
			"/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/step_0/memory.max": "max\n", "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/memory.max": "3145728\n"}, 3 * mib},
		{"the least of several", "", map[string]string{"/proc/self/cgroup": v2, "/sys/fs/cgroup/memory.max": "9437184\n",
			"/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/step_0/memory.max": "4194304\n", "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/memory.max": "8388608\n"}, 4 * mib},
		{"version 1", "", map[string]string{"/proc/self/cgroup": v1, "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			"/sys/fs/cgroup/memory/slurm/uid_1/job_7/memory.limit_in_bytes": "5242880\n"}, 5 * mib},
		{"no limit", "", map[string]string{"/proc/self/cgroup": v1, "/sys/fs/cgroup/memory/slurm/uid_1/job_7/memory.limit_in_bytes": "9223372036854771712\n"}, all},
		{"malformed", "", map[string]string{"/proc/self/cgroup": "0:\n0::/a\n:::", "/sys/fs/cgroup/a/memory.max": "-1\n", "/sys/fs/cgroup/memory.max": "1e3\n"}, all},
		{"a path above the mount", "", map[string]string{"/proc/self/cgroup": "0::/../../a\n", "/sys/fs/cgroup/a/memory.max": "6291456"}, 6 * mib},
		{"Slurm's --mem", "SLURM_MEM_PER_NODE=128", none, 128 * mib},
		{"Slurm's --mem=0", "SLURM_MEM_PER_NODE=0", none, all},
		{"Slurm's --mem, malformed", "SLURM_MEM_PER_NODE=4G", none, all},
		{"Slurm's --mem, beyond numbers", "SLURM_MEM_PER_NODE=9223372036854775807", none, all},
		{"Slurm's --mem of a part", "SLURM_MEM_PER_NODE=128 SLURM_HET_SIZE=2", none, all},
	} {
		if got, err := hostMemory(environment(c.env), systemFiles(c.files)); err != nil || got != c.want {
			t.Errorf("%s: %d, %v, want %d", c.name, got, err, c.want)
		}
	}
}

// systemFiles reads from a map of paths.
func systemFiles(m map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if text, ok := m[path]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	}
}
