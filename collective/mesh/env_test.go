package mesh

import (
	"strings"
	"testing"
	"time"
)

// environment is NAME=value, with spaces between them, as a function.
func environment(text string) func(string) string {
	set := map[string]string{}
	for _, f := range strings.Fields(text) {
		name, value, _ := strings.Cut(f, "=")
		set[name] = value
	}
	return func(name string) string { return set[name] }
}

func TestFromEnv(t *testing.T) {
	const slurm = "SLURM_JOB_ID=77 SLURM_STEP_ID=3 SLURM_PROCID=2 SLURM_NTASKS=8 SLURM_JOB_NODELIST=b[03-05],c "
	for text, want := range map[string]Config{
		"RANK=1 WORLD_SIZE=2 MASTER_ADDR=node1 MASTER_PORT=29500":                                               {Rank: 1, Size: 2, Address: "node1:29500", Source: "RANK=1, WORLD_SIZE=2"},
		"RANK=1 WORLD_SIZE=2 MASTER_ADDR=fd00::1 MASTER_PORT=5":                                                 {Rank: 1, Size: 2, Address: "[fd00::1]:5", Source: "RANK=1, WORLD_SIZE=2"},
		"RANK=1 WORLD_SIZE=2 MASTER_ADDR=[fd00::1] MASTER_PORT=5":                                               {Rank: 1, Size: 2, Address: "[fd00::1]:5", Source: "RANK=1, WORLD_SIZE=2"},
		"RANK=1 WORLD_SIZE=2 MASTER_ADDR=n MASTER_PORT=5 TORCHELASTIC_USE_AGENT_STORE=True":                     {Rank: 1, Size: 2, Address: "n:6", Source: "RANK=1, WORLD_SIZE=2"},
		"RANK=1 WORLD_SIZE=2 MASTER_ADDR=n MASTER_PORT=5 TORCHELASTIC_RUN_ID=r TORCHELASTIC_USE_AGENT_STORE=no": {Rank: 1, Size: 2, Address: "n:5", Key: "r", Source: "RANK=1, WORLD_SIZE=2"},
		"RANK=0 WORLD_SIZE=1": {Size: 1, Source: "RANK=0, WORLD_SIZE=1"},
		"RANK=0 WORLD_SIZE=2 DEEPRC_RENDEZVOUS=tcp://[::1]:29500 MASTER_ADDR=!": {Size: 2, Address: "[::1]:29500", Source: "RANK=0, WORLD_SIZE=2"},
		"RANK=0 WORLD_SIZE=2 DEEPRC_RENDEZVOUS=file:/a//b/":                     {Size: 2, Folder: "/a/b", Source: "RANK=0, WORLD_SIZE=2"},
		"RANK=0 WORLD_SIZE=2 DEEPRC_RENDEZVOUS=file:///a":                       {Size: 2, Folder: "/a", Source: "RANK=0, WORLD_SIZE=2"},
		slurm: {Rank: 2, Size: 8, Address: "b03:25644", Key: "slurm 77.3", Source: "SLURM_PROCID=2, SLURM_NTASKS=8"},
		slurm + "SLURM_STEP_NODELIST=d9 SLURM_STEP_NUM_TASKS=4":                         {Rank: 2, Size: 4, Address: "d9:25644", Key: "slurm 77.3", Source: "SLURM_PROCID=2, SLURM_STEP_NUM_TASKS=4"},
		slurm + "MASTER_ADDR=n MASTER_PORT=1":                                           {Rank: 2, Size: 8, Address: "n:1", Key: "slurm 77.3", Source: "SLURM_PROCID=2, SLURM_NTASKS=8"},
		slurm + "DEEPRC_RENDEZVOUS=file:/f DEEPRC_KEY=k":                                {Rank: 2, Size: 8, Folder: "/f", Key: "k", Source: "SLURM_PROCID=2, SLURM_NTASKS=8"},
		slurm + "RANK=0 WORLD_SIZE=2 MASTER_ADDR=n MASTER_PORT=1":                       {Size: 2, Address: "n:1", Source: "RANK=0, WORLD_SIZE=2"},
		"JOB_COMPLETION_INDEX=3 DEEPRC_SIZE=4 WORLD_SIZE=5 DEEPRC_RENDEZVOUS=tcp://p:9": {Rank: 3, Size: 4, Address: "p:9", Source: "JOB_COMPLETION_INDEX=3, DEEPRC_SIZE=4"},
		"JOB_COMPLETION_INDEX=3 WORLD_SIZE=5 MASTER_ADDR=job-0.svc MASTER_PORT=9":       {Rank: 3, Size: 5, Address: "job-0.svc:9", Source: "JOB_COMPLETION_INDEX=3, WORLD_SIZE=5"},
		"RANK=0 WORLD_SIZE=1 GLOO_SOCKET_IFNAME=ib0 DEEPRC_JOIN_TIMEOUT=90s DEEPRC_SILENCE=1m": {Size: 1, Interface: "ib0", Timeout: 90 * time.Second, Silence: time.Minute,
			Source: "RANK=0, WORLD_SIZE=1"},
		"RANK=0 WORLD_SIZE=1 GLOO_SOCKET_IFNAME=ib0 DEEPRC_INTERFACE=10.0.0.0/8": {Size: 1, Interface: "10.0.0.0/8", Source: "RANK=0, WORLD_SIZE=1"},
	} {
		if got, err := FromEnv(environment(text)); err != nil || got != want {
			t.Errorf("%s:\n%+v, %v, want\n%+v", text, got, err, want)
		}
	}
}

