package frame

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// IPCWriteOptions says how [WriteIPC] writes. All ranks pass the same.
type IPCWriteOptions struct {
	// PartitionBy are the columns whose cells name the folders that the files go to, as in
	// [ParquetWriteOptions].
	PartitionBy []string
}

// WriteIPC writes a table to a folder of Arrow IPC files, uncompressed, so that [ReadIPC] maps
// them without a copy. The files are part-00000.arrow and so on, laid out as [WriteParquet]
// does, and ReadIPC of the folder gives the table again, as ReadParquet does. Each file is
// whole or not at all; if one rank fails, no file stays. Errors name the file. Collective.
func WriteIPC(c collective.Comm, t *Table, folder string, o IPCWriteOptions) error {
	return writeParts(c, "write IPC", t, folder, o.PartitionBy, partFormat{".arrow", func(path string, s *arrow.Schema) (partWriter, error) {
		f, err := createAtomic(path, false)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		sink, err := newIPCSink(t.mem, s, f, ipcBuffer)
		if err != nil {
			f.Abort()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return &ipcPart{f, sink}, nil
	}})
}

// ipcPart is an Arrow IPC file that is being written.
type ipcPart struct {
	f    *atomicFile
	sink *ipcSink
}

func (p *ipcPart) Write(rec arrow.Record) error { return p.failed(p.sink.write(rec)) }

func (p *ipcPart) Close() error {
	defer p.sink.close()
	if err := p.sink.finish(); err != nil {
		p.f.Abort()
		return p.failed(err)
	}
	return p.failed(p.f.Commit())
}

func (p *ipcPart) Abort() error {
	p.sink.close()
	return p.failed(p.f.Abort())
}

func (p *ipcPart) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: write: %w", p.f.path, bare(err))
}

// Check is the error of [WriteIPC] for a table with such columns, whatever its cells.
func (o IPCWriteOptions) Check(s *arrow.Schema) error {
	return wrap("write IPC", checkFolderKeys(s, o.PartitionBy))
}
