package collective_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"deeprc/collective"
	"deeprc/collective/commtest"
)

// chaosFailures is the number of random failures on each backend: a few, or DEEPRC_TEST_CHAOS.
func chaosFailures(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("DEEPRC_TEST_CHAOS"))
	if err != nil {
		return 20
	}
	return n
}

// chaosSeed is DEEPRC_TEST_SEED, else 1.
func chaosSeed() int {
	if n, err := strconv.Atoi(os.Getenv("DEEPRC_TEST_SEED")); err == nil {
		return n
	}
	return 1
}

func TestLocalChaos(t *testing.T) {
	if os.Getenv(modeVar) != "" {
		t.Skip("already a rank")
	}
	var kinds map[string]int
	if err := collective.RunLocal(5, func(c collective.Comm) error {
		k, err := commtest.Chaos(c, uint64(chaosSeed()), chaosFailures(t))
		if c.Rank() == 0 {
			kinds = k
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	t.Logf("failures: %s", commtest.Kinds(kinds))
}

// TestChaos makes random failures in worlds of processes: nine in ten in tasks of one world, the tenth the end, a stop or a
// pause of a process, which needs a world each. Every error must name the rank and the cause, and nothing may hang.
func TestChaos(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend, plugins string) {
		seed, n := chaosSeed(), chaosFailures(t)
		out, err := launch(t, backend, plugins, "chaos", 4, fmt.Sprint("DEEPRC_TEST_SEED=", seed), fmt.Sprint("DEEPRC_TEST_ROUNDS=", n-n/10))
		if err != nil {
			t.Errorf("seed %d: %v\n%s", seed, err, out)
		}
		_, kinds, _ := strings.Cut(out, "CHAOS ")
		kinds, _, _ = strings.Cut(kinds, "\n")
		t.Logf("in tasks: %s", kinds)
		for i := range n / 10 {
			fate := []string{"kill", "stop", "pause"}[i%3]
			victim := (seed + i) % 4
			start := time.Now()
			out, err := launch(t, backend, plugins, "fate", 4, fmt.Sprint("DEEPRC_TEST_SEED=", seed+i), fmt.Sprint("DEEPRC_TEST_RANK=", victim),
				"DEEPRC_TEST_FATE="+fate, "DEEPRC_TIMEOUT=2s")
			if (err == nil) != (fate == "pause") {
				t.Errorf("%s of rank %d, seed %d: %v\n%s", fate, victim, seed+i, err, out)
			}
			text := named(backend, fate, victim, out)
			if fate != "pause" && text == "" {
				t.Errorf("%s of rank %d, seed %d: it is not named in\n%s", fate, victim, seed+i, out)
			}
			t.Logf("%s of rank %d: %v: %s", fate, victim, time.Since(start).Round(10*time.Millisecond), text)
		}
	})
}

// named is the line of out that says what became of rank victim.
func named(backend, fate string, victim int, out string) string {
	marks := map[string][]string{
		"kill": {"its process (pid ", "was closed: it was killed", "exited on signal 9"},
		"stop": {"which does not answer: it is stopped"},
	}[fate]
	for _, line := range strings.Split(out, "\n") {
		for _, m := range marks {
			if strings.Contains(line, m) && strings.Contains(line, fmt.Sprintf("rank %d", victim)) {
				return line
			}
		}
	}
	return ""
}

// TestShrink: the ranks that live go on after two processes were killed, one after the other.
func TestShrink(t *testing.T) {
	each(t, []string{"gloo"}, func(t *testing.T, backend, plugins string) {
		out, err := launch(t, backend, plugins, "shrink", 4)
		if err == nil || strings.Count(out, "SURVIVED") != 2 || strings.Contains(out, "PRINTED") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}
