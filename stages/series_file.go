package stages

import (
	"encoding/base64"
	"fmt"
	"io"

	"deeprc/frame"
)

// seriesFile is an Arrow IPC file with a run's series, in its folder: the slabs, one record batch each, and in the metadata all else as gob in base64.
const seriesFile = "series.arrow"

// writeSeries writes the series, whole or not at all.
func writeSeries(path string, s *Series) error {
	head, err := s.encodeHead()
	if err != nil {
		return err
	}
	var slabs [][]float32
	for _, name := range seriesSlabs {
		slabs = append(slabs, s.slabs()[name])
	}
	return writeAtomic(path, func(w io.Writer) error {
		return frame.WriteSlabs(w, slabs, map[string]string{"head": base64.StdEncoding.EncodeToString(head)})
	})
}

// mapSeries maps what writeSeries wrote: the slabs of the series are the file's pages, until they are released. An error where a byte of it is not as it was written.
func mapSeries(path string) (s *Series, err error) {
	file, err := frame.MapSlabs(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			file.Release()
			s, err = nil, fmt.Errorf("%s: %w", path, err)
		}
	}()
	head, err := base64.StdEncoding.DecodeString(file.Meta["head"])
	if err != nil {
		return nil, err
	}
	if s, err = decodeHead(head); err != nil {
		return nil, err
	}
	if len(file.Slabs) != len(seriesSlabs) {
		return nil, fmt.Errorf("%d slabs, want %d", len(file.Slabs), len(seriesSlabs))
	}
	slabs := map[string][]float32{}
	for i, name := range seriesSlabs {
		slabs[name] = file.Slabs[i]
	}
	s.file = file
	return s, s.setSlabs(slabs)
}

// retain and release count who uses the series' slabs; mapped ones are gone with the last.
func (s *Series) retain() {
	if s != nil && s.file != nil {
		s.file.Retain()
	}
}

func (s *Series) release() {
	if s != nil && s.file != nil {
		s.file.Release()
	}
}

// put replaces the series on the shelf, which takes over the caller's reference.
func (s *Shelf) put(series *Series) {
	s.series.release()
	s.series = series
}

// hold makes series the job's.
func (j *job) hold(series *Series) {
	series.retain()
	j.series = series
}

// release gives up the job's series.
func (j *job) release() {
	j.series.release()
	j.series = nil
}
