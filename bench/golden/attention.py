"""NeuralForecast's nets of attention: PatchTST, iTransformer, VanillaTransformer, Informer, Autoformer, FEDformer, TFT."""

import unittest.mock

import numpy as np
import torch
from neuralforecast.losses.pytorch import MAE, MSE
from neuralforecast.models import TFT, Autoformer, FEDformer, Informer, PatchTST, VanillaTransformer, iTransformer

from nixtla import model


def generate():
    small = {"encoder_layers": 2, "n_heads": 2, "hidden_size": 8, "linear_hidden_size": 12, "dropout": 0.0, "fc_dropout": 0.0, "patch_len": 8, "stride": 4}
    ours = {"layers": 2, "heads": 2, "hidden": 8, "ff_hidden": 12, "dropout": 0, "patch": 8, "stride": 4}
    # Norms are of batches always: the reference's batch_normalization only says whether they come before attention.
    model("patchtst", PatchTST, small, {**ours, "revin_affine": False, "pre_norm": False}, MSE())
    model("patchtst_norms", PatchTST, {**small, "revin_affine": True, "revin_subtract_last": False, "batch_normalization": True, "res_attention": False},
          {**ours, "revin_affine": True, "revin_last": False, "pre_norm": True, "residual_attention": False}, MSE())
    for future, suffix in ((False, ""), (True, "_exogenous")):
        model(f"itransformer{suffix}", iTransformer, {"hidden_size": 8, "n_heads": 2, "e_layers": 2, "d_ff": 12, "dropout": 0.0},
              {"hidden": 8, "heads": 2, "layers": 2, "ff_hidden": 12, "norm": True, "dropout": 0}, MSE(), channels=3, future_only=future)
    small = {"hidden_size": 8, "conv_hidden_size": 6, "n_head": 2, "dropout": 0.0, "encoder_layers": 2, "decoder_layers": 1}
    ours = {"hidden": 8, "conv_hidden": 6, "heads": 2, "dropout": 0, "encoder_layers": 2, "decoder_layers": 1, "decoder_input": 0.5}
    for cls, more, named in (
        (VanillaTransformer, {}, {}),
        (Informer, {"factor": 1, "distil": True}, {"factor": 1, "distil": True}),
        (Autoformer, {"factor": 1, "MovingAvg_window": 5}, {"factor": 1, "kernel": 5}),
    ):
        for exogenous, suffix in ((False, ""), (True, "_exogenous")):
            model(f"{cls.__name__.lower()}{suffix}", cls, {**small, **more}, {**ours, **named}, MAE(),
                  draws=7 if cls is Informer else None, future_only=exogenous)
    model("informer_whole", Informer, {**small, "factor": 1, "distil": False}, {**ours, "factor": 1, "distil": False}, MAE(), draws=7)
    for select in ("low", "random"):
        np.random.seed(1)  # the frequencies, which the file keeps
        with unittest.mock.patch("torch.cfloat", torch.complex128):  # which the reference names, whatever the type of its input
            model(f"fedformer_{select}", FEDformer, {**small, "hidden_size": 16, "n_head": 8, "modes": 4, "mode_select": select, "MovingAvg_window": 5},
                  {**ours, "hidden": 16, "heads": 8, "modes": 4, "mode_select": select, "kernel": 5}, MAE())
    for exogenous, suffix in ((False, ""), (True, "_exogenous")):
        model(f"tft{suffix}", TFT, {"hidden_size": 8, "n_head": 2, "dropout": 0.0}, {"hidden": 8, "heads": 2, "dropout": 0}, MAE(), exogenous=exogenous)
    for name, more, named in (
        ("gru", {"rnn_type": "gru", "n_rnn_layers": 2}, {"cell": "gru", "layers": 2}),
        ("one_state", {"n_rnn_layers": 2, "one_rnn_initial_state": True}, {"layers": 2, "one_state": True}),
    ):
        model(f"tft_{name}", TFT, {"hidden_size": 4, "n_head": 2, "dropout": 0.0, **more}, {"hidden": 4, "heads": 2, "dropout": 0, **named}, MAE())
