package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// plain starts the program in n plain processes that meet as meet says, and returns what each prints and the first error. It skips without Gloo's plugin.
func plain(t *testing.T, n int, meet []string, dir string, args ...string) (out []string, err error) {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(here, "libdeeprc-gloo.so")); err != nil {
		t.Skipf("make build has not made the plugin: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out = make([]string, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for r := range n {
		cmd := exec.CommandContext(ctx, binary(t), append(args, "--comm", "gloo")...)
		cmd.Dir, cmd.WaitDelay = dir, time.Second
		cmd.Env = append(append(os.Environ(), "DEEPRC_PLUGINS="+here, fmt.Sprint("RANK=", r), "WORLD_SIZE=3"), meet...)
		wg.Go(func() {
			var b []byte
			b, errs[r] = cmd.CombinedOutput()
			out[r] = string(b)
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		t.Fatalf("the processes did not end:\n%s", strings.Join(out, "\n"))
	}
	for _, e := range errs {
		if e != nil {
			return out, e
		}
	}
	return out, nil
}

func byTCP(t *testing.T) []string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return []string{"MASTER_ADDR=127.0.0.1", fmt.Sprint("MASTER_PORT=", l.Addr().(*net.TCPAddr).Port)}
}

// TestGloo: three plain processes without any MPI give the results of one rank.
func TestGloo(t *testing.T) {
	for name, meet := range map[string][]string{"tcp": byTCP(t), "file": {"DEEPRC_RENDEZVOUS=file:" + t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, nil)
			out, err := plain(t, 3, meet, dir, "run", "t.toml", "--dir", "r3")
			if err != nil || !strings.Contains(out[0], "report: r3/run-") || out[1]+out[2] != "" {
				t.Fatalf("%v\n%s", err, strings.Join(out, "\n"))
			}
			if code, _, stderr := deeprc(t, dir, "run", "t.toml", "--dir", "r1"); code != 0 {
				t.Fatal(stderr)
			}
			sameResults(t, filepath.Join(dir, "r1"), filepath.Join(dir, "r3"))
		})
	}
	t.Run("bad cell", func(t *testing.T) {
		dir := folder(t, func(l []string) []string { l[450] = "2020-01-19 17:00:00,1.5,oops"; return l })
		out, err := plain(t, 3, byTCP(t), dir, "run", "t.toml")
		for r := range out { // each may have a terminal of its own
			if err == nil || !strings.Contains(out[r], "deeprc: rank 2 (") || !strings.Contains(out[r], "t.csv:451:") {
				t.Errorf("rank %d: %v\n%s", r, err, out[r])
			}
		}
	})
	t.Run("missing rank", func(t *testing.T) {
		begin := time.Now()
		out, err := plain(t, 2, append(byTCP(t), "DEEPRC_JOIN_TIMEOUT=1s"), folder(t, nil), "run", "t.toml")
		for r := range out {
			if err == nil || !strings.Contains(out[r], "rank 2 has not come within 1s") {
				t.Errorf("rank %d: %v\n%s", r, err, out[r])
			}
		}
		if d := time.Since(begin); d > 20*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}
