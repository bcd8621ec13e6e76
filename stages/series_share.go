package stages

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"fmt"
	"io"
	"path/filepath"

	"deeprc/collective"
	"deeprc/model"
)

// seriesFile holds a run's series for tasks on ranks that have not got them, and for a run that goes on: their slabs, and in the metadata
// all else as gob in base64.
const seriesFile = "series.safetensors"

// acquire gives the job the run's series; collective. The first way of these that there is: all ranks have them on their shelves, and nothing
// is copied; one has, and sends them; the run's folder has; they are read and prepared here.
func (j *job) acquire(e *Env) error {
	have := []int64{int64(j.c.Size())} // the first rank that has them
	if e.Shelf.series != nil {
		have[0] = int64(j.c.Rank())
	}
	first, err := collective.AllReduceOne(j.c, have[0], collective.Min)
	if err != nil {
		return err
	}
	missing := int64(0)
	if e.Shelf.series == nil {
		missing = 1
	}
	if missing, err = collective.AllReduceOne(j.c, missing, collective.Sum); err != nil {
		return err
	}
	switch {
	case missing == 0:
		e.Log.Info("series", "from", "memory")
	case int(first) < j.c.Size():
		e.Log.Info("series", "from", fmt.Sprintf("rank %d of the task", first))
		if err := sendSeries(j.c, &e.Shelf.series, int(first)); err != nil {
			return err
		}
	default:
		found, err := readSeries(j.c, filepath.Join(e.Dir, seriesFile))
		if err != nil {
			return err
		}
		if found != nil {
			e.Log.Info("series", "from", seriesFile)
			e.Shelf.series = found
			break
		}
		if err := j.load(); err != nil {
			return err
		}
		e.Shelf.series = j.series
	}
	j.series = e.Shelf.series
	return nil
}

// sendSeries gives all ranks the root's series; collective.
func sendSeries(c collective.Comm, s **Series, root int) error {
	var head []byte
	var err error
	if c.Rank() == root {
		head, err = (*s).encodeHead()
	}
	if err := collective.Agree(c, err); err != nil {
		return err
	}
	if head, err = collective.BroadcastBytes(c, head, root); err != nil {
		return err
	}
	to := *s
	if to == nil {
		to, err = decodeHead(head)
	}
	if err := collective.Agree(c, err); err != nil {
		return err
	}
	got := make(map[string][]float32)
	for _, name := range seriesSlabs {
		n, err := collective.BroadcastOne(c, int64(len(to.slabs()[name])), root)
		if err != nil {
			return err
		}
		slab := to.slabs()[name]
		if *s == nil { // else those of the others are the same
			slab = make([]float32, n)
		}
		if err := collective.Broadcast(c, slab, root); err != nil {
			return err
		}
		got[name] = slab
	}
	if *s == nil {
		*s = to
		return to.setSlabs(got)
	}
	return nil
}

// seriesSlabs are the slabs of series; target is there where it differs from past.
var seriesSlabs = []string{"past", "target", "inputs"}

func (s *Series) slabs() map[string][]float32 {
	m := map[string][]float32{"past": s.Data.Past, "inputs": s.Data.Inputs}
	if len(s.Data.Past) == 0 || &s.Data.Past[0] != &s.Data.Target[0] {
		m["target"] = s.Data.Target
	}
	return m
}

func (s *Series) setSlabs(m map[string][]float32) error {
	s.Data.Past, s.Data.Target, s.Data.Inputs = m["past"], m["past"], m["inputs"]
	if len(m["target"]) > 0 {
		s.Data.Target = m["target"]
	}
	rows := 0
	for _, g := range s.Groups {
		for _, at := range g.Start {
			rows++
			if at < 0 || g.N < 0 || at > int64(len(s.Data.Past)-g.N) {
				return fmt.Errorf("a series of %d steps at %d does not fit into its slab of %d", g.N, at, len(s.Data.Past))
			}
		}
	}
	if len(s.Data.Target) != len(s.Data.Past) || rows == 0 || rows != len(s.Channels) || rows != len(s.Mean) || rows != len(s.Std) {
		return fmt.Errorf("%d and %d values, %d series, %d names, %d means: they do not fit together", len(s.Data.Past), len(s.Data.Target), rows, len(s.Channels), len(s.Mean))
	}
	s.Data.Deviation = s.deviations()
	return nil
}

// encodeHead is all of the series but the slabs.
func (s *Series) encodeHead() ([]byte, error) {
	h := *s
	h.Data = model.Data{Columns: s.Data.Columns}
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(h)
	return b.Bytes(), err
}

func decodeHead(text []byte) (*Series, error) {
	s := &Series{}
	if err := gob.NewDecoder(bytes.NewReader(text)).Decode(s); err != nil {
		return nil, fmt.Errorf("series: %w", err)
	}
	return s, nil
}

// writeSeries writes the series, whole or not at all.
func writeSeries(path string, s *Series) error {
	head, err := s.encodeHead()
	if err != nil {
		return err
	}
	var arrays []model.Named
	for _, name := range seriesSlabs {
		if slab, ok := s.slabs()[name]; ok {
			arrays = append(arrays, model.Named{Name: name, Shape: []int{len(slab)}, Data: slab})
		}
	}
	return writeAtomic(path, func(w io.Writer) error {
		return model.WriteSafetensors(w, arrays, map[string]string{"head": base64.StdEncoding.EncodeToString(head)})
	})
}

// readSeries reads what writeSeries wrote, on every rank; nil where there is no such file. Collective.
func readSeries(c collective.Comm, path string) (*Series, error) {
	text, err := shareFile(c, path, true)
	if err != nil || len(text) == 0 {
		return nil, err
	}
	arrays, meta, err := model.ReadSafetensors(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	head, err := base64.StdEncoding.DecodeString(meta["head"])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s, err := decodeHead(head)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	slabs := map[string][]float32{}
	for _, a := range arrays {
		slabs[a.Name], _ = a.Data.([]float32)
	}
	if err := s.setSlabs(slabs); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}
