package frame

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestAtomicFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	f, err := createAtomic(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("x\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the file has its name before Commit")
	}
	if err := errors.Join(f.Commit(), f.Commit(), f.Abort()); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "x\n" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := createAtomic(path, false); text(err) != "file already exists and is not overwritten; remove it or write elsewhere" {
		t.Error(err)
	}
	if _, err := createAtomic(filepath.Join(path, "no", "b"), false); err == nil {
		t.Error("a file below a file was made")
	}
	late := filepath.Join(filepath.Dir(path), "late")
	if f, err = createAtomic(late, false); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(late, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that came in between was overwritten: %v", err)
	}
	if f, err = createAtomic(filepath.Join(filepath.Dir(path), "c"), false); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Abort(), f.Abort()); err != nil {
		t.Error(err)
	}
	onlyFiles(t, filepath.Dir(path), "a.txt", "late")
}
