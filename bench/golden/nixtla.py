"""What the generators of NeuralForecast's nets share: a batch of windows as its training step makes them, and one file of a net."""

import logging
import unittest.mock
import warnings

import pandas as pd
import torch

from golden import B, H, L, draw, net, normal

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)

HIST, FUTR, STAT = ["hist1", "hist2"], ["futr1", "futr2", "futr3"], ["stat1", "stat2"]


def windows(channels, exogenous, future_only):
    """Inputs as model/ lays them out: past (B, C, L), target (B, C, H) with NaN where it is missing, hist (B, 2, L),
    futr (B, 3, L + H), stat (B, 2); of a multivariate net each channel has its own: hist (B, 2, C, L), futr (B, 3, C, L + H), stat (C, 2)."""
    inputs = {"past": normal(B, channels, L, seed=11), "target": normal(B, channels, H, seed=12)}
    inputs["target"][0, 0, 0] = inputs["target"][2, -1, -1] = float("nan")
    per = (channels,) if channels > 1 else ()
    if exogenous or future_only:
        inputs["futr"] = normal(B, len(FUTR), *per, L + H, seed=14)
    if exogenous:
        inputs["hist"] = normal(B, len(HIST), *per, L, seed=13)
        inputs["stat"] = normal(channels if channels > 1 else B, len(STAT), seed=15)
    return inputs


def parse(module, inputs, horizon):
    """The reference's own cutting and shifting of windows (BaseModel._parse_windows): its batch, target and mask."""
    y = torch.cat([inputs["past"], inputs["target"]], 2)[:, :, : L + horizon].transpose(1, 2)  # (B, L + H, C)
    columns = {"y": torch.nan_to_num(y), "available_mask": (~torch.isnan(y)).double()}
    for names, key in ((HIST, "hist"), (FUTR, "futr")):
        for i, name in enumerate(names if key in inputs else []):
            x = inputs[key][:, i]
            x = x.unsqueeze(1) if x.ndim == 2 else x  # (B, C, time)
            columns[name] = torch.nn.functional.pad(x, (0, L + horizon - x.shape[2])).transpose(1, 2)
    batch = {"y_idx": 0}
    cut = {
        "temporal": torch.stack(list(columns.values()), 2),  # (B, L + H, columns, C)
        "temporal_cols": pd.Index(list(columns)),
        "static": inputs.get("stat"),
        "static_cols": pd.Index(STAT),
    }
    insample_y, insample_mask, y, mask, hist, futr, stat = module._parse_windows(batch, cut)
    return {"insample_y": insample_y, "insample_mask": insample_mask, "hist_exog": hist, "futr_exog": futr, "stat_exog": stat}, y, mask


def recursion(module, inputs):
    """The reference's forecast step by step from its state, each step's (mean) forecast fed back (BaseModel._predict_step_recurrent_batch)."""
    module.predict_horizon, module.rnn_state = H, None
    module.scaler.x_shift, module.scaler.x_scale = torch.zeros(B, 1, 1, 1), torch.ones(B, 1, 1, 1)
    batch, _, _ = parse(module, inputs, H)
    batch["insample_y"], batch["insample_mask"] = batch["insample_y"][:, :L], batch["insample_mask"][:, :L]
    kept = module.h
    with torch.no_grad():
        y = module._predict_step_recurrent_batch(**batch, y_idx=0)  # (B, H, outputs); the mean of a distribution comes first
    module.h = kept
    return {"recursion": y[:, :, :1].transpose(1, 2)}


def model(name, cls, reference, options, loss, exogenous=False, channels=1, future_only=False, draws=None, **meta):
    """One file: net cls of NeuralForecast with the arguments reference, which are model/'s options.

    Scaling of windows is left out (scaler identity): it has files of its own. Output is (B, C, H) or, for several outputs a step,
    (B, C, H, outputs). draws is a seed for the indices that the net draws at random in its forward pass: the same every time, stored as
    drawn.0 …. A recursive net is trained on the first horizon steps of the target (its h_train), and forecasts all H by recursion; the
    reference puts 0 for hist where the lookback has ended. The values of a distribution's output are those before its domain map.
    """
    torch.manual_seed(1)
    lists = {"hist_exog_list": HIST, "futr_exog_list": FUTR, "stat_exog_list": STAT} if exogenous else {"futr_exog_list": FUTR} if future_only else {}
    if channels > 1:
        lists["n_series"] = channels
    one = 1 if reference.get("recurrent", "h_train" in reference) else 0  # BaseModel adds one to a recursive net's input
    module, horizon = cls(h=H, input_size=L - one, loss=loss, scaler_type="identity", **reference, **lists), H
    if module.RECURRENT:
        module.h = horizon = module.h_train  # as its training_step does
    draw(module)
    chosen = {f"{k}.{a}": v for k, m in module.named_modules() for a, v in vars(m).items() if a.startswith("index")}
    meta |= {"frequencies": chosen} if chosen else {}  # FEDformer's
    if hasattr(loss, "quantiles"):
        meta |= {"distribution": loss.distribution} if loss.is_distribution_output else {"quantiles": [round(q, 4) for q in loss.quantiles.tolist()]}
    inputs = windows(channels, exogenous, future_only)

    def run():
        batch, y, mask = parse(module, inputs, horizon)
        if draws is None:
            return batch, y, mask, loss.domain_map(module(batch))
        torch.manual_seed(draws)
        drawn, randint = [], torch.randint

        def recorded(*arguments, **named):
            drawn.append(randint(*arguments, **named))
            return drawn[-1]

        with unittest.mock.patch("torch.randint", recorded):
            output = loss.domain_map(module(batch))
        state["drawn"] = {f"drawn.{i}": x for i, x in enumerate(drawn)}
        return batch, y, mask, output

    state = {}

    def forward():
        state["batch"], state["y"], state["mask"], output = run()
        return output if not loss.is_distribution_output else torch.stack([o.squeeze(-1) for o in output], -1).unsqueeze(1)  # (B, 1, H, parameters)

    def measure(output):
        if not loss.is_distribution_output:
            return loss(y=state["y"], y_hat=output, y_insample=state["batch"]["insample_y"], mask=state["mask"])
        raw = tuple(o.unsqueeze(-1) for o in output.squeeze(1).unbind(-1))
        return loss(y=state["y"], distr_args=loss.scale_decouple(output=raw, loc=torch.zeros(1), scale=torch.ones(1)), mask=state["mask"])

    def kept(output):
        arrays = {}
        if not loss.is_distribution_output:
            axes = (0, 2, 1) if output.ndim == 3 else (0, 2, 1, 3)
            arrays["output"] = output.permute(*axes)
        return arrays | state.get("drawn", {}) | (recursion(module, inputs) if module.RECURRENT else {})

    net(name, module, forward, measure, inputs, extra=kept, kind=name.split("_")[0], options=options, lookback=L, horizon=horizon,
        channels=channels, loss=type(loss).__name__, reference=f"neuralforecast {cls.__name__}", arguments=reference, **meta)
