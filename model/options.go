package model

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TrainOptions is the [train] table.
type TrainOptions struct {
	Optimizer       string          `toml:"optimizer" default:"adam" doc:"adam (L2 weight decay) or adamw (decoupled)"`
	LR              float64         `toml:"lr" default:"1e-3" doc:"learning rate at the start"`
	Batch           int             `toml:"batch" default:"32" doc:"windows of one global batch, split over the ranks"`
	Epochs          int             `toml:"epochs" default:"10" doc:"passes over the train windows; 0, with steps = 0: no training, the model is evaluated as model.init gives it"`
	Steps           int             `toml:"steps" default:"0" doc:"updates in all, each of a whole batch, which may end one pass and begin the next; 0: epochs decides, else it does"`
	Loss            string          `toml:"loss" default:"mse" doc:"on standardised values: mse, mae, huber, rmse, mape, smape, mase, nse (squared errors over (deviation of the series in the train part + 0.1)²), quantile, mqloss (several quantiles), or a distribution's negative log-likelihood: normal, studentt, poisson, negativebinomial (the last two of counts that are not scaled)"`
	LossScale       string          `toml:"loss_scale" default:"series" doc:"of mse, mae, huber, rmse, quantile and mqloss in training, for a model with a scaler: series, as validation measures it, or window, where errors count in units of each window's own scale, as in NeuralForecast; a window that hardly changes then weighs much"`
	HuberDelta      float64         `toml:"huber_delta" default:"1.0" doc:"huber: quadratic below it, linear above"`
	Season          int             `toml:"mase_season" default:"1" doc:"mase: steps of a season; errors count in units of the mean change over a season, for the loss in the lookback, for the metric in the train part"`
	Quantile        float64         `toml:"quantile" default:"0.5" doc:"quantile: the one to forecast"`
	Levels          []float64       `toml:"levels" default:"[80, 90]" doc:"mqloss and distributions: central intervals to forecast, in percent, as columns <model>-lo-80 and <model>-hi-80, with the median as <model>-median"`
	Quantiles       []float64       `toml:"quantiles" default:"[]" doc:"mqloss: the quantiles themselves, 0.5 among them; empty: those of levels"`
	Schedule        string          `toml:"schedule" default:"constant" doc:"of the learning rate: constant, step, cosine, halve (per epoch) or epochs (lr_epochs)"`
	StepSize        int             `toml:"step_size" default:"1000" doc:"schedule step: updates between two drops, where num_lr_decays does not say it"`
	LRDecays        int             `toml:"num_lr_decays" default:"0" doc:"schedule step: drops, evenly over all updates (NeuralForecast's key); 0: as step_size says"`
	Gamma           float64         `toml:"gamma" default:"0.5" doc:"schedule step: factor of a drop"`
	LRMin           float64         `toml:"lr_min" default:"0.0" doc:"schedule cosine: learning rate at the end"`
	LREpochs        map[int]float64 `toml:"lr_epochs" default:"{}" doc:"schedule epochs: learning rate from the start of an epoch on, the first being 1 (NeuralHydrology's learning_rate), as { 10 = 5e-4, 20 = 1e-4 }; before them lr"`
	ClipNorm        float64         `toml:"clip_norm" default:"0.0" doc:"gradients whose Euclidean norm over all parameters is larger are scaled down to it; 0: never"`
	WeightDecay     float64         `toml:"weight_decay" default:"0.0" doc:"per update; see optimizer"`
	Beta1           float64         `toml:"beta1" default:"0.9" doc:"Adam's decay of the first moment"`
	Beta2           float64         `toml:"beta2" default:"0.999" doc:"Adam's decay of the second moment"`
	Eps             float64         `toml:"eps" default:"1e-8" doc:"Adam's guard against division by zero"`
	ValEvery        int             `toml:"val_every" default:"0" doc:"updates between two validations; 0: after every epoch"`
	Patience        int             `toml:"patience" default:"3" doc:"validations without a better one before training stops; 0: never stop early"`
	CheckpointEvery string          `toml:"checkpoint_every" default:"10m" doc:"between two checkpoints: a number of updates, as 500 steps, or a time in s, m or h; empty: only when the run is interrupted, and at the end of a model's training"`
	LogEvery        int             `toml:"log_every" default:"1" doc:"updates between two rows of history.csv"`
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
	case o.Steps < 0 || o.Epochs < 0:
		return fmt.Errorf("epochs = %d, steps = %d: neither may be negative", o.Epochs, o.Steps)
	case max(o.Batch, o.Epochs, o.Steps, o.StepSize, o.LRDecays, o.ValEvery, o.Patience, o.LogEvery) > math.MaxInt32:
		return fmt.Errorf("batch, epochs, steps, step_size, num_lr_decays, val_every, patience and log_every must be below 2³¹")
	case o.StepSize < 1:
		return fmt.Errorf("step_size = %d: must be at least 1", o.StepSize)
	case o.LRDecays < 0:
		return fmt.Errorf("num_lr_decays = %d: must not be negative", o.LRDecays)
	case o.LRDecays > 0 && o.Schedule != "step":
		return fmt.Errorf("num_lr_decays = %d belongs to schedule = \"step\", which is %q", o.LRDecays, o.Schedule)
	case (len(o.LREpochs) > 0) != (o.Schedule == "epochs"):
		return fmt.Errorf("lr_epochs and schedule = \"epochs\" belong together: schedule is %q, and lr_epochs has %d epochs", o.Schedule, len(o.LREpochs))
	case o.ClipNorm < 0 || math.IsNaN(o.ClipNorm):
		return fmt.Errorf("clip_norm = %g: must not be negative", o.ClipNorm)
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
	if _, _, err := o.checkpointEvery(); err != nil {
		return err
	}
	for _, e := range slices.Sorted(maps.Keys(o.LREpochs)) {
		if r := o.LREpochs[e]; e < 0 || !(r > 0) || math.IsInf(r, 0) {
			return fmt.Errorf("lr_epochs: %g from epoch %d on: an epoch is at least 0 and a learning rate above 0", r, e)
		}
	}
	return o.checkLoss()
}

