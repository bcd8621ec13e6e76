"""Losses: NeuralForecast's on points, quantiles and distributions, NeuralHydrology's NSE loss. A missing target is NaN."""

import pathlib
import tempfile

import torch
from neuralforecast.losses import pytorch as nf
from neuralhydrology.training import get_loss_obj
from neuralhydrology.utils.config import Config

from golden import B, H, L, functions, normal


def points():
    y, past, forecast = normal(B, 1, H, seed=81), normal(B, 1, L, seed=82), normal(B, 1, H, seed=83)
    y[0, 0, 1] = y[2, 0, 5] = float("nan")
    y[1, 0, 3] = 0  # MAPE leaves it out
    mask = (~torch.isnan(y)).double().transpose(1, 2)

    def of(loss):
        return lambda f: loss(y=torch.nan_to_num(y).transpose(1, 2), y_hat=f.transpose(1, 2), y_insample=past.transpose(1, 2), mask=mask).reshape(1)

    named = {"mae": nf.MAE(), "mse": nf.MSE(), "rmse": nf.RMSE(), "mape": nf.MAPE(), "smape": nf.SMAPE()}
    cases = [(key, of(loss), [forecast], {}) for key, loss in named.items()]
    cases += [
        ("huber", of(nf.HuberLoss(delta=0.7)), [forecast], {"delta": 0.7}),
        ("mase", of(nf.MASE(seasonality=4)), [forecast], {"season": 4}),
        ("quantile", of(nf.QuantileLoss(q=0.2)), [forecast], {"quantile": 0.2}),
    ]
    levels = nf.MQLoss(level=[80, 90])

    def multi(f):  # (B, 1, H, quantiles)
        return levels(y=torch.nan_to_num(y).transpose(1, 2), y_hat=f.transpose(1, 2), mask=mask).reshape(1)

    # The reference divides by the length of the wrong axis, 1: it is the sum over the quantiles, not the mean.
    cases.append(("quantiles", multi, [normal(B, 1, H, 5, seed=84)], {"quantiles": levels.quantiles.tolist()}))
    functions("losses", cases, {"target": y, "past": past})


def distributions():
    y, counts = normal(B, 1, H, seed=85), torch.floor(3 * normal(B, 1, H, seed=86).abs())
    loc, scale = normal(B, 1, 1, seed=87), normal(B, 1, 1, seed=88).abs().float().double() + 0.5
    y[0, 0, 1] = y[2, 0, 5] = counts[1, 0, 2] = float("nan")
    cases = []
    for name, parameters, target in (("Normal", 2, y), ("StudentT", 3, y), ("Poisson", 1, counts), ("NegativeBinomial", 2, counts)):
        loss = nf.DistributionLoss(name)
        mask = (~torch.isnan(target)).double().transpose(1, 2)

        def arguments(raw, loss=loss, scaled=False):  # raw (B, 1, H, parameters)
            raw = loss.domain_map(raw.squeeze(1))
            return loss.scale_decouple(output=raw, loc=loc if scaled else None, scale=scale if scaled else None)

        def value(raw, loss=loss, target=target, mask=mask, scaled=False):
            return loss(y=torch.nan_to_num(target).transpose(1, 2), distr_args=arguments(raw, loss, scaled), mask=mask).reshape(1)

        def mapped(raw, loss=loss):
            return torch.stack([a.squeeze(-1) for a in arguments(raw, loss)], -1).unsqueeze(1)

        raw, key = normal(B, 1, H, parameters, seed=89), name.lower()
        about = {"target": "counts" if target is counts else "target"}
        cases += [
            (key, value, [raw], about),
            (f"{key}_arguments", mapped, [raw], about),  # after the domain map: what torch.distributions takes
        ]
        if name in ("Normal", "StudentT"):  # the window's shift and scale inside the likelihood
            cases.append((f"{key}_scaled", lambda raw, value=value: value(raw, scaled=True), [raw], about))
    functions("losses_distribution", cases, {"target": y, "counts": counts, "loc": loc, "scale": scale})


def hydrology():
    config = {"target_variables": ["flow"], "predict_last_n": 5, "run_dir": pathlib.Path(tempfile.gettempdir())}
    y, std, forecast = normal(B, 1, 5, seed=91), normal(B, seed=92).abs(), normal(B, 1, 5, seed=93)
    y[0, 0, 1] = y[2, 0, 4] = float("nan")
    data = {"y": y.transpose(1, 2), "per_basin_target_stds": std.reshape(B, 1, 1)}
    cases = []
    for name in ("NSE", "MSE", "RMSE"):
        objective = get_loss_obj(Config({**config, "loss": name}))
        cases.append((name.lower(), lambda f, o=objective: o({"y_hat": f.transpose(1, 2)}, data)[0].reshape(1), [forecast], {}))
    functions("losses_hydrology", cases, {"target": y, "std": std})


def generate():
    points()
    distributions()
    hydrology()
