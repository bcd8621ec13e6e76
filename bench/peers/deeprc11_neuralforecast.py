"""The eleven nets of inputs/deeprc11.toml in NeuralForecast: the same series, windows, updates, losses and rates, one after the other, on
the test windows that deeprc evaluates. Prints one JSON line.

    deeprc data synth monthly.csv --series 1 --months 300
    awk -F, -v OFS=, '$2 == "" { $2 = p } { p = $2 } 1' monthly.csv > series.csv
    python deeprc11_neuralforecast.py --data series.csv --threads 2

Nets are at NeuralForecast's defaults, which are deeprc's. Weights and the windows of a batch are drawn from --seed: errors differ as those of two seeds do.
"""
import argparse
import json
import logging
import os
import time
import tomllib
import warnings
from pathlib import Path

begin = time.perf_counter()
here = Path(__file__).resolve().parent
p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--config", default=here / "../../inputs/deeprc11.toml")
p.add_argument("--data", required=True, help="CSV of times and one series")
p.add_argument("--threads", type=int, required=True)
p.add_argument("--seed", type=int, default=1)
o = p.parse_args()
os.environ["OMP_NUM_THREADS"] = str(o.threads)  # before PyTorch is loaded: it makes its threads then
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast, __version__, models
from neuralforecast.losses.pytorch import MAE, DistributionLoss

from peer import peak

NAMES = {"nbeats": "NBEATS", "deepar": "DeepAR", "lstm": "LSTM", "nhits": "NHITS", "gru": "GRU", "tcn": "TCN", "autoformer": "Autoformer",
         "fedformer": "FEDformer", "timesnet": "TimesNet", "vanillatransformer": "VanillaTransformer", "patchtst": "PatchTST"}

with open(o.config, "rb") as f:
    config = tomllib.load(f)
torch.set_num_threads(o.threads)
L, H, train = config["windows"]["lookback"], config["windows"]["horizon"], config["train"]
table = pd.read_csv(o.data)
table.columns = ["ds", "y"]
table["ds"], table["unique_id"] = pd.to_datetime(table["ds"]), "s"
n = len(table)
bounds = np.round(np.cumsum(config["data"]["split"]) * n).astype(int)
if table["y"].isna().any():
    raise SystemExit(f"{o.data}: NeuralForecast knows no gaps: fill them, for both, as --help says")
# by the train part alone, as deeprc: local_scaler_type = "standard" would look at the test part, too
shift, scale = table["y"][: bounds[0]].mean(), table["y"][: bounds[0]].std(ddof=0)
table["y"] = (table["y"] - shift) / scale
loading = time.perf_counter() - begin

rows = {}
for m in config["model"]:
    own = train | m.get("train", {})
    start = time.perf_counter()
    loss = DistributionLoss("StudentT", level=[80, 90]) if own["loss"] == "studentt" else MAE()
    net = getattr(models, NAMES[m["net"]])(
        h=H, input_size=L, max_steps=own["steps"], learning_rate=own.get("lr", 1e-3), num_lr_decays=-1, batch_size=1, windows_batch_size=own["batch"],
        val_check_steps=own["val_every"], loss=loss, random_seed=o.seed, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False)
    forecasts = NeuralForecast([net], freq=pd.infer_freq(table["ds"])).cross_validation(
        table, val_size=int(bounds[1] - bounds[0]), test_size=int(n - bounds[1]), n_windows=None)
    y = forecasts["y"] * scale + shift
    error = forecasts[NAMES[m["net"]]] * scale + shift - y
    rows[m["net"]] = {"rmse": float(np.sqrt((error**2).mean())), "mae": float(error.abs().mean()), "mape": float((error / y).abs().mean()),
                      "windows": int(forecasts["cutoff"].nunique()), "seconds": time.perf_counter() - start}
print(json.dumps({"engine": "neuralforecast", "version": __version__, "torch": torch.__version__, "threads": o.threads, "seed": o.seed, "models": rows,
                  "seconds_load": loading, "seconds": time.perf_counter() - begin, "rss_bytes": peak()}))
