"""Metrics, in float64: NeuralHydrology's of daily flow, NeuralForecast's and utilsforecast's of forecasts, a value for each series."""

import numpy as np
import pandas as pd
import torch
import xarray
from neuralforecast.losses import numpy as nf
from neuralhydrology.evaluation import metrics as nh
from utilsforecast import losses as uf

from golden import normal, write

DAYS, SERIES = 800, 6
HYDROLOGY = {
    "nse": nh.nse, "mse": nh.mse, "rmse": nh.rmse, "kge": nh.kge, "alpha_nse": nh.alpha_nse, "beta_nse": nh.beta_nse, "beta_kge": nh.beta_kge,
    "pearson_r": nh.pearsonr, "fhv": nh.fdc_fhv, "fms": nh.fdc_fms, "flv": nh.fdc_flv, "peak_timing": nh.mean_peak_timing,
    "missed_peaks": nh.missed_peaks, "peak_mape": nh.mean_absolute_percentage_peak_error,
}  # fmt: skip


def hydrology():
    """Flow with seasons and floods: one series with holes, one with days without flow, one flooding late in the simulation, one all missing."""
    day = torch.arange(DAYS).double()
    flood = normal(SERIES, DAYS, seed=111).abs() ** 4
    decay = 0.8 ** torch.arange(30).double()
    flow = torch.nn.functional.conv1d(torch.nn.functional.pad(flood[:, None], (29, 0)), decay.flip(0)[None, None])[:, 0]
    obs = (1 + torch.sin(day * 2 * torch.pi / 365) + 0.3 * flow + 0.1).float()
    sim = (0.8 * obs + 0.5 * normal(SERIES, DAYS, seed=112).abs()).float()
    obs[1, 100:140] = obs[1, 333] = float("nan")
    obs[2, 200:420] = 0
    sim[2, 300:350] = 0
    sim[3] = torch.roll(sim[3], 2)
    obs[4] = float("nan")
    obs[5, 1:] = float("nan")  # a single value
    days = pd.date_range("2000-01-01", periods=DAYS)
    arrays = {"obs": obs, "sim": sim}
    for key, metric in HYDROLOGY.items():
        values = []
        for o, s in zip(obs.double().numpy(), sim.double().numpy()):
            pair = [xarray.DataArray(x, coords={"date": days}, dims=["date"]) for x in (o, s)]
            try:
                values.append(float(metric(*pair)))
            except Exception as error:  # the reference gives up where there is nothing to measure
                print(f"  {key}: {type(error).__name__}: {error}")
                values.append(float("nan"))
        arrays[f"metric.{key}"] = torch.tensor(values)
    write("metrics_hydrology", arrays, start="2000-01-01", step="1D", reference="neuralhydrology.evaluation.metrics")


def forecasts():
    """y (series, H) with holes, forecasts, quantiles (series, H, quantiles), past (series, L)."""
    series, horizon, lookback, season = 4, 24, 48, 12
    y, p, past = ((x + 3).float() for x in (normal(series, horizon, seed=121), normal(series, horizon, seed=122), normal(series, lookback, seed=123)))
    y[1, 3:6] = float("nan")
    y[2, 7] = 0
    quantiles = [0.05, 0.1, 0.5, 0.9, 0.95]
    q = (p[..., None] + torch.tensor([-1.6, -1.2, 0.1, 1.2, 1.6])).float()
    arrays = {"y": y, "forecast": p, "past": past, "quantiles": q}
    ids = np.repeat(np.arange(series), horizon)
    days = np.tile(np.arange(lookback, lookback + horizon), series)
    frame = pd.DataFrame({"unique_id": ids, "ds": days, "y": y.double().flatten(), "m": p.double().flatten()})
    columns = ["m-lo-90", "m-lo-80", "m-median", "m-hi-80", "m-hi-90"]
    for i, c in enumerate(columns):
        frame[c] = q[..., i].double().flatten()
    train = pd.DataFrame({"unique_id": np.repeat(np.arange(series), lookback), "ds": np.tile(np.arange(lookback), series), "y": past.double().flatten()})

    def keep(key, result):
        arrays[f"metric.{key}"] = torch.tensor(result["m"].to_numpy(dtype=float))

    for key in ("mae", "mse", "rmse", "mape", "smape"):
        keep(key, getattr(uf, key)(frame, ["m"]))
    keep("mase", uf.mase(frame, ["m"], season, train))
    keep("quantile_loss", uf.quantile_loss(frame, {"m": "m-lo-80"}, 0.1))
    keep("mqloss", uf.mqloss(frame, {"m": columns}, np.array(quantiles)))
    keep("scaled_crps", uf.scaled_crps(frame, {"m": columns}, np.array(quantiles)))
    keep("coverage_80", uf.coverage(frame, ["m"], 80))
    keep("coverage_90", uf.coverage(frame, ["m"], 90))
    known = ~torch.isnan(y)
    a, b = torch.nan_to_num(y).double().numpy(), p.double().numpy()
    for key in ("mae", "mse", "rmse", "mape", "smape"):
        arrays[f"metric.all_{key}"] = torch.tensor([float(getattr(nf, key)(a, b, weights=known.double().numpy()))])
    write("metrics_forecast", arrays, season=season, quantiles=quantiles, reference="utilsforecast.losses a series; all_: neuralforecast.losses.numpy over all")


def generate():
    hydrology()
    forecasts()
