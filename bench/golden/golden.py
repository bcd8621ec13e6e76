"""What the generators of one family each share: random tensors, one file of a net, one file of functions.

Everything is computed in float64 from weights and inputs that float32 holds exactly, so that what differs in a reader's float32 is the
reader's own rounding; it is stored as float32, losses as float64.
"""

import importlib.metadata
import json
import pathlib

import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "model/testdata/golden"
B, L, H = 4, 24, 12  # windows, lookback, horizon
STEPS, RATE = 10, 1e-3  # of training by Adam, on one batch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def normal(*shape, seed):
    """Standard normal numbers that float32 holds exactly."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float32).double()


def write(name, arrays, **meta):
    """One file: arrays by name (float32; int64 and names in float64 as they are), meta as JSON under "golden"."""
    versions = {p: importlib.metadata.version(p) for p in ("torch", "neuralforecast", "neuralhydrology", "utilsforecast")}
    versions["torch"] = versions["torch"].split("+")[0]
    kept = {}
    for key, value in arrays.items():
        value = torch.as_tensor(value).detach()
        value = torch.view_as_real(value) if value.is_complex() else value  # (…, real and imaginary)
        exact = value.dtype == torch.int64 or key == "losses" or value.dtype == torch.float64 and key.startswith("metric.")
        kept[key] = value.clone().contiguous() if exact else value.to(torch.float32).clone().contiguous()
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.safetensors"
    text = json.dumps({**meta, "versions": versions}, sort_keys=True)
    save_file(kept, path, {"golden": text})  # one key: the format's writer keeps no order of several
    print(f"{name}: {path.stat().st_size} bytes, {len(kept)} arrays")


def draw(module, seed=1):
    """Move every parameter a little from its first value, to one that float32 holds exactly: else constants, as a norm's scale, prove little."""
    module.double()
    with torch.no_grad():
        for i, p in enumerate(module.parameters()):
            if p.is_complex():
                p.data = p.data.to(torch.complex64).to(torch.complex128)
                continue
            if p.requires_grad:
                p.add_(0.05 * normal(*p.shape, seed=1000 * seed + i))
            p.copy_(p.float().double())
        for buffer in module.buffers():
            if buffer.is_floating_point():
                buffer.copy_(buffer.float().double())


def net(name, module, forward, measure, inputs, extra=None, **meta):
    """One file of a net: what goes in, weights, what comes out, loss, its gradients, and the losses of training.

    forward() gives the net's output as model/ lays it out, (B, C, H) unless meta says otherwise; measure(output) is the loss; extra(output)
    gives more arrays to keep. Weights and gradients keep the names of the module's state_dict. Parameters that the reference does not
    train are constants; those that the loss does not depend on have no gradient. evaluated is the output without training's batch statistics,
    where that differs. Complex numbers are stored as (…, 2).
    """
    arrays = {f"input.{k}": v for k, v in inputs.items()}
    weights = {k: p for k, p in module.named_parameters() if p.requires_grad}
    arrays |= {f"weight.{k}": p.detach().clone() for k, p in weights.items()}
    arrays |= {f"constant.{k}": p.clone() for k, p in module.named_parameters() if not p.requires_grad}
    arrays |= {f"constant.{k}": b.clone() for k, b in module.named_buffers() if b.numel() <= 4096}
    module.eval()
    with torch.no_grad():
        evaluated = forward()
    module.train()  # dropout is 0 everywhere, but batch norms differ
    output = forward()
    value = measure(output)
    value.backward()
    arrays |= {"output": output, "loss": value.reshape(1)} | (extra(output) if extra else {})
    if not torch.allclose(output, evaluated, rtol=1e-9, atol=1e-12):
        arrays["evaluated"] = extra(evaluated).get("output", evaluated) if extra else evaluated
    arrays |= {f"gradient.{k}": p.grad.clone() for k, p in weights.items() if p.grad is not None}
    optimizer = torch.optim.Adam(weights.values(), lr=RATE)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        value = measure(forward())
        value.backward()
        optimizer.step()
        losses.append(value.detach())
    arrays["losses"] = torch.stack(losses)
    write(name, arrays, rate=RATE, **meta)


def functions(name, cases, shared=None, **meta):
    """One file of functions: cases are (key, function, inputs, attributes); shared are arrays that several cases use.

    Stored are KEY.in0 …, KEY.out (out0 … where there are several), KEY.dout, a random gradient of the output, and KEY.grad0 … of those
    inputs that have one.
    """
    arrays, about = dict(shared or {}), {}
    for i, (key, function, inputs, attributes) in enumerate(cases):
        inputs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
        outs = function(*inputs)
        several = isinstance(outs, (tuple, list))
        outs = list(outs) if several else [outs]
        douts = [normal(*o.shape, seed=5000 + 10 * i + j) for j, o in enumerate(outs)]
        floats = [x for x in inputs if x.requires_grad]
        pairs = [(o, d) for o, d in zip(outs, douts) if o.requires_grad]
        grads = iter(torch.autograd.grad([o for o, _ in pairs], floats, [d for _, d in pairs], allow_unused=True))
        for j, x in enumerate(inputs):
            arrays[f"{key}.in{j}"] = x
            grad = next(grads) if x.requires_grad else None
            if grad is not None:
                arrays[f"{key}.grad{j}"] = grad
        for j, (o, d) in enumerate(zip(outs, douts)):
            arrays[f"{key}.out{j if several else ''}"] = o
            arrays[f"{key}.dout{j if several else ''}"] = d
        about[key] = attributes
    write(name, arrays, cases=about, **meta)
