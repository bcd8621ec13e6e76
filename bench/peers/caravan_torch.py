"""The rainfall–runoff LSTM of inputs/caravan_lstm.toml in PyTorch, as NeuralHydrology's CudaLSTM trains: the same windows, loss,
optimizer and number of updates, evaluated on the same test windows. Prints one JSON line.

    python caravan_torch.py --caravan DIR --camels DIR --threads 2

DIR of --caravan has the basins' CSV files, that of --camels has camels_attributes_v2.0.

Weights and the order of windows are PyTorch's own, from --seed: errors differ as those of two seeds do.
"""
import argparse
import glob
import json
import os
import time
import tomllib
from pathlib import Path

here = Path(__file__).resolve().parent
p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--config", default=here / "../../inputs/caravan_lstm.toml")
p.add_argument("--caravan", required=True)
p.add_argument("--camels", required=True)
p.add_argument("--threads", type=int, required=True)
p.add_argument("--seed", type=int, default=1)
p.add_argument("--steps", type=int, default=0, help="updates; 0: the epochs of the configuration")
o = p.parse_args()
os.environ["OMP_NUM_THREADS"] = str(o.threads)  # before PyTorch is loaded: it makes its threads then

import numpy as np
import polars as pl
import torch
from torch import nn

from peer import peak

with open(o.config, "rb") as f:
    config = tomllib.load(f)
data, windows, train, model = config["data"], config["windows"], config["train"], config["model"][0]
L, H, stride, B = windows["lookback"], windows["horizon"], windows["stride"], train["batch"]
FIRST = np.datetime64("1981-01-01")
TRAIN, TEST = [int((np.datetime64(d) - FIRST).astype(int)) for d in data["split"]]
torch.set_num_threads(o.threads)
torch.manual_seed(o.seed)

# basins (G, T, p t pet q), attributes (G, S)
begin = time.perf_counter()
files = sorted(glob.glob(o.caravan + "/[0-9]*.csv"))
basins = np.stack([pl.read_csv(f, has_header=False, null_values=["NA"], schema_overrides=[pl.Float64] * 4).to_numpy() for f in files])
table = None
for kind in ["clim", "geol", "hydro", "name", "soil", "topo", "vege"]:
    part = pl.read_csv(f"{o.camels}/camels_attributes_v2.0/camels_{kind}.txt", separator=";", null_values=["NA"], schema_overrides={"gauge_id": pl.String},
                       infer_schema_length=None)
    table = part if table is None else table.join(part, on="gauge_id")
ids = pl.DataFrame({"gauge_id": [Path(f).stem for f in files]})
static = ids.join(table, on="gauge_id", how="left", maintain_order="left").select(data["static"]).to_numpy().astype(np.float64)

past = basins[:, :TRAIN]
mean, deviation = np.nanmean(past, axis=(0, 1)), np.nanstd(past, axis=(0, 1))
scaled = (basins - mean) / deviation
x = torch.tensor(scaled[..., :3], dtype=torch.float32)  # (G, T, 3)
y = torch.tensor(scaled[..., 3], dtype=torch.float32)  # (G, T), NaN where missing
static = torch.tensor((static - static.mean(0)) / static.std(0), dtype=torch.float32)
weight = 1 / (torch.tensor(np.nanstd(scaled[:, :TRAIN, 3], axis=1), dtype=torch.float32) + 0.1) ** 2  # of NSE's loss, (G)
G, T, S = len(files), basins.shape[1], static.shape[1]
loading = time.perf_counter() - begin


class CudaLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(3 + S, model["hidden"]), nn.Linear(model["hidden"], 1)
        self.lstm.bias_hh_l0.data[model["hidden"]:2 * model["hidden"]] = model["forget_bias"]

    def forward(self, x, static):
        """dynamics (L+H, B, 3), statics (B, S): flow of the last H days (H, B)"""
        h, _ = self.lstm(torch.cat([x, static.expand(len(x), -1, -1)], dim=-1))
        return self.head(h[-H:]).squeeze(-1)


def starts(begin, end):
    """(basin, first day) of the windows whose horizon lies between those days"""
    begin = max(begin - L, 0)
    days = torch.arange(begin, end - L - H + 1, stride)
    return torch.cartesian_prod(torch.arange(G), days)


def batch(at):
    """dynamics (L+H, B, 3), statics (B, S), flow (H, B) of the windows at (B, 2)"""
    basin, day = at[:, 0], at[:, 1] + torch.arange(L + H).unsqueeze(1)
    return x[basin, day], static[basin], y[basin, day[L:]]


net = CudaLSTM()
adam = torch.optim.Adam(net.parameters(), lr=train["lr"], fused=True)
at = starts(0, TRAIN)
updates, epoch, begin = 0, 0, time.perf_counter()
full = o.steps or train["epochs"] * -(-len(at) // B)
while updates < full:
    epoch += 1
    for group in adam.param_groups:
        group["lr"] = ([train["lr"]] + [v for k, v in train.get("lr_epochs", {}).items() if int(k) <= epoch])[-1]
    for rows in at[torch.randperm(len(at))].split(B):
        if updates == full:
            break
        dynamics, attributes, flow = batch(rows)
        valid = ~flow.isnan()
        error = (net(dynamics, attributes) - flow.nan_to_num()) ** 2 * weight[rows[:, 0]]
        loss = error[valid].mean()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), train["clip_norm"])
        adam.step()
        adam.zero_grad()
        updates += 1
training = time.perf_counter() - begin

begin = time.perf_counter()
at, simulated = starts(TEST, T), []
with torch.no_grad():
    for rows in at.split(B):
        simulated.append(net(*batch(rows)[:2]).T)  # (B, H)
simulated = torch.cat(simulated).reshape(G, -1).double() * deviation[3] + mean[3]
first = TEST
observed = torch.tensor(basins[:, first:first + simulated.shape[1], 3])
valid = ~observed.isnan()
nse = []
for sim, obs, ok in zip(simulated, observed, valid):
    sim, obs = sim[ok], obs[ok]
    nse.append((1 - ((sim - obs) ** 2).sum() / ((obs - obs.mean()) ** 2).sum()).item())
evaluating = time.perf_counter() - begin
print(json.dumps({"engine": "torch", "version": torch.__version__, "threads": o.threads, "seed": o.seed, "basins": G,
                  "parameters": sum(w.numel() for w in net.parameters()), "updates": updates, "loss": loss.item(), "test_windows": len(at),
                  "nse": float(np.median(nse)), "nse_mean": float(np.mean(nse)), "seconds_load": loading, "seconds_train": training,
                  "seconds_evaluate": evaluating, "rss_bytes": peak()}))
