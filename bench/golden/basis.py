"""NeuralForecast's nets of residual blocks on bases: NBEATS, NBEATSx, NHITS."""

from neuralforecast.losses.pytorch import MAE, DistributionLoss, MQLoss
from neuralforecast.models import NBEATS, NHITS, NBEATSx

from nixtla import model

UNITS = {"mlp_units": 2 * [[8, 8]]}  # a linear map without an activation, then one with it for each pair
OURS = {"layers": 2, "hidden": 8}


def generate():
    blocks = {"n_harmonics": 2, "n_basis": 2}
    for stacks in (["identity"], ["trend"], ["seasonality"], ["identity", "trend", "seasonality"]):
        name = stacks[0] if len(stacks) == 1 else "default"
        counts = [2] if len(stacks) == 1 else [1, 1, 1]
        model(f"nbeats_{name}", NBEATS, {**UNITS, **blocks, "stack_types": stacks, "n_blocks": counts},
              {**OURS, "stacks": stacks, "blocks": counts, "harmonics": 2, "degree": 2}, MAE())
    model("nbeats_shared", NBEATS, {**UNITS, "stack_types": ["identity", "trend"], "n_blocks": [2, 2], "shared_weights": True},
          {**OURS, "stacks": ["identity", "trend"], "blocks": [2, 2], "degree": 2, "shared": True}, MAE())
    for exogenous, name in ((False, "nbeatsx"), (True, "nbeatsx_exogenous")):
        stacks = ["identity", "trend", "seasonality"] + ["exogenous"] * exogenous
        counts = [1] * len(stacks)
        model(name, NBEATSx, {**UNITS, "n_harmonics": 2, "n_polynomials": 2, "stack_types": stacks, "n_blocks": counts},
              {**OURS, "stacks": stacks, "blocks": counts, "harmonics": 2, "degree": 2}, MAE(), exogenous=exogenous)

    def nhits(name, loss, exogenous=False, blocks=(1, 1, 1), pooling="max", interpolation="linear", **meta):
        model(name, NHITS, {**UNITS, "n_blocks": list(blocks), "n_pool_kernel_size": [2, 2, 1], "n_freq_downsample": [4, 2, 1],
                            "pooling_mode": {"max": "MaxPool1d", "average": "AvgPool1d"}[pooling], "interpolation_mode": interpolation},
              {**OURS, "blocks": list(blocks), "pool": [2, 2, 1], "downsample": [4, 2, 1], "pooling": pooling, "interpolation": interpolation},
              loss, exogenous=exogenous, **meta)

    nhits("nhits", MAE())
    nhits("nhits_exogenous", MAE(), exogenous=True)
    nhits("nhits_average", MAE(), blocks=(2, 1, 1), pooling="average", interpolation="nearest")
    nhits("nhits_cubic", MAE(), interpolation="cubic")
    nhits("nhits_quantiles", MQLoss(level=[80, 90]))
    nhits("nhits_normal", DistributionLoss("Normal"))
