"""NeuralForecast's scalers of a window (TemporalNorm): statistics of the lookback, which whole windows are scaled by; forward and back."""

import torch
from neuralforecast.common._scalers import TemporalNorm

from golden import B, H, L, functions, normal


def generate():
    x, forecast = 3 * normal(B, 1, L, seed=101) + 2, normal(B, 1, H, seed=102)
    x[1] = 4  # constant: no scale
    x[2, 0, : L - 5] = 7  # the median of the distances from the median is 0
    mask = torch.ones_like(x)
    mask[3, 0, 2:5] = 0  # steps that are not there count in no statistic
    weight, bias = torch.tensor([1.25]), torch.tensor([-0.5])
    for kind in ("standard", "robust", "minmax", "minmax1", "invariant", "revin"):
        scaler = TemporalNorm(scaler_type=kind, dim=-1, eps=1e-6, num_features=1)

        def both(x, forecast, *parameters, scaler=scaler):
            if parameters:
                del scaler.revin_weight, scaler.revin_bias
                scaler.revin_weight, scaler.revin_bias = parameters
            z = scaler.transform(x.detach(), mask)  # the past is data
            return z, scaler.inverse_transform(forecast), scaler.x_shift, scaler.x_scale

        inputs = ["past", "forecast"] + (["weight", "bias"] if kind == "revin" else [])
        functions(f"scaler_{kind}", [(kind, both, [x, forecast] + ([weight, bias] if kind == "revin" else []),
                                      {"inputs": inputs, "outputs": ["past scaled", "forecast unscaled", "shift", "scale"]})], {"mask": mask})
