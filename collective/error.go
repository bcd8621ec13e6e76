package collective

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// RankError is the failure of one rank as every rank of its group sees it.
// On the rank that failed it wraps that rank's own error.
type RankError struct {
	Rank int    // number in the world, also when it was met in a sub-group
	Host string // host name of that rank
	Text string // what that rank reported, or how its end was seen

	err   error // the original error, only in the process that failed
	quiet bool  // another process prints it
	died  bool  // its process is gone
}

func (e *RankError) Error() string {
	if e.Host == "" {
		return fmt.Sprintf("rank %d: %s", e.Rank, e.Text)
	}
	return fmt.Sprintf("rank %d (%s): %s", e.Rank, e.Host, e.Text)
}

// Unwrap is the failing rank's own error, nil on other ranks' processes.
func (e *RankError) Unwrap() error { return e.err }

// Primary reports whether this process is the one of its world that prints err,
// an error that [Run] returned. It is rank 0's process, or the failing one where
// rank 0 has not answered; every process exits with a nonzero code all the same.
func Primary(err error) bool {
	var e *RankError
	var l launchError
	return !errors.As(err, &l) && (!errors.As(err, &e) || !e.quiet)
}

// rankError says that rank reported err. An err that came from another rank keeps that origin.
func rankError(rank int, err error) *RankError {
	e := &RankError{Rank: rank, Host: hostName(), Text: err.Error(), err: err}
	var from *RankError
	if errors.As(err, &from) {
		e.Rank, e.Host, e.died = from.Rank, from.Host, from.died
		e.Text = strings.Replace(e.Text, from.Error(), from.Text, 1)
	}
	return e
}

// noticeText is the number of bytes of a failure's text that travel; a panic's stack may be longer.
const noticeText = 16 << 10

// short is e as it travels.
func (e *RankError) short() *RankError {
	t := *e
	if len(t.Text) > noticeText {
		t.Text = t.Text[:noticeText] + " …"
	}
	return &t
}

func hostName() string {
	h, err := os.Hostname()
	if err != nil {
		return "unknown host"
	}
	return h
}
