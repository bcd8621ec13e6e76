package mesh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestJoin(t *testing.T) {
	for _, size := range []int{1, 2, 5} {
		for name, c := range map[string]Config{
			"tcp":       {Address: freeAddress(t, "127.0.0.1")},
			"localhost": {Address: "localhost:" + port(freeAddress(t, "127.0.0.1"))},
			"folder":    {Folder: filepath.Join(t.TempDir(), "new")},
			"loopback":  {Folder: t.TempDir(), Interface: "127.0.0.0/8"},
		} {
			t.Run(fmt.Sprintf("%s %d", name, size), func(t *testing.T) {
				wantNoLeak(t)
				c.Size, c.Key = size, "k"
				all := worldOf(t, c)
				own, _ := os.Hostname()
				for r, j := range all {
					if j.m.Rank() != r || j.m.Size() != size {
						t.Errorf("rank %d of %d, want %d of %d", j.m.Rank(), j.m.Size(), r, size)
					}
					if ip := net.ParseIP(j.m.Address()); ip == nil || name != "folder" && !ip.IsLoopback() {
						t.Errorf("the own address of rank %d is %q", r, j.m.Address())
					}
					for to := range size {
						if j.m.Host(to) != printable(own) {
							t.Errorf("the host of rank %d is %q, want %q", to, j.m.Host(to), own)
						}
						j.m.Send(to, 1, []byte("hi"))
					}
				}
				for _, j := range all {
					j.h.until(t, "a message from each", func() bool { return len(j.h.messages) == size })
				}
				for _, j := range all {
					j.m.Close()
					j.h.wantNoneLost(t)
				}
				if c.Folder != "" && size > 1 {
					if left, err := os.ReadDir(c.Folder); err != nil || len(left) != 0 {
						t.Errorf("left in the folder: %v, %v", left, err)
					}
				}
			})
		}
	}
}

func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}

func TestJoinIPv6(t *testing.T) {
	all := worldOf(t, Config{Size: 3, Address: freeAddress(t, "::1")})
	for r, j := range all {
		if j.m.Address() != "::1" {
			t.Errorf("the own address of rank %d is %q", r, j.m.Address())
		}
		j.m.Send((r+1)%3, 1, nil)
	}
	for _, j := range all {
		j.h.until(t, "a message", func() bool { return len(j.h.messages) == 1 })
	}
}

// Ranks that come before rank 0 wait for it; rank 0's Silence counts.
func TestJoinLeadLast(t *testing.T) {
	for name, c := range map[string]Config{
		"tcp":    {Address: freeAddress(t, "127.0.0.1")},
		"folder": {Folder: t.TempDir()},
	} {
		c.Size, c.Silence = 3, time.Hour
		var all []<-chan joined
		for c.Rank = 2; c.Rank >= 0; c.Rank-- {
			if c.Rank == 0 {
				time.Sleep(100 * time.Millisecond)
				c.Silence = 5 * time.Second
			}
			all = append(all, joinAsync(t.Context(), t, c))
		}
		for _, j := range results(t, all...) {
			if j.err != nil {
				t.Fatalf("%s: %v", name, j.err)
			}
			if j.m.c.Silence != 5*time.Second || j.m.c.pulse != 5*time.Second/4 {
				t.Errorf("%s: rank %d has silence %v and pulse %v", name, j.m.Rank(), j.m.c.Silence, j.m.c.pulse)
			}
		}
	}
}

func TestJoinMissing(t *testing.T) {
	t.Parallel()
	c := Config{Size: 6, Folder: t.TempDir(), Timeout: time.Second, Source: "RANK, WORLD_SIZE"}
	var all []<-chan joined
	for _, c.Rank = range []int{0, 1, 3, 4} {
		all = append(all, joinAsync(t.Context(), t, c))
	}
	done := results(t, all...)
	_, text, _ := strings.Cut(done[0].err.Error(), "): ")
	for _, j := range done {
		wantError(t, j.err, "ranks 2, 5 have not come within 1s to rank 0", "of 6 ranks are here: rank 0 (host ", "rank 4 (host", text)
	}
}

func TestJoinMissingNamesStrays(t *testing.T) {
	c := Config{Size: 2, Address: freeAddress(t, "127.0.0.1"), Timeout: time.Second, Key: "a"}
	lead := joinAsync(t.Context(), t, c)
	c.Rank, c.Key = 1, "b"
	all := results(t, lead, joinAsync(t.Context(), t, c))
	wantError(t, all[0].err, "rank 1 has not come within 1s to rank 0, which waited at 127.0.0.1:", "strays turned away: ", "it has another key")
	wantError(t, all[1].err, "rank 1 of 2: rank 0 was not reached within 1s", "another key", "MASTER_ADDR", "firewall", "DEEPRC_INTERFACE")
}

