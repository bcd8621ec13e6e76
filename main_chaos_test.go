package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// chaosRuns is how many runs TestChaos disturbs, and chaosSeed the seed of the first: DEEPRC_CHAOS_RUNS=1 DEEPRC_CHAOS_SEED=N repeats run N.
func chaosRuns(t testing.TB, short, long int) (seeds []uint64) {
	t.Helper()
	n, first := long, uint64(1)
	if testing.Short() {
		n = short
	}
	var err error
	if text := os.Getenv("DEEPRC_CHAOS_RUNS"); text != "" {
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	if text := os.Getenv("DEEPRC_CHAOS_SEED"); text != "" {
		if first, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		seeds = append(seeds, first+uint64(i))
	}
	return seeds
}

// chaosScript is the command of the tasks e0 …: its arguments are the tasks that it comes after. Line n of the file of its name in $CHAOS is
// what happens in its start number n, on one of its ranks.
const chaosScript = `set -eu
echo "$DEEPRC_ATTEMPT" >> begun.$RANK
n=$(wc -l < begun.$RANK)
kind= rank= of=
[ ! -e "$CHAOS/$DEEPRC_TASK" ] || { line=$(sed -n "${n}p" "$CHAOS/$DEEPRC_TASK"); set -f; read kind rank of <<END
$line
END
}
[ "$rank" = "$RANK" ] || kind=
case $kind in
fail) echo "no luck"; exit 3 ;;
crash) kill -9 $$ ;;
hang) exec sleep 100 ;;
kill) kill -9 $PPID; exec sleep 100 ;;
stop) kill -TERM $PPID ;;
drain) kill -INT $PPID ;;
cancel) "$DEEPRC" cancel "$DEEPRC_RUN" "$of" || true ;;
esac
set +f
{ echo "$DEEPRC_TASK" "$RANK"; for d; do cat ../$d/out.*; done; } | sha256sum > new.$RANK
mv new.$RANK out.$RANK
`

var chaosKinds = []string{"fail", "fail", "crash", "hang", "kill", "kill", "stop", "drain", "cancel", "cancel"}

const (
	chaosTasks    = 25 // of commands; with preprocess, two trainings, evaluate and predict 30
	chaosSessions = 25
	chaosDeadline = 90 * time.Second // of one session
)

// chaosConfig is t.toml of the disturbed runs, and the ranks of each command.
func chaosConfig(dir string) (text string, ranks []int) {
	b := &strings.Builder{}
	fmt.Fprint(b, `[data]
path = "t.csv"
[windows]
lookback = 24
horizon = 6
[[model]]
name = "a"
net = "nlinear"
[[model]]
name = "b"
net = "dlinear"
[train]
steps = 300
val_every = 50
patience = 0
checkpoint_every = "10 steps"
[evaluate]
plots = 1
[[task]]
stage = "preprocess"
ranks = 2
retries = 1
backoff = "10ms"
[[task]]
name = "a"
stage = "train"
models = ["a"]
ranks = 2
after = ["preprocess"]
[[task]]
name = "b"
stage = "train"
models = ["b"]
after = ["preprocess", "e3"]
[[task]]
stage = "evaluate"
ranks = 3
after = ["a", "b"]
[[task]]
stage = "predict"
data = "t.csv"
after = ["evaluate", "e12"]
`)
	r := rand.New(rand.NewPCG(11, 12))
	for i := range chaosTasks {
		n := 1 + r.IntN(3)
		ranks = append(ranks, n)
		var after []string
		for k := max(0, i-8); k < i; k++ {
			if r.IntN(4) == 0 {
				after = append(after, fmt.Sprint("e", k))
			}
		}
		command := append([]string{"sh", filepath.Join(dir, "task.sh")}, after...)
		if i == chaosTasks/2 {
			after = append(after, "a")
		}
		fmt.Fprintf(b, "[[task]]\nname = \"e%d\"\nstage = \"exec\"\nranks = %d\ntimeout = \"3s\"\nretries = 2\nbackoff = \"10ms\"\nafter = [%s]\ncommand = [%s]\n", i, n, quoted(after), quoted(command))
	}
	return b.String(), ranks
}

func quoted(words []string) string {
	var out []string
	for _, w := range words {
		out = append(out, strconv.Quote(w))
	}
	return strings.Join(out, ", ")
}

// chaosFolder is a folder with the config, its data, its script and an empty folder of faults.
func chaosFolder(t *testing.T) (dir string, ranks []int) {
	dir = folder(t, nil)
	text, ranks := chaosConfig(dir)
	for name, text := range map[string]string{"t.toml": text, "task.sh": chaosScript} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "chaos"), 0o777); err != nil {
		t.Fatal(err)
	}
	return dir, ranks
}

