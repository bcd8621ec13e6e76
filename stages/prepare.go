package stages

import (
	"errors"
	"fmt"
	"os"

	"deeprc/collective"
	"deeprc/frame"
)

// prepareInDir prepares, and removes the run's folder, with what steps wrote there, if that fails, and of the folders
// above it those, deepest first, that did not exist before; collective.
func (j *job) prepareInDir(above []string) (err error) {
	ready := false
	defer func() { // also after a panic
		if !ready && j.c.Rank() == 0 {
			err = errors.Join(err, os.RemoveAll(j.dir))
			for _, dir := range above {
				if os.Remove(dir) != nil { // another run is in it
					break
				}
			}
		}
	}()
	err = j.prepare()
	ready = err == nil
	return err
}

// prepare opens the device, reads the data and cuts the windows; collective.
func (j *job) prepare() (err error) {
	if j.dev, _, err = openCPU(j.c); err != nil {
		return err
	}
	if err := j.load(); err != nil {
		return err
	}
	return j.cut()
}

// load reads the data and makes the series; collective.
func (j *job) load() error {
	table, static, err := j.preprocess()
	if err != nil {
		return err
	}
	if static != nil {
		defer static.Release()
	}
	data := j.cfg.Data
	data.Path = j.cfg.source()
	done := j.times.start("read")
	bar := j.screen.bar("read", "MiB", 0)
	raw, err := readData(j.c, &data, table, func(n, total int64) {
		bar.resize(int(total >> 20))
		bar.set(int(n>>20), "")
	})
	if err != nil {
		return err
	}
	collect(len(raw.ts))
	if static != nil {
		if raw.statics, err = readStatics(j.c, &data, static); err != nil {
			return err
		}
	}
	done(int64(len(raw.ts)), raw.bytes)
	done = j.times.start("prepare")
	scales, err := data.readScales(j.c)
	if err != nil {
		return err
	}
	if scales != nil && !raw.long() {
		return configErrorf("data.scales: the data is wide: the scales are of one target column, of a long table")
	}
	if j.series, err = buildSeries(j.c, &data, raw, scales); err != nil {
		return err
	}
	s := j.series
	bar.end(fmt.Sprintf("%d rows, %d channels, a step is %s, %d values missing", s.Rows, len(s.Channels), s.Step, s.Missing))
	done(s.Rows, int64(len(s.Data.Past)+len(s.Data.Inputs))*4)
	return nil
}

// cut cuts the windows of the series.
func (j *job) cut() (err error) {
	if err := j.checkCutoffs(); err != nil {
		return err
	}
	if j.sets, err = splitWindows(j.series, j.cfg.Windows); err != nil {
		return err
	}
	return j.checkDraws()
}

// preprocessed is how messages call the table of the last step.
const preprocessed = "the last [[preprocess]] step's table"

// source is where the data comes from, for people.
func (cfg *Config) source() string {
	if len(cfg.Steps) > 0 {
		return preprocessed
	}
	return cfg.Data.Path
}

// preprocess runs the steps, if there are any, and tells of each; it returns the last one's table, and data.static_table
// where that is set. Collective.
func (j *job) preprocess() (t, static *frame.Table, err error) {
	if len(j.cfg.Steps) == 0 {
		return nil, nil, nil
	}
	mem, err := j.cfg.memory(j.c)
	if err != nil {
		return nil, nil, err
	}
	end := j.times.start("preprocess")
	dir := j.dir
	if j.resume {
		dir = "" // the tables that steps write are there already
	}
	t, static, err = preprocess(j.c, mem, dir, j.cfg.Steps, j.cfg.Data.StaticTable, func(i int, t *frame.Table, r stepReport) {
		s := j.cfg.Steps[i]
		name := s.Op
		if s.As != "" {
			name += " → " + s.As
		}
		j.screen.printf("%-24s %s", name, r)
		if j.steps != nil {
			j.steps(i, t, r)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	end(int64(t.NumRows()), t.Bytes())
	return t, static, nil
}

// memory is where the tables of the steps live, as [run] says; collective.
func (cfg *Config) memory(c collective.Comm) (*frame.Memory, error) {
	limit, err := parseBytes(cfg.Run.Memory)
	if err != nil {
		return nil, err
	}
	mem := frame.NewMemory(frame.MemoryOptions{Limit: limit, Scratch: cfg.Run.Scratch})
	return mem, collective.Agree(c, mem.CheckScratch())
}

// warnings are what a person should know of the data before trusting the result.
func (j *job) warnings() (w []string) {
	s := j.series
	if s.Gaps > 0 {
		w = append(w, fmt.Sprintf("%d time steps of %s have no row; they are treated as missing", s.Gaps, j.cfg.source()))
	}
	if s.Missing > 0 {
		w = append(w, fmt.Sprintf("%d of %d values are missing: filled forward where a forecast sees them, not counted where it is measured",
			s.Missing, len(s.Data.Past)))
	}
	if s.Filled > 0 {
		w = append(w, fmt.Sprintf("%d values of hist, future and static columns are missing: filled forward, else by the mean", s.Filled))
	}
	for _, m := range j.cfg.Models {
		if m.Train.Loss == "nse" && j.cfg.Data.Scaler == "standard" {
			w = append(w, fmt.Sprintf("model %s: loss nse weighs all series alike, since data.scaler = \"standard\" gives each the deviation 1; NeuralHydrology's is data.scaler = \"global\"", m.Name))
		}
	}
	if len(s.Constant) > 0 {
		w = append(w, fmt.Sprintf("constant in the train part, so not scaled: %s", list(s.Constant)))
	}
	short := 0
	for g := range s.Groups {
		if s.Groups[g].N < j.cfg.Windows.Lookback+j.cfg.Windows.Horizon {
			short++
		}
	}
	if short > 0 {
		w = append(w, fmt.Sprintf("%d series are shorter than one window and are left out", short))
	}
	return w
}
