package model

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A State is all that a training needs to go on exactly where it was. What is
// drawn at random, the order of windows and what dropout drops, follows from the
// seed and the number of batches, so that no generator has a state of its own.
type State struct {
	History  History
	Params   []float32      // parameters and buffers; nil once finished
	Moments  [2][]float32   // of the optimizer; nil once finished
	Best     []float32      // parameters and buffers of History.Best; nil before the first validation
	Updates  int            // of the optimizer; batches without a target make none
	Worse    int            // validations since the best
	Finished bool           // nothing is left to train
	Diverged *DivergedError // what ended the training, which has no best where that came before a validation; else nil
}

// state copies the training's state out of the fit.
func (f *Fit) state(h *History, best []float32, worse int, finished bool, diverged *DivergedError) (*State, error) {
	s := &State{History: *h, Updates: f.steps, Worse: worse, Finished: finished, Diverged: diverged}
	if !math.IsNaN(h.Best) {
		s.Best = best
	}
	if finished {
		return s, nil
	}
	s.Params = make([]float32, f.Params.Words())
	for i, m := range f.moments {
		s.Moments[i] = make([]float32, m.Len())
		if err := m.Read(s.Moments[i], 0); err != nil {
			return nil, err
		}
	}
	return s, f.GetParams(s.Params)
}

// setState makes the fit go on from s.
func (f *Fit) setState(s *State) error {
	f.steps = s.Updates
	if s.Finished {
		if s.Best == nil {
			return nil
		}
		return f.SetParams(s.Best)
	}
	if err := f.moments[0].Write(0, s.Moments[0]); err != nil {
		return err
	}
	if err := f.moments[1].Write(0, s.Moments[1]); err != nil {
		return err
	}
	return f.SetParams(s.Params)
}

// Names of a State's arrays; slabs are parameter.<name>, moment1.<name>, moment2.<name>, best.<name>.
const (
	stateCounters = "counters" // I64 (7): batches, updates, step of the best, validations since, stopped early, finished, has a best
	stateBest     = "best_val" // F64 ()
	stateHistory  = "history"  // F64 (rows, 7): step, epoch, learning rate, loss, validation, norm, seconds
	stateDiverged = "diverged" // F64 (6), of a training that did: step, loss, norm, number of the parameter, its size before and after
	counters      = 7
	historyCols   = 7
)

var stateSlabs = [4]string{"parameter.", "moment1.", "moment2.", "best."}

// Arrays are the state of a training of parameters p, for [WriteSafetensors].
func (s *State) Arrays(p *Params) []Named {
	h := s.History
	flag := map[bool]int64{true: 1}
	out := []Named{
		{stateCounters, []int{counters}, []int64{int64(h.Steps), int64(s.Updates), int64(h.BestStep), int64(s.Worse),
			flag[h.Stopped], flag[s.Finished], flag[s.Best != nil]}},
		{stateBest, nil, []float64{h.Best}},
	}
	rows := make([]float64, 0, historyCols*len(h.Records))
	for _, r := range h.Records {
		rows = append(rows, float64(r.Step), float64(r.Epoch), r.LR, r.Loss, r.Val, r.Norm, r.Seconds)
	}
	out = append(out, Named{stateHistory, []int{len(h.Records), historyCols}, rows})
	if d := s.Diverged; d != nil {
		k := slices.IndexFunc(p.List, func(q *Param) bool { return q.Name == d.Param })
		out = append(out, Named{stateDiverged, []int{6}, []float64{float64(d.Step), d.Loss, d.Norm, float64(k), d.Before, d.After}})
	}
	for i, slab := range [][]float32{s.Params, s.Moments[0], s.Moments[1], s.Best} {
		if slab != nil {
			out = append(out, p.Arrays(stateSlabs[i], slab)...)
		}
	}
	return out
}

// StateOf is the State whose Arrays these are.
func StateOf(p *Params, arrays []Named) (*State, error) {
	find := func(name string) any {
		i := slices.IndexFunc(arrays, func(a Named) bool { return a.Name == name })
		if i < 0 {
			return nil
		}
		return arrays[i].Data
	}
	n, _ := find(stateCounters).([]int64)
	best, _ := find(stateBest).([]float64)
	rows, ok := find(stateHistory).([]float64)
	if len(n) != counters || len(best) != 1 || !ok || len(rows)%historyCols != 0 {
		return nil, fmt.Errorf("model: no state of a training: %s, %s or %s is missing or has another shape", stateCounters, stateBest, stateHistory)
	}
	if slices.ContainsFunc(n, func(v int64) bool { return v < 0 || v > math.MaxInt32 }) {
		return nil, fmt.Errorf("model: %s = %v: want numbers from 0 to 2³¹", stateCounters, n)
	}
	s := &State{Updates: int(n[1]), Worse: int(n[3]), Finished: n[5] != 0}
	s.History = History{Steps: int(n[0]), Best: best[0], BestStep: int(n[2]), Stopped: n[4] != 0}
	for r := range slices.Chunk(rows, historyCols) {
		s.History.Records = append(s.History.Records, Record{int(r[0]), int(r[1]), r[2], r[3], r[4], r[5], r[6]})
	}
	for i, to := range []*[]float32{&s.Params, &s.Moments[0], &s.Moments[1], &s.Best} {
		if i == 3 && n[6] == 0 || i < 3 && s.Finished {
			continue
		}
		*to = make([]float32, p.Words())
		if i == 1 || i == 2 { // buffers have no moments
			*to = make([]float32, p.Region.N)
		}
		if err := p.Fill(*to, stateSlabs[i], arrays); err != nil {
			return nil, fmt.Errorf("%s: %w", strings.TrimSuffix(stateSlabs[i], "."), err)
		}
	}
	if d, ok := find(stateDiverged).([]float64); ok {
		if len(d) != 6 || !(d[3] >= 0 && d[3] < float64(len(p.List))) || !s.Finished {
			return nil, fmt.Errorf("model: %s = %v: want 6 numbers, of a training that has ended", stateDiverged, d)
		}
		s.Diverged = &DivergedError{Step: int(d[0]), Loss: d[1], Norm: d[2], Param: p.List[int(d[3])].Name, Before: d[4], After: d[5]}
	}
	if s.Finished && s.Best == nil && s.Diverged == nil {
		return nil, fmt.Errorf("model: %s = %v: a training that has ended has a best", stateCounters, n)
	}
	return s, nil
}
