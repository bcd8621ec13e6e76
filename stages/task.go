package stages

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"deeprc/frame"
)

// A Task asks for ranks, and runs on a private communicator of them.
type Task struct {
	Name  string
	After []string // tasks that must have ended before
	Request

	Run  func(*Env) error // on each of its ranks; its return is its end there
	Logs bool             // each of its ranks keeps a log, else the first alone

	at string // where its request for ranks stands in a config; "" for nowhere
}

// A Request is what a task asks for, and what becomes of it when it fails.
type Request struct {
	Ranks     Ranks
	PerNode   int           // ranks on each of its nodes; 0: any
	GPUs      int           // that each of its ranks has at least
	Memory    int64         // bytes that each of its ranks has at least
	Priority  int           // of two ready tasks that with the higher one starts first
	Timeout   time.Duration // of one attempt; 0: none
	Retries   int           // further attempts after a failed one
	Backoff   time.Duration // before the first of them; twice as long before each later one, at most maxBackoff
	OnFailure OnFailure
}

// Ranks is a number of ranks from Min to Max, as many as are free; the zero value is all.
type Ranks struct{ Min, Max int }

func (r Ranks) String() string {
	switch {
	case r == Ranks{}:
		return "all"
	case r.Min == r.Max:
		return strconv.Itoa(r.Min)
	case r.Max == maxRequest:
		return fmt.Sprintf("%d or more", r.Min)
	}
	return fmt.Sprintf("%d-%d", r.Min, r.Max)
}

var rankRange = regexp.MustCompile(`^(\d{1,9})-(\d{1,9})$`)

// parseRanks reads a number, a range as "2-4", or "all".
func parseRanks(v any) (Ranks, error) {
	var r Ranks
	switch v := v.(type) {
	case int64:
		r = Ranks{int(v), int(v)}
	case string:
		if v == "all" {
			return r, nil
		}
		m := rankRange.FindStringSubmatch(v)
		if m == nil {
			return r, fmt.Errorf("ranks = %q: want a number, a range as \"2-4\", or \"all\"", v)
		}
		r.Min, _ = strconv.Atoi(m[1])
		r.Max, _ = strconv.Atoi(m[2])
	default:
		return r, fmt.Errorf("ranks = %v: want a number, a range as \"2-4\", or \"all\"", v)
	}
	if r.Min < 1 || r.Max < r.Min {
		return r, fmt.Errorf("ranks = %v: want at least 1, and a range to begin with its lower number", v)
	}
	return r, nil
}

// OnFailure says what a task that has failed for good means for the others.
type OnFailure string

const (
	FailureSkips     OnFailure = "skip"     // the tasks after it are left out
	FailureStops     OnFailure = "stop"     // no task starts any more
	FailureContinues OnFailure = "continue" // the tasks after it start all the same
)

// maxBackoff bounds the time between two attempts.
const maxBackoff = 10 * time.Minute

// RequestConfig is a [Request] as [[task]] and [sweep] have it.
type RequestConfig struct {
	Ranks     any    `toml:"ranks" default:"1" doc:"ranks that it runs on: a number, a range as \"2-4\" (as many as are free), or \"all\""`
	PerNode   int    `toml:"ranks_per_node" default:"0" doc:"ranks on each node that it runs on; 0: wherever there are any"`
	GPUs      int    `toml:"gpus" default:"0" doc:"GPUs that each of its ranks must have; a command sees these alone (CUDA_VISIBLE_DEVICES), and with 0 none, other stages compute on the CPU all the same; ranks of a node that see the same GPUs have a part of them each, so that none has two tasks"`
	Memory    string `toml:"memory" default:"" doc:"memory that each of its ranks must have, as 8GiB; a rank has its part of its node's; empty: any"`
	Priority  int    `toml:"priority" default:"0" doc:"of two tasks that could start, that of the higher one does"`
	Timeout   string `toml:"timeout" default:"" doc:"after which an attempt is ended and has failed, as 90s or 2h; empty: never. The policy backfill counts on it, too"`
	Retries   int    `toml:"retries" default:"0" doc:"further attempts after one that has failed"`
	Backoff   string `toml:"backoff" default:"1s" doc:"before the first of them; it doubles with each, up to 10m; empty: none"`
	OnFailure string `toml:"on_failure" default:"skip" doc:"when the last attempt has failed: skip leaves out the tasks after it, stop starts no task any more, continue goes on as if it had succeeded; the run's exit code is 1 in any case"`
}

// maxRetries and maxRequest bound what a config may ask for.
const (
	maxRetries = 1000
	maxRequest = 1 << 24 // ranks, GPUs
)

// request reads r; an error is of the key returned.
func (r RequestConfig) request() (q Request, key string, err error) {
	if q.Ranks, err = parseRanks(r.Ranks); err != nil {
		return q, "ranks", err
	}
	q.PerNode, q.GPUs, q.Priority, q.Retries, q.OnFailure = r.PerNode, r.GPUs, r.Priority, r.Retries, OnFailure(r.OnFailure)
	switch {
	case q.Ranks.Max > maxRequest:
		return q, "ranks", fmt.Errorf("ranks = %v: at most %d", q.Ranks, maxRequest)
	case q.PerNode < 0 || q.PerNode > maxRequest:
		return q, "ranks_per_node", fmt.Errorf("ranks_per_node = %d: want 0 to %d", q.PerNode, maxRequest)
	case q.PerNode > 0 && q.Ranks.Max > 0 && q.Ranks.Max/q.PerNode < (q.Ranks.Min+q.PerNode-1)/q.PerNode:
		return q, "ranks_per_node", fmt.Errorf("ranks = %v is no multiple of ranks_per_node = %d", q.Ranks, q.PerNode)
	case q.GPUs < 0 || q.GPUs > maxRequest:
		return q, "gpus", fmt.Errorf("gpus = %d: want 0 to %d", q.GPUs, maxRequest)
	case q.Retries < 0 || q.Retries > maxRetries:
		return q, "retries", fmt.Errorf("retries = %d: want 0 to %d", q.Retries, maxRetries)
	case q.OnFailure != FailureSkips && q.OnFailure != FailureStops && q.OnFailure != FailureContinues:
		return q, "on_failure", fmt.Errorf("on_failure = %q%s", r.OnFailure, didYouMean(r.OnFailure, []string{"skip", "stop", "continue"}))
	}
	if q.Memory, err = parseBytes(r.Memory); err != nil {
		return q, "memory", fmt.Errorf("memory = %q: %w", r.Memory, err)
	}
	if r.Timeout != "" {
		if q.Timeout, err = frame.ParseDuration(r.Timeout); err != nil {
			return q, "timeout", fmt.Errorf("timeout: %w", err)
		}
	}
	if r.Backoff != "" {
		if q.Backoff, err = frame.ParseDuration(r.Backoff); err != nil {
			return q, "backoff", fmt.Errorf("backoff: %w", err)
		}
	}
	return q, "", nil
}

// delay is the time before attempt number n, 2 being the first retry.
func (q Request) delay(n int) time.Duration {
	d := q.Backoff
	for ; n > 2 && d < maxBackoff; n-- {
		d *= 2
	}
	return min(d, maxBackoff)
}