func TestFromEnvErrors(t *testing.T) {
	const ok = "RANK=0 WORLD_SIZE=2 MASTER_ADDR=n MASTER_PORT=1 "
	for text, wants := range map[string]string{
		"":                            "which rank is this, and of how many? Set RANK and WORLD_SIZE",
		"WORLD_SIZE=2":                `WORLD_SIZE="2" is set, but no variable tells the rank`,
		"RANK=1":                      `RANK="1" is set, but not WORLD_SIZE: want`,
		"SLURM_PROCID=1":              "SLURM_STEP_NUM_TASKS or SLURM_NTASKS",
		"JOB_COMPLETION_INDEX=0":      "DEEPRC_SIZE or WORLD_SIZE",
		"RANK=-1 WORLD_SIZE=2":        `RANK="-1": want a whole number from 0 to 1 (WORLD_SIZE=2)`,
		"RANK=2 WORLD_SIZE=2":         `RANK="2": want`,
		"RANK=x WORLD_SIZE=2":         `RANK="x": want`,
		"RANK=0 WORLD_SIZE=0":         `WORLD_SIZE="0": want a whole number from 1 to 65536`,
		"RANK=0 WORLD_SIZE=70000":     `WORLD_SIZE="70000": want`,
		"RANK=0 WORLD_SIZE=2":         "where do the 2 ranks (RANK=0, WORLD_SIZE=2) meet? Set MASTER_ADDR and MASTER_PORT",
		ok + "MASTER_PORT=0":          `MASTER_PORT="0": want a whole number from 1 to 65535`,
		ok + "MASTER_PORT=":           `MASTER_ADDR="n" is set, but MASTER_PORT=""`,
		ok + "MASTER_ADDR=":           `MASTER_PORT="1" is set, but not MASTER_ADDR`,
		ok + "MASTER_ADDR=http://n":   `MASTER_ADDR="http://n": want`,
		ok + "DEEPRC_SILENCE=5":       `DEEPRC_SILENCE="5": want a duration`,
		ok + "DEEPRC_JOIN_TIMEOUT=0s": `DEEPRC_JOIN_TIMEOUT="0s": want a duration above 0`,
		ok + "MASTER_PORT=65535 TORCHELASTIC_USE_AGENT_STORE=True": "torchrun holds it",
		ok + "DEEPRC_RENDEZVOUS=tcp://h":                           `DEEPRC_RENDEZVOUS="tcp://h": want`,
		ok + "DEEPRC_RENDEZVOUS=tcp://:5":                          "want tcp://host:port",
		ok + "DEEPRC_RENDEZVOUS=h:5":                               "want tcp://host:port",
		ok + "DEEPRC_RENDEZVOUS=file:f":                            "file:/folder",
		ok + "DEEPRC_RENDEZVOUS=file://host/f":                     "file:/folder",
		ok + "DEEPRC_RENDEZVOUS=file:/":                            "file:/folder",
		"SLURM_PROCID=0 SLURM_NTASKS=2":                            "neither SLURM_STEP_NODELIST nor SLURM_JOB_NODELIST",
		"SLURM_PROCID=0 SLURM_NTASKS=2 SLURM_JOB_NODELIST=a":       "not SLURM_JOB_ID",
		"SLURM_PROCID=0 SLURM_NTASKS=2 SLURM_JOB_NODELIST=a[":      `SLURM_JOB_NODELIST="a[": want a list of hosts`,
		"SLURM_PROCID=9 SLURM_NTASKS=2":                            `SLURM_PROCID="9": want`,
	} {
		c, err := FromEnv(environment(text))
		wantError(t, err, wants)
		if c != (Config{}) {
			t.Errorf("%s: %+v beside an error", text, c)
		}
	}
}

func TestFirstHost(t *testing.T) {
	for list, want := range map[string]string{
		"a": "a", "a1,a2": "a1", "n[3]": "n3", "n[03-05,9],m": "n03", "rack[03-05,9]n[1-4]": "rack03n1", "a-b.c_d[007]-ib": "a-b.c_d007-ib", "tux[9,1]": "tux9",
		"": "", ",a": "", "a[": "", "a[]": "", "a[x]": "", "a]": "", "a[1": "", "a b": "", "a[-1]": "", "[[1]]": "", "a[+1]": "",
	} {
		got, err := firstHost(list)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("firstHost(%q) is %q, %v, want %q", list, got, err, want)
		}
	}
}
