package mesh

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"
)

// bare is a rank that says hello to rank 0 and then does what the test wants.
func bare(t *testing.T, c Config, listens string) net.Conn {
	t.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", c.Address)
		if err != nil {
			if time.Now().After(late) {
				t.Fatal(err)
			}
			continue
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := greet(conn, secretOf(c.Key), hello{Rank: c.Rank, Size: c.Size, Address: listens, Host: "bare", ID: fmt.Sprint(c.Rank)}); err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

// wantTold reads until rank 0 tells why the world does not come together.
func wantTold(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	for {
		kind, body, err := readFrame(conn, maxBody)
		if err != nil {
			t.Fatal(err)
		}
		if kind == kindFailed {
			wantError(t, errors.New(string(body)), text)
			conn.Close()
			return
		}
	}
}

// Ranks that reach rank 0 but not each other are named to all.
func TestJoinUnreachablePeer(t *testing.T) {
	wantNoLeak(t)
	c := Config{Size: 3, Address: freeAddress(t, "127.0.0.1"), Timeout: 800 * time.Millisecond}
	lead := joinAsync(t.Context(), t, c)
	c.Rank = 1
	dead := freeAddress(t, "127.0.0.1")
	conn := bare(t, c, dead)
	c.Rank = 2
	last := joinAsync(t.Context(), t, c)
	wantTold(t, conn, "rank 1 (host bare) cannot be reached")
	for _, j := range results(t, lead, last) {
		wantError(t, j.err, "rank 1 (host bare) cannot be reached at "+dead, "connection refused", "DEEPRC_INTERFACE")
	}
}

func TestJoinLoopbackAndElsewhere(t *testing.T) {
	c := Config{Size: 3, Address: freeAddress(t, "127.0.0.1")}
	lead := joinAsync(t.Context(), t, c)
	var told []net.Conn
	for i, listens := range []string{"127.0.0.1:5", "10.1.2.3:5"} {
		c.Rank = i + 1
		told = append(told, bare(t, c, listens))
	}
	wantTold(t, told[0], "from its own host only")
	wantTold(t, told[1], "from its own host only")
	wantError(t, results(t, lead)[0].err, "from its own host only", "127.0.0.1:5", "rank 2 (host bare", "MASTER_ADDR", "DEEPRC_INTERFACE")
}

// A rank that dies before the world stands ends the others' waiting.
func TestJoinDeath(t *testing.T) {
	c := Config{Size: 4, Address: freeAddress(t, "127.0.0.1")}
	lead := joinAsync(t.Context(), t, c)
	c.Rank = 1
	told := bare(t, c, "127.0.0.1:5")
	c.Rank = 2
	bare(t, c, "127.0.0.1:5").Close()
	wantTold(t, told, "rank 2 (host bare, process 0) went away")
	wantError(t, results(t, lead)[0].err, "rank 2 (host bare, process 0) went away")
}

// A rank whose welcome was lost dials again, and takes its own place.
func TestJoinDialsAgain(t *testing.T) {
	t.Parallel()
	c := Config{Size: 3, Address: freeAddress(t, "127.0.0.1"), Timeout: time.Second}
	lead := joinAsync(t.Context(), t, c)
	c.Rank = 1
	first := bare(t, c, "127.0.0.1:5")
	second := bare(t, c, "127.0.0.1:5")
	if _, _, err := readFrame(first, maxHello); err == nil {
		t.Error("the first connection goes on")
	}
	wantTold(t, second, "rank 2 has not come")
	wantError(t, results(t, lead)[0].err, "rank 2 has not come")
}
