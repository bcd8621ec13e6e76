package model

import (
	"fmt"
	"math"
	"slices"
)

// TrainOptions is the [train] table.
type TrainOptions struct {
	Optimizer   string    `toml:"optimizer" default:"adam" doc:"adam (L2 weight decay) or adamw (decoupled)"`
	LR          float64   `toml:"lr" default:"1e-3" doc:"learning rate at the start"`
	Batch       int       `toml:"batch" default:"32" doc:"windows of one global batch, split over the ranks"`
	Epochs      int       `toml:"epochs" default:"10" doc:"passes over the train windows"`
	Steps       int       `toml:"steps" default:"0" doc:"updates in all; 0: epochs decides, else it does"`
	Loss        string    `toml:"loss" default:"mse" doc:"on standardised values: mse, mae, huber, rmse, mape, smape, mase, nse (squared errors over (deviation of the series in the train part + 0.1)²), quantile, mqloss (several quantiles), or a distribution's negative log-likelihood: normal, studentt, poisson, negativebinomial (the last two of counts that are not scaled)"`
	HuberDelta  float64   `toml:"huber_delta" default:"1.0" doc:"huber: quadratic below it, linear above"`
	Season      int       `toml:"mase_season" default:"1" doc:"mase: steps of a season; errors count in units of the mean change over a season in the lookback"`
	Quantile    float64   `toml:"quantile" default:"0.5" doc:"quantile: the one to forecast"`
	Levels      []float64 `toml:"levels" default:"[80, 90]" doc:"mqloss and distributions: central intervals to forecast, in percent, as columns <model>-lo-80 and <model>-hi-80, with the median as <model>-median"`
	Quantiles   []float64 `toml:"quantiles" default:"[]" doc:"mqloss: the quantiles themselves, 0.5 among them; empty: those of levels"`
	Schedule    string    `toml:"schedule" default:"constant" doc:"of the learning rate: constant, step, cosine or halve (per epoch)"`
	StepSize    int       `toml:"step_size" default:"1000" doc:"schedule step: updates between two drops"`
	Gamma       float64   `toml:"gamma" default:"0.5" doc:"schedule step: factor of a drop"`
	LRMin       float64   `toml:"lr_min" default:"0.0" doc:"schedule cosine: learning rate at the end"`
	WeightDecay float64   `toml:"weight_decay" default:"0.0" doc:"per update; see optimizer"`
	Beta1       float64   `toml:"beta1" default:"0.9" doc:"Adam's decay of the first moment"`
	Beta2       float64   `toml:"beta2" default:"0.999" doc:"Adam's decay of the second moment"`
	Eps         float64   `toml:"eps" default:"1e-8" doc:"Adam's guard against division by zero"`
	ValEvery    int       `toml:"val_every" default:"0" doc:"updates between two validations; 0: after every epoch"`
	Patience    int       `toml:"patience" default:"3" doc:"validations without a better one before training stops; 0: never stop early"`
	LogEvery    int       `toml:"log_every" default:"1" doc:"updates between two rows of history.csv"`
}

// Check reports the first option that makes no sense, by its key.
func (o TrainOptions) Check() error {
	switch {
	case o.Optimizer != "adam" && o.Optimizer != "adamw":
		return fmt.Errorf("optimizer = %q: want adam or adamw", o.Optimizer)
	case !slices.Contains(scheduleNames, o.Schedule):
		return fmt.Errorf("schedule = %q: want one of %v", o.Schedule, scheduleNames)
	case !(o.LR > 0) || math.IsInf(o.LR, 0):
		return fmt.Errorf("lr = %g: must be above 0", o.LR)
	case o.Batch < 1:
		return fmt.Errorf("batch = %d: must be at least 1", o.Batch)
	case o.Steps < 0 || o.Steps == 0 && o.Epochs < 1:
		return fmt.Errorf("epochs = %d, steps = %d: one of them must be at least 1", o.Epochs, o.Steps)
	case max(o.Batch, o.Epochs, o.Steps, o.StepSize, o.ValEvery, o.Patience, o.LogEvery) > math.MaxInt32:
		return fmt.Errorf("batch, epochs, steps, step_size, val_every, patience and log_every must be below 2³¹")
	case o.StepSize < 1:
		return fmt.Errorf("step_size = %d: must be at least 1", o.StepSize)
	case !(o.Gamma > 0 && o.Gamma <= 1):
		return fmt.Errorf("gamma = %g: must be in (0, 1]", o.Gamma)
	case o.LRMin < 0 || o.LRMin > o.LR:
		return fmt.Errorf("lr_min = %g: must be between 0 and lr = %g", o.LRMin, o.LR)
	case o.WeightDecay < 0 || math.IsNaN(o.WeightDecay):
		return fmt.Errorf("weight_decay = %g: must not be negative", o.WeightDecay)
	case !(o.Beta1 >= 0 && o.Beta1 < 1):
		return fmt.Errorf("beta1 = %g: must be in [0, 1)", o.Beta1)
	case !(o.Beta2 >= 0 && o.Beta2 < 1):
		return fmt.Errorf("beta2 = %g: must be in [0, 1)", o.Beta2)
	case !(o.Eps > 0):
		return fmt.Errorf("eps = %g: must be above 0", o.Eps)
	case o.ValEvery < 0:
		return fmt.Errorf("val_every = %d: must not be negative", o.ValEvery)
	case o.Patience < 0:
		return fmt.Errorf("patience = %d: must not be negative", o.Patience)
	case o.LogEvery < 1:
		return fmt.Errorf("log_every = %d: must be at least 1", o.LogEvery)
	}
	return o.checkLoss()
}

func (o TrainOptions) adam() adam {
	return adam{beta1: float32(o.Beta1), beta2: float32(o.Beta2), eps: float32(o.Eps),
		decay: float32(o.WeightDecay), decoupled: o.Optimizer == "adamw"}
}

var scheduleNames = []string{"constant", "step", "cosine", "halve"}

// rate is the learning rate of update i (from 0) of total, in epoch e (from 0).
func (o TrainOptions) rate(i, total, e int) float64 {
	switch o.Schedule {
	case "step":
		return o.LR * math.Pow(o.Gamma, float64(i/o.StepSize))
	case "cosine": // Loshchilov and Hutter 2017, eq. 5, without restarts
		return o.LRMin + (o.LR-o.LRMin)*(1+math.Cos(math.Pi*float64(i)/float64(total)))/2
	case "halve": // "type1" of the long-horizon benchmarks
		return o.LR * math.Pow(0.5, float64(e))
	}
	return o.LR
}
