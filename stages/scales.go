package stages

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"deeprc/collective"
	"deeprc/model"
)

// scalePrefix begins the name of a column's shift and scale (2) in a safetensors file, as bench/peers/convert_checkpoint.py writes them.
const scalePrefix = "scaler."

// cutScales parts the scales of columns from weights.
func cutScales(arrays []model.Named) (weights, scales []model.Named) {
	for _, a := range arrays {
		if strings.HasPrefix(a.Name, scalePrefix) {
			scales = append(scales, a)
		} else {
			weights = append(weights, a)
		}
	}
	return weights, scales
}

// readScales are the scales that data.scales names, as those of a run, nil where it names none; collective.
func (d *DataConfig) readScales(c collective.Comm) (*modelFile, error) {
	if d.Scales == "" {
		return nil, nil
	}
	wrong := func(err error) error { return configErrorf("data.scales = %q: %w", d.Scales, err) }
	text, err := shareFile(c, d.Scales, false)
	if err != nil {
		return nil, wrong(err)
	}
	arrays, _, err := model.ReadSafetensors(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, wrong(err)
	}
	_, scales := cutScales(arrays)
	run, err := d.scalesOf(scales)
	if err != nil {
		return nil, wrong(err)
	}
	return run, nil
}

// scalesOf are the scales of d's columns, one for all series, by their names; values that are missing before the first are the shift, the mean.
func (d *DataConfig) scalesOf(arrays []model.Named) (*modelFile, error) {
	var missing []string
	var err error
	find := func(column string) (shift, scale float64) {
		for _, a := range arrays {
			if a.Name != scalePrefix+column {
				continue
			}
			v, ok := a.Data.([]float32)
			if !ok || len(v) != 2 || !(v[1] > 0) || math.IsInf(float64(v[1]), 0) || math.IsNaN(float64(v[0])) || math.IsInf(float64(v[0]), 0) {
				err = fmt.Errorf("%s is %v: want a shift and a positive scale, float32", a.Name, a.Data)
				return 0, 1
			}
			return float64(v[0]), float64(v[1])
		}
		missing = append(missing, column)
		return 0, 1
	}
	shift, scale := find(d.Target)
	run := &modelFile{Channels: []channelInfo{{Mean: shift, Std: scale, Fill: &shift}}}
	for _, k := range []struct {
		kind  string
		names []string
	}{{"hist", d.Hist}, {"future", d.Future}, {"static", d.Static}} {
		for _, name := range k.names {
			shift, scale := find(name)
			run.Inputs = append(run.Inputs, Input{name, k.kind, []float64{shift}, []float64{scale}, []float64{shift}})
		}
	}
	if len(missing) > 0 {
		var have []string
		for _, a := range arrays {
			have = append(have, strings.TrimPrefix(a.Name, scalePrefix))
		}
		return nil, fmt.Errorf("it has no scale of %s, but of %s: columns are found by their names in the config", list(missing), strings.Join(have, ", "))
	}
	return run, err
}
