package stages

import (
	"fmt"

	"deeprc/model"
)

// maxSamples bounds the columns of samples of a model.
const maxSamples = 10_000

// maxDraws bounds the samples of one model in a file: 8 GiB of them.
const maxDraws = 1 << 31

// samplesOf is how many samples of n that are asked for m's forecasts have.
func samplesOf(m ModelConfig, n int) int {
	if m.Solver != "gradient" || !m.Train.Distribution() {
		return 0
	}
	return n
}

// checkSamples reports n samples, which key asks for, that no model has.
func (cfg *Config) checkSamples(key string, n int) error {
	if n == 0 {
		return nil
	}
	some := false
	for _, m := range cfg.Models {
		if samplesOf(m, n) == 0 {
			continue
		}
		some = true
		if paths := model.Paths(m.net(), m.Train); paths > 0 && n > paths {
			return fmt.Errorf("%s = %d: model %q draws %d paths of a forecast: set its samples to as many", key, n, m.Name, paths)
		}
	}
	if !some {
		return fmt.Errorf("%s = %d: no model forecasts a distribution to draw from: set train.loss to normal, studentt, poisson or negativebinomial", key, n)
	}
	return nil
}

// checkDraws reports samples of the test part, or of [cv], that are too many to write.
func (j *job) checkDraws() error {
	n, h := j.cfg.Evaluate.Samples, j.cfg.Windows.Horizon
	if n == 0 {
		return nil
	}
	check := func(windows int, where, remedy string) error {
		values := windows * j.series.channels() * h
		if values > maxDraws/n {
			return configErrorf("evaluate.samples = %d: the forecasts of %s are %d values, of which at most %d samples can be written: take fewer, or %s",
				n, where, values, maxDraws/max(values, 1), remedy)
		}
		return nil
	}
	if err := check(j.sets[2].Len(), "the test part", "a larger windows.stride"); err != nil {
		return err
	}
	return check(len(j.series.Groups)*j.cfg.CV.Windows, "cross-validation", "a smaller cv.n_windows")
}
