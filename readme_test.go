package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The commands in README.md's ```sh blocks run as they stand, in order, in a
// folder that has the binary and inputs/ (and ETTh1, where DEEPRC_DATA names a
// folder with ett/ETTh1.csv). Blocks without sh need the network or a cluster.
func TestReadmeCommands(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(binary(t), filepath.Join(dir, "deeprc")); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(here, "inputs"), filepath.Join(dir, "inputs")); err != nil {
		t.Fatal(err)
	}
	run := func(line string) string {
		cmd := exec.Command("bash", "-euc", line)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "DEEPRC_PLUGINS="+here)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v\n%s", line, err, out)
		}
		return string(out)
	}
	data := os.Getenv("DEEPRC_DATA")
	if data != "" {
		run("./deeprc data fetch etth1 --from '" + filepath.Join(data, "ett") + "'")
	}
	n := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for _, line := range strings.Split(strings.TrimSpace(block[1]), "\n") {
			if strings.Contains(line, "etth1") && data == "" {
				t.Logf("not run without DEEPRC_DATA: %s", line)
				continue
			}
			if _, err := os.Stat("libdeeprc-gloo.so"); err != nil && strings.Contains(line, "--comm gloo") {
				t.Logf("not run without the Gloo plugin of make build: %s", line)
				continue
			}
			out := run(line)
			n++
			if strings.HasPrefix(line, "./deeprc run") && !strings.Contains(out, "report: ") {
				t.Errorf("%s printed no report:\n%s", line, out)
			}
		}
	}
	if n < 4 {
		t.Fatalf("only %d commands were found in README.md", n)
	}
}
