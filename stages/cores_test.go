package stages

import "testing"

func TestProcessLimit(t *testing.T) {
	for _, c := range []struct {
		procs      int
		slurm, omp string
		want       int // 0: an error
	}{
		{8, "", "", 8}, {8, "4", "", 4}, {8, "4", "2", 2}, {8, "16", "", 8}, {8, "", "3,2", 3}, {1, "4", "4", 1},
		{8, "many", "", 0}, {8, "0", "", 0}, {8, "", "-1", 0}, {8, "2,2", "", 0},
	} {
		got, err := processLimit(c.procs, func(key string) string {
			return map[string]string{"SLURM_CPUS_PER_TASK": c.slurm, "OMP_NUM_THREADS": c.omp}[key]
		})
		if got != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%+v: got %d, %v", c, got, err)
		}
	}
}

func TestCoreShare(t *testing.T) {
	span := func(lo, hi int) (s []int) {
		for i := lo; i < hi; i++ {
			s = append(s, i)
		}
		return s
	}
	for name, c := range map[string]struct {
		all  []coreUse
		want int // of rank 0
	}{
		"alone":                 {[]coreUse{{Host: "a", PID: 1, Cores: span(0, 8), Most: 8}}, 8},
		"goroutines":            {[]coreUse{{Host: "a", PID: 1, Cores: span(0, 8), Most: 8}, {Host: "a", PID: 1, Cores: span(0, 8), Most: 8}}, 4},
		"processes, bound":      {[]coreUse{{Host: "a", PID: 1, Cores: span(0, 4), Most: 4}, {Host: "a", PID: 2, Cores: span(4, 8), Most: 4}}, 4},
		"processes, not bound":  {[]coreUse{{Host: "a", PID: 1, Cores: span(0, 8), Most: 8}, {Host: "a", PID: 2, Cores: span(0, 8), Most: 8}}, 4},
		"three on eight":        {[]coreUse{{Host: "a", PID: 1, Cores: span(0, 8), Most: 8}, {Host: "a", PID: 2, Cores: span(0, 8), Most: 8}, {Host: "a", PID: 3, Cores: span(0, 8), Most: 8}}, 2},
		"three on three":        {[]coreUse{{Host: "a", PID: 1, Cores: span(0, 3), Most: 8}, {Host: "a", PID: 2, Cores: span(0, 3), Most: 8}, {Host: "a", PID: 3, Cores: span(0, 3), Most: 8}}, 1},
		"another host":          {[]coreUse{{Host: "a", PID: 1, Cores: span(0, 8), Most: 8}, {Host: "b", PID: 1, Cores: span(0, 8), Most: 8}}, 8},
		"more ranks than cores": {[]coreUse{{Host: "a", PID: 1, Cores: span(0, 1), Most: 1}, {Host: "a", PID: 2, Cores: span(0, 1), Most: 1}}, 1},
		"limited":               {[]coreUse{{Host: "a", PID: 1, Cores: span(0, 8), Most: 3}}, 3},
		"limited, goroutines":   {[]coreUse{{Host: "a", PID: 1, Cores: span(0, 8), Most: 4}, {Host: "a", PID: 1, Cores: span(0, 8), Most: 4}}, 2},
		"a quota for both":      {[]coreUse{{Host: "a", PID: 1, Cores: span(0, 8), Most: 4, Group: "g", Quota: 4}, {Host: "a", PID: 2, Cores: span(0, 8), Most: 4, Group: "g", Quota: 4}}, 2},
		"a quota each":          {[]coreUse{{Host: "a", PID: 1, Cores: span(0, 8), Most: 4, Group: "g", Quota: 4}, {Host: "a", PID: 2, Cores: span(0, 8), Most: 4, Group: "h", Quota: 4}}, 4},
		"part of a node":        {[]coreUse{{Host: "a", PID: 1, Cores: span(0, 8), Most: 8, Node: 4}, {Host: "a", PID: 2, Cores: span(0, 8), Most: 8, Node: 4}}, 2},
	} {
		if got := coreShare(c.all, 0); got != c.want {
			t.Errorf("%s: %d threads, want %d", name, got, c.want)
		}
	}
}
