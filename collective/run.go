package collective

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// RunLocal runs f on n in-process ranks, one goroutine each, and returns the
// root-cause error: the bare error with one rank, else a [*RankError] that wraps
// it. A rank whose f returns an error, panics or ends its goroutine releases the
// others from any call that they wait in.
func RunLocal(n int, f func(c Comm) error) error {
	cs := Local(n)
	w := cs[0].(*localComm).g.w
	errs := make([]error, n)
	var wg sync.WaitGroup
	for r, c := range cs {
		wg.Add(1)
		go protect(c, f, func(err error) {
			defer wg.Done()
			defer c.Close()
			if errs[r] = err; err != nil && n > 1 {
				w.fail(rankError(r, err))
			}
		})
	}
	wg.Wait()
	if n == 1 || w.failure == nil {
		return errs[0]
	}
	if own := errs[w.failure.Rank]; own != nil { // it has the error chain
		return rankError(w.failure.Rank, own)
	}
	return w.failure
}

// errGoexit is the failure of a rank that left by runtime.Goexit, as testing's FailNow does.
var errGoexit = errors.New("the rank's goroutine ended before its work did")

// protect calls f and hands its error to end; a panic or Goexit of f is an error too.
func protect(c Comm, f func(Comm) error, end func(error)) {
	err := errGoexit
	defer func() {
		if p := recover(); p != nil {
			cause, ok := p.(error)
			if !ok {
				cause = fmt.Errorf("%v", p)
			}
			err = fmt.Errorf("panic: %w\n%s", cause, debug.Stack())
		}
		end(err)
	}()
	err = f(c)
}