func TestJoinLeadMissing(t *testing.T) {
	wantNoLeak(t)
	address, folder := freeAddress(t, "127.0.0.1"), t.TempDir()
	c := Config{Rank: 1, Size: 2, Timeout: 200 * time.Millisecond}
	c.Address = address
	tcp := joinAsync(t.Context(), t, c)
	c.Address, c.Folder = "", folder
	all := results(t, tcp, joinAsync(t.Context(), t, c))
	wantError(t, all[0].err, address, "connection refused", "MASTER_ADDR and MASTER_PORT")
	wantError(t, all[1].err, folder, "rank 0 has not started")
}

// A process of the same rank ends the world at once, and is named beside the first.
func TestJoinDuplicate(t *testing.T) {
	wantNoLeak(t)
	c := Config{Size: 4, Address: freeAddress(t, "127.0.0.1")}
	all := []<-chan joined{joinAsync(t.Context(), t, c)}
	var told []net.Conn
	for _, c.Rank = range []int{1, 2} {
		told = append(told, bare(t, c, "127.0.0.1:5"))
	}
	c.Rank = 1
	all = append(all, joinAsync(t.Context(), t, c))
	want := fmt.Sprintf("two processes have the same rank: rank 1 (host bare, process 0) and rank 1 (host %s, process %d)", printable(hostName()), os.Getpid())
	for _, conn := range told {
		wantTold(t, conn, want)
	}
	for _, j := range results(t, all...) {
		wantError(t, j.err, want)
		if j.took > patience/2 {
			t.Errorf("told after %v", j.took)
		}
	}
}

func TestJoinDuplicateLead(t *testing.T) {
	t.Parallel()
	c := Config{Size: 2, Folder: t.TempDir(), Timeout: 3 * time.Second}
	first := joinAsync(t.Context(), t, c)
	for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(time.Millisecond) {
		if list, _ := filepath.Glob(filepath.Join(c.Folder, "deeprc-*")); len(list) == 1 {
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	second := joinAsync(ctx, t, c)
	wantError(t, results(t, first)[0].err, "two processes have the same rank: rank 0 (host ", fmt.Sprintf("process %d), which has written %s", os.Getpid(), c.Folder))
	cancel()
	results(t, second)
}

func TestJoinOtherSize(t *testing.T) {
	c := Config{Size: 3, Address: freeAddress(t, "127.0.0.1"), Source: "RANK=0, WORLD_SIZE=3"}
	all := []<-chan joined{joinAsync(t.Context(), t, c)}
	c.Rank = 1
	told := bare(t, c, "127.0.0.1:5")
	c.Rank, c.Size, c.Source = 7, 8, "SLURM_PROCID=7, SLURM_NTASKS=8"
	all = append(all, joinAsync(t.Context(), t, c))
	wantTold(t, told, "the numbers of ranks differ")
	for _, j := range results(t, all...) {
		wantError(t, j.err, "the numbers of ranks differ: rank 7 (host ", "started with 8 (SLURM_PROCID=7, SLURM_NTASKS=8), rank 0 (host ", "with 3 (RANK=0, WORLD_SIZE=3)")
		if j.took > patience/2 {
			t.Errorf("told after %v", j.took)
		}
	}
}

// A note of an earlier run, of whatever content, stops nobody.
func TestJoinStaleNote(t *testing.T) {
	t.Parallel()
	stranger, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	go http.Serve(stranger, http.NotFoundHandler())
	for name, text := range map[string]string{
		"nobody":   string(mustJSON(note{Addresses: []string{freeAddress(t, "127.0.0.1")}, Host: "h", Pid: 1, ID: "x"})),
		"stranger": string(mustJSON(note{Addresses: []string{stranger.Addr().String()}, Host: "h", Pid: 1, ID: "x"})),
		"garbage":  "{\x00",
		"empty":    "",
		"name":     string(mustJSON(note{Addresses: []string{"example.org:80"}})),
	} {
		t.Run(name, func(t *testing.T) {
			c := Config{Size: 2, Folder: t.TempDir(), Key: "k", Timeout: 2 * time.Second}
			path := (&joining{Config: c, secret: secretOf(c.Key)}).notePath()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c.Rank = 1
			follower := joinAsync(t.Context(), t, c)
			time.Sleep(50 * time.Millisecond)
			c.Rank = 0
			for _, j := range results(t, joinAsync(t.Context(), t, c), follower) {
				if j.err != nil {
					t.Error(j.err)
				}
			}
		})
	}
}

func TestJoinFolderUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Join(t.Context(), Config{Size: 2, Folder: file}, newRecorder())
	wantError(t, err, file, "rank 0", "DEEPRC_RENDEZVOUS")
}

func TestJoinPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Join(t.Context(), Config{Size: 2, Address: l.Addr().String()}, newRecorder())
	wantError(t, err, "cannot listen", l.Addr().String(), "taken by another run")
}

