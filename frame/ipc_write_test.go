package frame

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// A table that is written and read, on any numbers of ranks, has the same rows in order.
func TestWriteIPC(t *testing.T) {
	for _, rows := range []int{0, 1, 200} {
		rec := someTable(nil, rand.New(rand.NewPCG(7, 0)), rows, 20)
		for _, n := range ranksOfTest {
			folder := filepath.Join(t.TempDir(), "new")
			err := collective.RunLocal(n, func(c collective.Comm) error {
				tab := cut(c, checked(t), rec, uint64(n))
				defer tab.Release()
				return WriteIPC(c, tab, folder, IPCWriteOptions{})
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, readers := range ranksOfTest {
				got, _, err := readRows(t, readers, func(c collective.Comm, m *Memory) (*Table, error) {
					tab, _, err := ReadIPC(c, []string{folder}, IPCReadOptions{Memory: m})
					return tab, err
				})
				if err != nil {
					t.Fatal(err)
				}
				same(t, fmt.Sprintf("%d rows written on %d ranks, read on %d", rows, n, readers), got, rowsOf(rec))
			}
		}
	}
}

// Tables of all types come back, and cost no memory where they are read.
func TestWriteIPCTypes(t *testing.T) {
	m := checked(t)
	schema, recs := allTypes()
	want := tableOf(t, m, schema, recs)
	defer want.Release()
	folder := t.TempDir()
	c := collective.Local(1)[0]
	if err := WriteIPC(c, want, folder, IPCWriteOptions{}); err != nil {
		t.Fatal(err)
	}
	onlyFiles(t, folder, "part-00000.arrow")
	used := m.Used()
	got, _, err := ReadIPC(c, []string{folder}, IPCReadOptions{Memory: m})
	if err != nil {
		t.Fatal(err)
	}
	defer got.Release()
	if m.Used() != used {
		t.Errorf("%d bytes were copied", m.Used()-used)
	}
	sameRows(t, got, want)
}

func TestWriteIPCErrors(t *testing.T) {
	rec := someTable(nil, rand.New(rand.NewPCG(7, 0)), 40, 20)
	full := t.TempDir()
	write(t, full, "old", nil)
	for _, n := range ranksOfTest {
		err := collective.RunLocal(n, func(c collective.Comm) error {
			tab := cut(c, checked(t), rec, 1)
			defer tab.Release()
			return WriteIPC(c, tab, full, IPCWriteOptions{})
		})
		if want := "frame: write IPC: " + full + `: the folder is not empty: it has "old"; remove it or write elsewhere`; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a small tmpfs cannot be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	tab := tableOf(t, checked(t), rec.Schema(), []arrow.Record{someTable(nil, rand.New(rand.NewPCG(7, 0)), 20_000, 20)})
	defer tab.Release()
	err := WriteIPC(collective.Local(1)[0], tab, dir, IPCWriteOptions{})
	if want := "frame: write IPC: " + dir + "/part-00000.arrow: write: no space left on device"; fmt.Sprint(err) != want || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v\nwant %s", err, want)
	}
	onlyFiles(t, dir)
}