// chaosResult is what a run leaves for its user: files by name, and metrics.
func chaosResult(t *testing.T, run string) map[string]any {
	t.Helper()
	out := map[string]any{}
	names, err := filepath.Glob(filepath.Join(run, "tasks", "e*", "out.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, filepath.Join(run, "model.safetensors"), filepath.Join(run, "forecasts.parquet"), filepath.Join(run, "tasks", "predict", "predictions.csv")) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		rel, _ := filepath.Rel(run, name)
		out[rel] = text
	}
	text, err := os.ReadFile(filepath.Join(run, "metrics.json"))
	if err != nil {
		t.Error(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Error(err)
	}
	out["metrics"] = m["test"]
	return out
}

// chaosJournal reads a run's journal: the tasks that are done, and one that was started after that; a last line may be torn.
func chaosJournal(t *testing.T, run string) (done map[string]bool, repeated string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(run, "journal.jsonl"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	done = map[string]bool{}
	for _, line := range bytes.SplitAfter(text, []byte("\n")) {
		var e struct{ Task, State string }
		if !bytes.HasSuffix(line, []byte("\n")) || json.Unmarshal(line, &e) != nil {
			continue
		}
		if e.State == "running" && done[e.Task] {
			repeated = e.Task
		}
		if e.State == "done" {
			done[e.Task] = true
		}
	}
	return done, repeated
}

// starts counts what a task's commands have begun.
func starts(t *testing.T, run, task string) (n int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(run, "tasks", task, "begun.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n += bytes.Count(text, []byte("\n"))
	}
	return n
}

// Runs of 30 tasks on 4 ranks whose commands fail, crash, hang, cancel others, and stop, interrupt or kill the run; and that are killed from
// outside at any moment, in training, too. Each goes on until all is done, hangs nowhere, repeats no task that was done, and leaves what
// a run leaves that nothing disturbs. A panic is a matter of TestPilotChaos.
func TestChaos(t *testing.T) {
	whole, ranks := chaosFolder(t)
	if code, out := chaosSession(t, whole, 0); code != 0 {
		t.Fatalf("the undisturbed run: exit code %d\n%s", code, out)
	}
	wholeRun := filepath.Join(whole, "runs", "run-7")
	want := chaosResult(t, wholeRun)
	if done, _ := chaosJournal(t, wholeRun); len(done) != chaosTasks+5 || len(want) < chaosTasks+4 {
		t.Fatalf("%d tasks done, %d results", len(done), len(want))
	}
	var count chaosCount
	for _, seed := range chaosRuns(t, 2, 4) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) { count.add(disturb(t, seed, ranks, want)) })
	}
	t.Logf("%+v", count)
}

// chaosCount is how sessions ended.
type chaosCount struct{ Runs, Sessions, Done, Failed, Stopped, Interrupted, Killed, Resumed int }

func (c *chaosCount) add(d chaosCount) {
	a, b := reflect.ValueOf(c).Elem(), reflect.ValueOf(d)
	for i := range a.NumField() {
		a.Field(i).SetInt(a.Field(i).Int() + b.Field(i).Int())
	}
}

