package stages

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"deeprc/collective"
	"deeprc/model"
)

// acquire gives the job the run's series, until it releases them; collective. The first way of these that there is: they are on each rank's shelf,
// or in the run's folder, and nothing is copied; a rank has them, and sends them to those that have not; they are made.
func (j *job) acquire(e *Env) error {
	there, err := j.share(e)
	if err != nil || there {
		return err
	}
	return j.make(e)
}

// share gives the job the series that ranks have on their shelves or can map; false: no rank can. Collective.
func (j *job) share(e *Env) (bool, error) {
	from, lack := "memory", ""
	if e.Shelf.series == nil {
		s, err := mapSeries(filepath.Join(e.Dir, seriesFile))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			lack = "there is no " + seriesFile
		case err != nil:
			lack = err.Error()
		}
		e.Shelf.put(s)
		from = seriesFile + ", mapped"
	}
	lacks, err := gatherEach(j.c, lack, "series") // why a rank has not got them
	if err != nil {
		return false, err
	}
	why := ""
	if i := slices.IndexFunc(lacks, func(l string) bool { return l != "" }); i >= 0 {
		why = fmt.Sprintf("rank %d of the task: %s", i, lacks[i])
	}
	switch first := slices.Index(lacks, ""); {
	case first < 0:
		e.Log.Info("series", "from", "nowhere", "reason", why)
		return false, nil
	case why != "":
		e.Log.Info("series", "from", fmt.Sprintf("rank %d of the task", first), "reason", why)
		if err := e.Shelf.send(j.c, first, lacks); err != nil {
			return false, err
		}
	default:
		e.Log.Info("series", "from", from)
	}
	j.hold(e.Shelf.series)
	return true, nil
}

// send gives the series of rank from to the ranks that lack them, which say so; collective.
func (s *Shelf) send(c collective.Comm, from int, lacks []string) error {
	ranks := []int{from}
	for r, l := range lacks {
		if l != "" {
			ranks = append(ranks, r)
		}
	}
	if !slices.Contains(ranks, c.Rank()) {
		return nil
	}
	sub, err := c.Sub(ranks)
	if err != nil {
		return err
	}
	if s.series, err = broadcastSeries(sub, s.series); err != nil {
		return err
	}
	return sub.Close()
}

// broadcastSeries is rank 0's series on every rank; collective.
func broadcastSeries(c collective.Comm, s *Series) (*Series, error) {
	var head []byte
	var err error
	root := c.Rank() == 0
	if root {
		head, err = s.encodeHead()
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	if head, err = collective.BroadcastBytes(c, head, 0); err != nil {
		return nil, err
	}
	if !root {
		s, err = decodeHead(head)
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	got := s.slabs()
	for _, name := range seriesSlabs {
		n, err := collective.BroadcastOne(c, int64(len(got[name])), 0)
		if err != nil {
			return nil, err
		}
		if !root {
			got[name] = make([]float32, n)
		}
		if err := collective.Broadcast(c, got[name], 0); err != nil {
			return nil, err
		}
	}
	if !root {
		err = s.setSlabs(got)
	}
	return s, collective.Agree(c, err)
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