func TestJoinCancel(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, c := range map[string]Config{
		"rank 0":          {Rank: 0, Address: freeAddress(t, "127.0.0.1")},
		"no rank 0":       {Rank: 1, Address: freeAddress(t, "127.0.0.1")},
		"silent rank 0":   {Rank: 1, Address: silent.Addr().String()},
		"no note in time": {Rank: 1, Folder: t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			wantNoLeak(t)
			c.Size = 2
			ctx, cancel := context.WithCancel(t.Context())
			out := joinAsync(ctx, t, c)
			time.Sleep(50 * time.Millisecond)
			cancel()
			j := results(t, out)[0]
			wantError(t, j.err, "cancelled")
			if !errors.Is(j.err, context.Canceled) || j.took > 2*time.Second {
				t.Errorf("after %v: %v", j.took, j.err)
			}
		})
	}
}

// One that is cancelled when it has reached rank 0 ends the others' waiting.
func TestJoinCancelIsTold(t *testing.T) {
	for cancelled := range 2 {
		wantNoLeak(t)
		c := Config{Size: 3, Address: freeAddress(t, "127.0.0.1")}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var all []<-chan joined
		for c.Rank = range 2 {
			if c.Rank == cancelled {
				all = append(all, joinAsync(ctx, t, c))
			} else {
				all = append(all, joinAsync(t.Context(), t, c))
			}
		}
		c.Rank = 2
		conn := bare(t, c, "127.0.0.1:5")
		if kind, _, err := readFrame(conn, maxBody); err != nil || kind != kindTable { // all have reached rank 0
			t.Fatal(kind, err)
		}
		cancel()
		wantTold(t, conn, fmt.Sprintf("rank %d (host ", cancelled))
		for r, j := range results(t, all...) {
			if r == cancelled {
				wantError(t, j.err, "cancelled while the world came together")
			} else { // by the one that is cancelled, or as its connection is gone before it knows of its welcome
				wantError(t, j.err, fmt.Sprintf("rank %d (host ", cancelled), "while the world came together")
			}
			if j.took > patience/2 {
				t.Errorf("told after %v", j.took)
			}
		}
	}
}

// Strays at rank 0's port, silent, talkative or gone, do not disturb.
func TestJoinStrays(t *testing.T) {
	wantNoLeak(t)
	c := Config{Size: 3, Address: freeAddress(t, "127.0.0.1")}
	all := []<-chan joined{joinAsync(t.Context(), t, c)}
	c.Rank = 1
	all = append(all, joinAsync(t.Context(), t, c))
	time.Sleep(100 * time.Millisecond)
	client := http.Client{Timeout: patience}
	if r, err := client.Get("http://" + c.Address + "/"); err == nil {
		r.Body.Close()
		t.Errorf("an answer to HTTP: %v", r.Status)
	}
	client.CloseIdleConnections()
	for _, text := range []string{"", "x", magic, strings.Repeat("\x00\xff", 1<<12)} {
		conn, err := net.Dial("tcp", c.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() // some stay open
		io.WriteString(conn, text)
	}
	gone, err := net.Dial("tcp", c.Address)
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	c.Rank = 2
	all = append(all, joinAsync(t.Context(), t, c))
	for _, j := range results(t, all...) {
		if j.err != nil {
			t.Fatal(j.err)
		}
		if j.took > patience/2 {
			t.Errorf("together after %v", j.took)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for text, c := range map[string]Config{
		"a world of 0 ranks":      {Address: "h:1"},
		"a world of 65537 ranks":  {Size: 65537, Address: "h:1"},
		"rank 2 of 2":             {Rank: 2, Size: 2, Address: "h:1"},
		"rank -1 of 2":            {Rank: -1, Size: 2, Address: "h:1"},
		"and not both":            {Size: 2, Address: "h:1", Folder: "/f"},
		"or a shared folder":      {Size: 2},
		"a negative time":         {Size: 2, Address: "h:1", Timeout: -1},
		"of silence -1ns":         {Size: 2, Address: "h:1", Silence: -1},
		`"h": want host:port`:     {Size: 2, Address: "h"},
		`":5": want host:port`:    {Size: 2, Address: ":5"},
		`"h:0": want host:port`:   {Size: 2, Address: "h:0"},
		`"::1:5": want host:port`: {Size: 2, Address: "::1:5"},
		`"nonesuch0"`:             {Size: 2, Address: "h:1", Interface: "nonesuch0"},
	} {
		_, err := Join(t.Context(), c, newRecorder())
		wantError(t, err, text)
	}
	c, err := Config{Size: 1}.complete()
	if err != nil || c.Timeout != 2*time.Minute || c.Silence != time.Minute || c.pulse != 15*time.Second {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestPlural(t *testing.T) {
	many := make([]int, 30)
	for i := range many {
		many[i] = i
	}
	for want, ranks := range map[string][]int{
		"rank 3 has":      {3},
		"ranks 3, 7 have": {3, 7},
		"ranks 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 and 10 more have": many,
	} {
		if got := plural(ranks, "has", "have"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