// checkpointEvery is CheckpointEvery as updates or as time, the other 0.
func (o TrainOptions) checkpointEvery() (steps int, span time.Duration, err error) {
	if o.CheckpointEvery == "" {
		return 0, 0, nil
	}
	if n, ok := strings.CutSuffix(o.CheckpointEvery, " steps"); ok {
		if steps, err = strconv.Atoi(n); err == nil && steps > 0 {
			return steps, 0, nil
		}
	} else if span, err = time.ParseDuration(o.CheckpointEvery); err == nil && span > 0 {
		return 0, span, nil
	}
	return 0, 0, fmt.Errorf("checkpoint_every = %q: want a number of updates, as 500 steps, or a time, as 10m", o.CheckpointEvery)
}

func (o TrainOptions) adam() adam {
	return adam{beta1: float32(o.Beta1), beta2: float32(o.Beta2), eps: float32(o.Eps),
		decay: float32(o.WeightDecay), decoupled: o.Optimizer == "adamw", clip: float32(o.ClipNorm)}
}

var scheduleNames = []string{"constant", "step", "cosine", "halve", "epochs"}

// rate is the learning rate of update i (from 0) of total, in epoch e (from 0).
func (o TrainOptions) rate(i, total, e int) float64 {
	switch o.Schedule {
	case "step":
		size := o.StepSize
		if o.LRDecays > 0 {
			size = max(total/o.LRDecays, 1)
		}
		return o.LR * math.Pow(o.Gamma, float64(i/size))
	case "cosine": // Loshchilov and Hutter 2017, eq. 5, without restarts
		return o.LRMin + (o.LR-o.LRMin)*(1+math.Cos(math.Pi*float64(i)/float64(total)))/2
	case "halve": // "type1" of the long-horizon benchmarks
		return o.LR * math.Pow(0.5, float64(e))
	case "epochs":
		from, lr := -1, o.LR
		for k, r := range o.LREpochs {
			if k <= e+1 && k > from {
				from, lr = k, r
			}
		}
		return lr
	}
	return o.LR
}
