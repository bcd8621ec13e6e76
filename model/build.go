package model

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// A BuildError is a mistake in the construction of a graph: a wrong shape or
// type. Building panics with it; [Build] turns it into an error, once.
type BuildError struct {
	Where string // file:line of the net or test that asked
	Text  string
}

func (e *BuildError) Error() string { return fmt.Sprintf("model: %s: %s", e.Where, e.Text) }

// badBuild panics with the line of the first caller that is not itself an op,
// a layer or the graph: the line where the net was written wrongly.
func badBuild(format string, args ...any) {
	pc := make([]uintptr, 32)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	where := "?"
	for {
		f, more := frames.Next()
		where = fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		if !more || !isMachinery(filepath.Base(f.File)) {
			break
		}
	}
	panic(&BuildError{where, fmt.Sprintf(format, args...)})
}

func isMachinery(file string) bool {
	return slices.Contains([]string{"graph.go", "grad.go", "build.go", "scope.go", "broadcast.go"}, file) ||
		(strings.HasPrefix(file, "op_") || strings.HasPrefix(file, "layer_")) && !strings.HasSuffix(file, "_test.go")
}

// Build runs f and returns the BuildError it panicked with, if it did.
func Build(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(*BuildError)
			if !ok {
				panic(p)
			}
			err = e
		}
	}()
	f()
	return nil
}
