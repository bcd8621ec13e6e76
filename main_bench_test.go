package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"deeprc/stages"
)

// comparison is the document of `deeprc bench collective --c-program`.
type comparison struct {
	Version, Go, Date, Host, CPU, Launcher, Library string
	Cores, Hosts, Ranks                             int
	CProgram                                        string `json:"c_program"`
	CLibrary                                        string `json:"c_library"`
	Options                                         map[string]any
	Results                                         []struct {
		Name       string
		Bytes      int
		C, Deeprc  trial
		Ratio      float64
		BestRatio  float64 `json:"best_ratio"`
		Difference float64 `json:"difference_us"`
	}
}

func readComparison(t *testing.T, text string) (r comparison) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil || d.More() {
		t.Fatalf("%v in\n%s", err, text)
	}
	return r
}

// fakeC is a program that prints text with T for 10, 30 and 20 in its first three runs, and notes its arguments in calls.
func fakeC(t *testing.T, dir, text string) {
	t.Helper()
	script := "#!/bin/sh\ncd '" + dir + "'\necho \"$*\" >>calls\nT=$(echo '10 30 20' | cut -d' ' -f$(wc -l <calls))\ncat <<END\n" + text + "\nEND\n"
	if err := os.WriteFile(filepath.Join(dir, "fake"), []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
}

func TestBenchCollectiveCompares(t *testing.T) {
	dir := t.TempDir()
	fakeC(t, dir, `{"library": "Fake MPI 1", "ranks": 1, "results": [
{"name": "barrier", "unit": "us", "bytes": 0, "iterations": 5, "all": [$T]},
{"name": "allreduce", "unit": "us", "bytes": 64, "iterations": 5, "all": [2.5]}]}`)
	code, stdout, stderr := deeprc(t, dir, "bench", "collective", "--c-program", "./fake", "--launcher", " env  A=b ", "--ops", "barrier,allreduce", "--sizes", "64", "--repeats", "3", "--json")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	r := readComparison(t, stdout)
	if r.Version != "v1.2.3" || r.Ranks != 1 || r.Hosts != 1 || r.Cores < 1 || r.Launcher != "env A=b" || r.CProgram != "./fake" || r.CLibrary != "Fake MPI 1" || r.Library != "in-process ranks" || len(r.Results) != 2 {
		t.Fatalf("%+v", r)
	}
	b, a := r.Results[0], r.Results[1]
	if b.Name != "barrier" || b.Bytes != 0 || b.C.Median != 20 || b.C.Min != 10 || b.C.Max != 30 || len(b.Deeprc.All) != 3 || !(b.Deeprc.Min > 0) {
		t.Errorf("%+v", b)
	}
	if a.Name != "allreduce" || a.Bytes != 64 || a.C.Median != 2.5 || a.Ratio != a.Deeprc.Median/2.5 || a.BestRatio != a.Deeprc.Min/2.5 || a.Difference != a.Deeprc.Median-2.5 {
		t.Errorf("%+v", a)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if want := strings.Repeat("--repeats 1 --ops barrier,allreduce --sizes 64\n", 3); err != nil || string(calls) != want {
		t.Errorf("%v: called with\n%swant\n%s", err, calls, want)
	}
	code, stdout, stderr = deeprc(t, dir, "bench", "collective", "--c-program", "./fake", "--launcher", "env", "--ops", "allreduce", "--sizes", "64", "--repeats", "1")
	if code != 0 || stderr != "" || !strings.Contains(stdout, "C: ./fake, Fake MPI 1\ndeeprc: in-process ranks\nenv: 1 rank(s) on 1 host(s)\n") || !strings.Contains(stdout, "\nallreduce      64 B ") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

func TestBenchCollectiveRefuses(t *testing.T) {
	for _, c := range []struct {
		name, fake, args string
		code             int
		stderr           string
	}{
		{"size 0", "", "--sizes 0", 2, "--sizes: 0 bytes: want a multiple of 4"},
		{"unknown op", "", "--ops alltoal", 2, `no operation "alltoal"; did you mean "alltoall"?`},
		{"no repeats", "", "--repeats 0", 2, "--repeats 0: want 1"},
		{"a launcher alone", "", "--launcher env", 2, "--launcher goes with --c-program"},
		{"ranks too", "", "--c-program ./fake --ranks 2", 2, "--ranks with --c-program: the launcher gives the ranks"},
		{"no program", "", "--c-program ./fakir", 2, "./fakir: no such file or directory; build it by the mpicc"},
		{"no launcher", "", "--c-program ./fake --launcher nompirun", 1, `"nompirun": executable file not found`},
		{"another number of ranks", `{"ranks": 2}`, "--c-program ./fake --launcher env", 1, "./fake runs on 2 rank(s), but deeprc on 1 over in-process ranks"},
		{"two documents", `{"ranks": 1}{"ranks": 1}`, "--c-program ./fake --launcher env", 1, "built for another MPI than the launcher's"},
		{"a time missing", `{"ranks": 1}`, "--c-program ./fake --launcher env", 1, "./fake printed 0 times of barrier of 0 bytes"},
		{"a failure", "\nEND\necho oops >&2\nexit 3", "--c-program ./fake --launcher env", 1, "exit status 3\noops"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fakeC(t, dir, c.fake)
			args := append(strings.Fields("bench collective --ops barrier --sizes 8 --repeats 1"), strings.Fields(c.args)...)
			if strings.Contains(c.args, "--sizes") || strings.Contains(c.args, "--ops") || strings.Contains(c.args, "--repeats") {
				args = append([]string{"bench", "collective"}, strings.Fields(c.args)...)
			}
			code, stdout, stderr := deeprc(t, dir, args...)
			if code != c.code || stdout != "" || strings.Count(stderr, "deeprc: ") != 1 || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit code %d, want %d with %q\n%s%s", code, c.code, c.stderr, stdout, stderr)
			}
		})
	}
}

// trainResult is the document of `deeprc bench train`.
type trainResult struct {
	Version, Go, Date, Host, CPU, Device string
	Cores, Ranks                         int
	Options                              map[string]any
	Train                                []struct {
		trial
		Engine        string
		EngineVersion string `json:"engine_version"`
		Threads       int
		Shape         stages.TrainShape
		Parameters    int
		StepSeconds   float64 `json:"step_seconds"`
		RSSBytes      int64   `json:"rss_bytes"`
		Ratio         float64
	}
	Mean float64 `json:"geometric_mean"`
	Run  trial
}

// fakeTorch is an interpreter of train_torch.py that says it trains nlinear of 4 → 2 steps with that many parameters.
func fakeTorch(t *testing.T, dir string, parameters int) {
	t.Helper()
	script := fmt.Sprintf("#!/bin/sh\n"+`echo "$@" >>calls; shift; while [ $# -gt 0 ]; do case $1 in --engine) E=$2;; --threads) T=$2;; esac; shift 2; done
S=1; [ $E = torch-compile ] && S=0.5
echo '{"engine": "'$E'", "version": "9", "net": "nlinear", "threads": '$T', "parameters": %d, "steps": 10, "seconds": '$S', "rss_bytes": 3145728,
"shape": {"lookback": 4, "horizon": 2, "channels": 7, "batch": 8, "future": 0, "static": 0, "loss": "mse"}}'
`, parameters)
	for name, text := range map[string]string{"fake": script, "train_torch.py": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBenchTrainPeers(t *testing.T) {
	dir := t.TempDir()
	args := strings.Fields("bench train --peer ./fake --scripts . --net nlinear --lookback 4 --horizon 2 --batch 8 --steps 10 --repeats 2")
	fakeTorch(t, dir, 10)
	code, stdout, stderr := deeprc(t, dir, append(args, "--json")...)
	var r trainResult
	d := json.NewDecoder(strings.NewReader(stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); code != 0 || stderr != "" || err != nil || d.More() || len(r.Train) != 3 {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
	}
	for i, x := range r.Train {
		if x.Engine != []string{"deeprc", "torch-eager", "torch-compile"}[i] || len(x.All) != 2 || x.Name != "nlinear" || x.Unit != "windows/s" || x.Parameters != 10 {
			t.Errorf("%+v", x)
		}
	}
	ours, eager, compiled := r.Train[0], r.Train[1], r.Train[2]
	if eager.Median != 80 || eager.StepSeconds != .1 || eager.RSSBytes != 3<<20 || compiled.Median != 160 || ours.Ratio != ours.Median/160 || r.Mean < .999*ours.Ratio || r.Mean > 1.001*ours.Ratio {
		t.Errorf("%+v", r)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if want := "train_torch.py --engine torch-eager --net nlinear --threads "; err != nil || !strings.HasPrefix(string(calls), want) || strings.Count(string(calls), "\n") != 4 ||
		!strings.Contains(string(calls), " --future 0 --static 0 --loss mse --steps 10 --lookback 4 --horizon 2 --channels 7 --batch 8\n") {
		t.Errorf("%v\n%s", err, calls)
	}
	if code, stdout, stderr = deeprc(t, dir, args...); code != 0 || !strings.Contains(stdout, "geometric mean") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	fakeTorch(t, dir, 11)
	if code, _, stderr = deeprc(t, dir, args...); code != 1 || !strings.Contains(stderr, "nlinear: torch-eager has 11 parameters") || !strings.Contains(stderr, "they train different nets") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	if code, _, stderr = deeprc(t, dir, append(args, "--ranks", "2")...); code != 2 || !strings.Contains(stderr, "without a launcher, --ranks and --comm") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	if code, _, stderr = deeprc(t, dir, "bench", "train", "--peer", "./nopython"); code != 2 || !strings.Contains(stderr, "make peers makes") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// TestBenchCollectiveMPI builds the C program and compares with it on two ranks of each MPI.
func TestBenchCollectiveMPI(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, mpi := range []string{"openmpi", "mpich"} {
		t.Run(mpi, func(t *testing.T) {
			for _, tool := range []string{"mpicc." + mpi, "mpirun." + mpi} {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skipf("no %s here: %v", mpi, err)
				}
			}
			if _, err := os.Stat(filepath.Join(here, "libdeeprc-mpi-"+mpi+".so")); err != nil {
				t.Skipf("make build has not made the plugin: %v", err)
			}
			program := filepath.Join(t.TempDir(), "collective")
			if out, err := exec.Command("mpicc."+mpi, "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, "bench/collective.c").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			launcher := "mpirun." + mpi + " -n 2"
			if mpi == "openmpi" {
				launcher += " --oversubscribe --bind-to none"
			}
			cmd := exec.Command(binary(t), "bench", "collective", "--c-program", program, "--launcher", launcher, "--sizes", "8,65536", "--repeats", "2", "--json")
			cmd.Env = append(os.Environ(), "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "DEEPRC_PLUGINS="+here)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			stop := time.AfterFunc(2*time.Minute, func() { cmd.Process.Signal(os.Interrupt) })
			defer stop.Stop()
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, &stderr)
			}
			r := readComparison(t, stdout.String())
			if r.Ranks != 2 || len(r.Results) != 9 || !strings.Contains(strings.ToLower(r.Library+r.CLibrary), "mpi") {
				t.Errorf("%s", &stdout)
			}
			for _, x := range r.Results {
				if len(x.C.All) != 2 || len(x.Deeprc.All) != 2 || !(x.C.Min > 0) || !(x.Deeprc.Min > 0) || !(x.Ratio > 0) {
					t.Errorf("%+v", x)
				}
			}
		})
	}
}

// frameTrial is a result of `deeprc bench frame`.
type frameTrial struct {
	Name, Unit, Engine string
	EngineVersion      string `json:"engine_version"`
	Threads            int
	Rows               int64
	Median, Min, Max   float64
	All                []float64
	RSSBytes           int64 `json:"rss_bytes"`
	RusageBytes        int64 `json:"rusage_bytes"`
	MemoryBytes        int64 `json:"memory_bytes"`
	TableBytes         int64 `json:"table_bytes"`
	Multiple, Ratio    float64
}

func readFrameTrials(t *testing.T, text string) []frameTrial {
	t.Helper()
	var r struct {
		Version, Go, Date, Host, CPU string
		Cores                        int
		Options                      map[string]any
		Results                      []frameTrial
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil || d.More() || r.Version != "v1.2.3" {
		t.Fatalf("%v in\n%s", err, text)
	}
	return r.Results
}

func TestBenchFramePrintsOneDocument(t *testing.T) {
	code, stdout, stderr := deeprc(t, t.TempDir(), "bench", "frame", "--rows", "1000", "--ranks", "2", "--repeats", "2", "--json")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	trials := readFrameTrials(t, stdout)
	if len(trials) != len(stages.FrameOps()) {
		t.Fatal(stdout)
	}
	for i, x := range trials {
		if x.Name != stages.FrameOps()[i] || x.Unit != "s" || x.Engine != "deeprc" || x.EngineVersion != "v1.2.3" || x.Threads != 2 || len(x.All) != 2 || !(x.Min > 0) ||
			x.Rows < 500 || x.RSSBytes < 1<<20 || x.RusageBytes < 1<<20 || x.MemoryBytes < x.Rows*16 || x.TableBytes < 8000 || x.Multiple != float64(x.RSSBytes)/float64(x.TableBytes) || x.Ratio != 0 {
			t.Errorf("%+v", x)
		}
	}
}

// fakePeers is a Python that prints, for every engine, the result that deeprc has of a sort of 100 rows, with changes.
func fakePeers(t *testing.T, dir string, old, new string) {
	t.Helper()
	code, stdout, stderr := deeprc(t, dir, "bench", "frame", "--rows", "100", "--once", "sort")
	if code != 0 {
		t.Fatal(stderr)
	}
	var r struct {
		Rows int64
		Sums []float64
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	sums, _ := json.Marshal(r.Sums)
	text := fmt.Sprintf(`#!/bin/sh
echo "$*" >>'%s/calls'
case $3 in duckdb) s=0.5;; polars) s=0.25;; *) s=2;; esac
echo "{\"engine\": \"$3\", \"version\": \"9\", \"op\": \"$5\", \"threads\": $7, \"seconds\": $s, \"rss_bytes\": 4800, \"rusage_bytes\": 6400, \"rows\": %d, \"sums\": %s}"
`, dir, r.Rows, sums)
	if changed := strings.Replace(text, old, new, 1); old == "" || changed != text {
		text = changed
	} else {
		t.Fatalf("no %q in\n%s", old, text)
	}
	for name, text := range map[string]string{"fake": text, "peer.py": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBenchFrameCompares(t *testing.T) {
	dir := t.TempDir()
	fakePeers(t, dir, "", "")
	args := strings.Fields("bench frame --rows 100 --repeats 1 --ops sort --dir files --peers ./fake --scripts .")
	code, stdout, stderr := deeprc(t, dir, append(args, "--json")...)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	trials := readFrameTrials(t, stdout)
	if len(trials) != 5 || trials[0].Engine != "deeprc" || trials[0].Ratio != trials[0].Median/0.25 {
		t.Fatal(stdout)
	}
	for i, engine := range []string{"duckdb", "polars", "pandas", "pyarrow"} {
		x := trials[i+1]
		if s := []float64{0.5, 0.25, 2, 2}[i]; x.Engine != engine || x.EngineVersion != "9" || x.Name != "sort" || x.Median != s || x.Ratio != s/0.25 || x.Threads != 1 ||
			x.RSSBytes != 4800 || x.RusageBytes != 6400 || x.MemoryBytes != 0 || x.TableBytes != 3200 || x.Multiple != 1.5 {
			t.Errorf("%+v", x)
		}
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if want := "peer.py --engine duckdb --op sort --threads 1 --left files/left-100-1.parquet --right files/right-100-1.parquet\n"; err != nil || !strings.HasPrefix(string(calls), want) {
		t.Errorf("%v: called with\n%swant\n%s", err, calls, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "files", "left-100-1.parquet")); err != nil {
		t.Error(err)
	}
	code, stdout, stderr = deeprc(t, dir, args...)
	if code != 0 || stderr != "" || !strings.Contains(stdout, "sort     polars   9              1     0.2500       (0.2500–0.2500)   1.00         0                     0      1.50\n") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

func TestBenchFrameRefuses(t *testing.T) {
	for _, c := range []struct {
		name, old, new, args string
		code                 int
		stderr               string
	}{
		{"no rows", "", "", "--rows 0", 2, "--rows 0: want 1 to"},
		{"no ranks", "", "", "--ranks 0", 2, "--ranks 0: want 1 to"},
		{"no repeats", "", "", "--repeats 0", 2, "--repeats 0: want 1"},
		{"unknown op", "", "", "--ops jion", 2, `no operation "jion"; did you mean "join"?`},
		{"an op twice", "", "", "--ops join,join", 2, "join is named twice"},
		{"unknown engine", "", "", "--engines polar", 2, `no engine "polar"; did you mean "polars"?`},
		{"no Python", "", "", "--peers ./fakir", 2, "./fakir: no such file or directory; make peers makes"},
		{"no scripts", "", "", "--peers ./fake --scripts there", 2, "there/peer.py: no such file or directory; name deeprc's folder bench/peers"},
		{"a failure", "echo \"{", "echo oops >&2; exit 3; echo \"{", "--peers ./fake", 1, "exit status 3\noops"},
		{"no JSON", "echo \"{", "echo \"", "--peers ./fake", 1, "sort of duckdb printed"},
		{"another engine", `\"engine\": \"$3\"`, `\"engine\": \"sqlite\"`, "--peers ./fake", 1, "sort of duckdb printed"},
		{"another result", `\"rows\": 100`, `\"rows\": 101`, "--peers ./fake", 1, "sort: duckdb has 101 rows, with columns that sum to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			fakePeers(t, dir, c.old, c.new)
			args := strings.Fields("bench frame")
			for _, f := range [][2]string{{"--rows", "100"}, {"--ops", "sort"}, {"--repeats", "1"}, {"--scripts", "."}} {
				if !strings.Contains(c.args, f[0]) {
					args = append(args, f[:]...)
				}
			}
			code, stdout, stderr := deeprc(t, dir, append(args, strings.Fields(c.args)...)...)
			if code != c.code || stdout != "" || strings.Count(stderr, "deeprc: ") != 1 || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit code %d, want %d with %q\n%s%s", code, c.code, c.stderr, stdout, stderr)
			}
		})
	}
}

// TestBenchFramePeers compares with the real engines, whose results must be deeprc's.
func TestBenchFramePeers(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(here, "bench/peers/venv/bin/python")
	if _, err := os.Stat(python); err != nil {
		t.Skipf("make peers has not made the environment: %v", err)
	}
	code, stdout, stderr := deeprc(t, t.TempDir(), "bench", "frame", "--rows", "3000", "--ranks", "2", "--repeats", "1", "--peers", python, "--scripts", filepath.Join(here, "bench/peers"), "--json")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	if n := len(readFrameTrials(t, stdout)); n != 5*len(stages.FrameOps()) {
		t.Errorf("%d results in\n%s", n, stdout)
	}
}
