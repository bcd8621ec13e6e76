"""NeuralForecast's nets that mix time and features by perceptrons: TiDE, TSMixer, TSMixerx, TimeMixer."""

from neuralforecast.losses.pytorch import MAE, MSE
from neuralforecast.models import TiDE, TimeMixer, TSMixer, TSMixerx

from nixtla import model


def generate():
    for exogenous, suffix in ((False, ""), (True, "_exogenous")):
        for norm, kind in ((True, "tide"), (False, "tide_plain")):  # a layer norm of one number is 0: with it only the skip connection learns
            model(f"{kind}{suffix}", TiDE,
                  {"hidden_size": 8, "decoder_output_dim": 4, "temporal_decoder_dim": 6, "temporal_width": 2, "layernorm": norm, "dropout": 0.0},
                  {"hidden": 8, "decoder_output": 4, "temporal_decoder_hidden": 6, "temporal_width": 2, "encoder_layers": 1, "decoder_layers": 1,
                   "layer_norm": norm, "dropout": 0}, MAE(), exogenous=exogenous)
        model(f"tsmixerx{suffix}", TSMixerx, {"n_block": 2, "ff_dim": 8, "dropout": 0.0}, {"blocks": 2, "hidden": 8, "revin": True, "dropout": 0},
              MAE(), exogenous=exogenous, channels=3)
    model("tsmixer", TSMixer, {"n_block": 2, "ff_dim": 8, "dropout": 0.0}, {"blocks": 2, "hidden": 8, "revin": True, "dropout": 0}, MSE(), channels=3)
    small = {"d_model": 8, "d_ff": 6, "dropout": 0.0, "e_layers": 2, "moving_avg": 5}
    ours = {"hidden": 8, "ff_hidden": 6, "dropout": 0, "layers": 2, "kernel": 5}
    model("timemixer", TimeMixer, {**small, "down_sampling_layers": 1}, {**ours, "scales": 1}, MAE(), channels=3)
    model("timemixer_scales", TimeMixer, {**small, "down_sampling_layers": 2, "down_sampling_method": "max"},
          {**ours, "scales": 2, "pooling": "max"}, MAE(), channels=3)
