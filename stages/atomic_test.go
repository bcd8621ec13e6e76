package stages

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAtomicReplacesWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "forecast.csv")
	for _, want := range []string{strings.Repeat("long ", 200_000), "short"} {
		if err := writeAtomic(path, func(w io.Writer) error { _, err := io.WriteString(w, want); return err }); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Fatalf("file holds %d bytes, want %d", len(got), len(want))
		}
	}
	wantOnly(t, dir, "forecast.csv")
}

// Group and others must be able to read a result as the umask lets them: os.CreateTemp would leave 0600.
func TestAtomicPermissions(t *testing.T) {
	dir := t.TempDir()
	plain, atomic := filepath.Join(dir, "plain"), filepath.Join(dir, "atomic")
	if err := os.WriteFile(plain, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := writeAtomic(atomic, func(io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	a, err := os.Stat(plain)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.Stat(atomic)
	if err != nil {
		t.Fatal(err)
	}
	if a.Mode() != b.Mode() {
		t.Errorf("mode %v, a plain file gets %v", b.Mode(), a.Mode())
	}
}

func TestAtomicFailureKeepsOld(t *testing.T) {
	for _, c := range []struct {
		cause syscall.Errno
		says  string
	}{
		{syscall.ENOSPC, "free space"},
		{syscall.EDQUOT, "quota"},
		{syscall.EIO, "input/output error"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "model.safetensors")
		if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		err := writeAtomic(path, func(w io.Writer) error {
			if _, err := io.WriteString(w, "half of the new"); err != nil {
				return err
			}
			return fmt.Errorf("tensor enc.w: %w", &os.PathError{Op: "write", Path: path, Err: c.cause})
		})
		if !errors.Is(err, c.cause) {
			t.Errorf("%v: error %v does not wrap it", c.cause, err)
		} else if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v: error %q lacks %q or the path", c.cause, err, c.says)
		}
		if got, _ := os.ReadFile(path); string(got) != "old" {
			t.Errorf("%v: the old file became %q", c.cause, got)
		}
		wantOnly(t, dir, "model.safetensors")
	}
}

func TestAtomicPanicRemovesTemp(t *testing.T) {
	dir := t.TempDir()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = writeAtomic(filepath.Join(dir, "x"), func(io.Writer) error { panic("bug") })
	}()
	wantOnly(t, dir)
}

func TestAtomicRenameFails(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "taken")
	if err := os.Mkdir(target, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeAtomic(target, func(io.Writer) error { return nil }); err == nil {
		t.Error("renamed over a folder")
	}
	wantOnly(t, dir, "taken")
	if err := writeAtomic(filepath.Join(dir, "none", "x"), func(io.Writer) error { return nil }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
}

// wantOnly fails unless dir holds exactly the names.
func wantOnly(t *testing.T, dir string, names ...string) {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range es {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("folder holds %v, want %v", got, names)
	}
}
