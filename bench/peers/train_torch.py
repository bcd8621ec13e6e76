"""Train one net in PyTorch on noise, in this process, and print one JSON line.

    python train_torch.py --engine torch-eager --net nhits --threads 2 --lookback 336 --horizon 96 --channels 7 --batch 32

Engines: torch-eager, and torch-compile, in which model and loss go through torch.compile: all but the layers nn.RNN, nn.GRU and
nn.LSTM, which stay PyTorch's own kernels, and of a recurrence that is a loop in Python only the loop's body. Else every time step is
compiled by itself, for many minutes. Both end in torch.optim.Adam with
fused=True, the fastest of its forms on a CPU. Nets are those of nets_torch.py.

A step is what deeprc's is: windows gathered from series, forward, backward, update; float32.

Printed: steps and seconds of the measurement alone, after steps that compile and warm up; rss_bytes, the most memory of the
process during it (VmHWM of proc(5), reset before); parameters, by which nets are compared.
"""
import argparse
import json
import math
import os
import time

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--engine", required=True, choices=["torch-eager", "torch-compile"])
p.add_argument("--net", required=True)
p.add_argument("--threads", type=int, required=True)
p.add_argument("--steps", type=int, default=0, help="of the measurement; 0: as many as take about a second")
for shape in ["lookback", "horizon", "channels", "batch"]:
    p.add_argument("--" + shape, type=int, required=True)
p.add_argument("--future", type=int, default=0, help="columns known for every step")
p.add_argument("--static", type=int, default=0, help="values a series")
p.add_argument("--loss", default="mse", choices=["mse", "studentt"])
o = p.parse_args()
os.environ["OMP_NUM_THREADS"] = str(o.threads)  # before PyTorch is loaded: it makes its threads then

import torch
from torch.nn import functional as F

import nets_torch
from peer import peak, reset_peak

if o.net not in nets_torch.NETS:
    p.error(f"no net {o.net} in nets_torch.py; it has {', '.join(nets_torch.NETS)}")
torch.set_num_threads(o.threads)
torch.manual_seed(1)
B, C, L, H = o.batch, o.channels, o.lookback, o.horizon
STARTS = 8192
outputs = {"mse": 1, "studentt": 3}[o.loss]
net = nets_torch.NETS[o.net](L, H, C, o.future, o.static, outputs)
adam = torch.optim.Adam(net.parameters(), lr=1e-4, fused=not any(p.is_complex() for p in net.parameters()))
series = torch.randn(C, STARTS + L + H - 1).unfold(1, L + H, 1)  # (C, starts, L+H), a view
future = torch.randn(o.future, STARTS + L + H - 1).unfold(1, L + H, 1) if o.future else None
static = torch.randn(1, o.static).expand(B, -1) if o.static else None


def loss_of(y, future):
    """of windows y (B, C, L+H) and columns (B, F, L+H)"""
    forecast = net(y[..., :L], future, static)  # (B, C, T·K), T ≤ H steps
    truth = y[..., L:L + forecast.shape[-1] // outputs]
    if o.loss == "mse":
        return F.mse_loss(forecast, truth)
    df, loc, scale = forecast.unflatten(-1, (-1, 3)).unbind(-1)
    student = torch.distributions.StudentT(3 + F.softplus(df), loc, F.softplus(scale), validate_args=False)
    return -student.log_prob(truth).mean()


if o.engine == "torch-compile":
    for layer in net.modules():
        if isinstance(layer, torch.nn.RNNBase):
            layer.forward = torch.compiler.disable(layer.forward)
    if hasattr(net, "body"):
        net.body = torch.compile(net.body, dynamic=False)
    else:
        loss_of = torch.compile(loss_of, dynamic=False)


def steps(n):
    begin = time.perf_counter()
    for _ in range(n):
        at = torch.randint(STARTS, (B,))
        y = series[:, at].transpose(0, 1)
        loss = loss_of(y, None if future is None else future[:, at].transpose(0, 1))
        loss.backward()
        adam.step()
        adam.zero_grad()
    if not math.isfinite(loss.item()):
        raise SystemExit(f"{o.net}: the loss is {loss.item()} on noise")
    return time.perf_counter() - begin


steps(3)  # compiles
n, seconds = 1, 0
while seconds < 0.2:
    seconds = steps(n)
    n *= 2
n = o.steps or max(1, int(n / 2 / seconds))
reset_peak()
seconds = steps(n)
unread = getattr(net, "unread", None)
parameters = sum(x.numel() * (2 if x.is_complex() else 1) for name, x in net.named_parameters() if x in adam.state and not (unread and unread.search(name)))
print(json.dumps({
    "engine": o.engine, "version": torch.__version__, "net": o.net, "threads": torch.get_num_threads(),
    "shape": {"lookback": L, "horizon": H, "channels": C, "batch": B, "future": o.future, "static": o.static, "loss": o.loss},
    "parameters": parameters, "steps": n, "seconds": seconds, "rss_bytes": peak(),
}))