// chaosSession starts the run, or goes on with it, and kills it after a while unless that is 0.
func chaosSession(t *testing.T, dir string, kill time.Duration) (code int, out string) {
	t.Helper()
	cmd := command(t, dir, "run", "t.toml", "--job", "7", "--ranks", "4", "--no-cache")
	cmd.Env = append(cmd.Env, "CHAOS="+filepath.Join(dir, "chaos"), "DEEPRC="+binary(t))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if kill > 0 {
		defer time.AfterFunc(kill, func() { cmd.Process.Kill() }).Stop()
	}
	hangs := time.AfterFunc(chaosDeadline, func() { cmd.Process.Signal(syscall.SIGQUIT) }) // prints all goroutines
	err := cmd.Wait()
	if !hangs.Stop() {
		t.Fatalf("it has not ended after %v\n%s", chaosDeadline, said.String())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v\n%s", err, said.String())
	}
	s := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if s.Signaled() {
		return -int(s.Signal()), said.String()
	}
	return s.ExitStatus(), said.String()
}

func disturb(t *testing.T, seed uint64, ranks []int, want map[string]any) (count chaosCount) {
	r := rand.New(rand.NewPCG(seed, 1))
	dir, _ := chaosFolder(t)
	for i, n := range ranks {
		var lines []string
		for range 1 + r.IntN(2) {
			lines = append(lines, fmt.Sprintln(chaosKinds[r.IntN(len(chaosKinds))], r.IntN(n), fmt.Sprint("e", r.IntN(chaosTasks))))
		}
		if r.IntN(4) == 0 {
			if err := os.WriteFile(filepath.Join(dir, "chaos", fmt.Sprint("e", i)), []byte(strings.Join(lines, "")), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	kills := r.IntN(4)
	run := filepath.Join(dir, "runs", "run-7")
	count.Runs = 1
	began := map[string]int{} // starts of each task that was done after an earlier session
	for session := 1; ; session++ {
		kill := time.Duration(0)
		if session <= kills {
			kill = time.Duration(1+r.IntN(2000)) * time.Millisecond
		}
		code, out := chaosSession(t, dir, kill)
		count.Sessions++
		done, repeated := chaosJournal(t, run)
		if repeated != "" {
			t.Fatalf("session %d began %s again, which was done\n%s", session, repeated, out)
		}
		for task, n := range began {
			if now := starts(t, run, task); now != n {
				t.Fatalf("%s was done after %d starts of its command, and there were %d after session %d\n%s", task, n, now, session, out)
			}
		}
		for task := range done {
			if _, known := began[task]; !known {
				began[task] = starts(t, run, task)
			}
		}
		switch code {
		case 0:
			if len(done) == chaosTasks+5 {
				count.Done++
				got := chaosResult(t, run)
				for name, v := range want {
					if !reflect.DeepEqual(got[name], v) {
						t.Errorf("%s is not that of the undisturbed run", name)
					}
				}
				if len(got) != len(want) {
					t.Errorf("%d results, want %d", len(got), len(want))
				}
				wantNoTemporary(t, run)
				return count
			}
			if err := os.Remove(filepath.Join(run, "cancel.txt")); err != nil {
				t.Fatalf("session %d ended well with %d tasks done, none cancelled: %v\n%s", session, len(done), err, out)
			}
			count.Resumed++
		case exitRun:
			count.Failed++
			if !strings.Contains(out, "attempt 3 of 3") {
				t.Fatalf("session %d failed, but no task had used up its attempts\n%s", session, out)
			}
		case exitStopped:
			count.Stopped++
		case -int(syscall.SIGINT):
			count.Interrupted++
		case -int(syscall.SIGKILL):
			count.Killed++
		default:
			t.Fatalf("session %d: exit code %d\n%s", session, code, out)
		}
		if session == chaosSessions {
			t.Fatalf("not done after %d sessions, %d of %d tasks\n%s", session, len(done), chaosTasks+5, out)
		}
	}
}

// wantNoTemporary checks that nothing half written is left.
func wantNoTemporary(t *testing.T, run string) {
	t.Helper()
	err := filepath.WalkDir(run, func(path string, e fs.DirEntry, err error) error {
		if name := e.Name(); err == nil && strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".tmp") {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
