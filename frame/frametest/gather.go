package frametest

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"deeprc/collective"
	"deeprc/frame"
)

// Gather copies all ranks' rows to rank 0, in order; collective. The others get a table
// of no rows. The caller releases it, and t as before. That the ranks' schemas differ is an error.
func Gather(c collective.Comm, t *frame.Table) (*frame.Table, error) {
	stream, err := encode(t)
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	all, counts, err := collective.GatherV(c, stream, 0)
	if err != nil {
		return nil, err
	}
	var recs []arrow.Record
	if c.Rank() == 0 {
		for r, n := range counts {
			if recs, err = decode(t, all[:n], recs); err != nil {
				err = fmt.Errorf("frametest: gather: rank %d: %w", r, err)
				break
			}
			all = all[n:]
		}
	}
	if err := collective.Agree(c, err); err != nil {
		for _, rec := range recs {
			rec.Release()
		}
		return nil, err
	}
	return frame.NewTable(t.Memory(), t.Schema(), recs...)
}

func encode(t *frame.Table) ([]byte, error) {
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(t.Schema()), ipc.WithAllocator(t.Memory()))
	for _, rec := range t.Chunks() {
		if err := w.Write(rec); err != nil {
			w.Close()
			return nil, fmt.Errorf("frametest: gather: %w", err)
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// decode appends the records of a stream, which has t's schema, to recs.
func decode(t *frame.Table, stream []byte, recs []arrow.Record) ([]arrow.Record, error) {
	r, err := ipc.NewReader(bytes.NewReader(stream), ipc.WithAllocator(t.Memory()))
	if err != nil {
		return recs, err
	}
	defer r.Release()
	if !r.Schema().Equal(t.Schema()) {
		return recs, fmt.Errorf("its schema is\n%v\nbut rank 0's is\n%v", r.Schema(), t.Schema())
	}
	for r.Next() {
		rec := r.Record()
		rec.Retain()
		recs = append(recs, rec)
	}
	return recs, r.Err()
}
