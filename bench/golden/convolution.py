"""NeuralForecast's convolutional nets: TCN, BiTCN, TimesNet."""

from neuralforecast.losses.pytorch import MAE, MSE
from neuralforecast.models import TCN, BiTCN, TimesNet

from nixtla import model


def generate():
    for exogenous, suffix in ((False, ""), (True, "_exogenous")):
        model(f"tcn{suffix}", TCN,
              {"kernel_size": 2, "dilations": [1, 2, 4], "encoder_hidden_size": 6, "decoder_layers": 2, "decoder_hidden_size": 6, "decoder_activation": "ReLU"},
              {"kernel": 2, "dilations": [1, 2, 4], "hidden": 6, "decoder_layers": 2, "decoder_hidden": 6}, MAE(), exogenous=exogenous)
        model(f"bitcn{suffix}", BiTCN, {"hidden_size": 8, "dropout": 0.0}, {"hidden": 8, "dropout": 0}, MAE(), exogenous=exogenous)
    small = {"hidden_size": 8, "conv_hidden_size": 6, "top_k": 2, "num_kernels": 3, "encoder_layers": 2, "dropout": 0.0}
    ours = {"hidden": 8, "conv_hidden": 6, "top": 2, "kernels": 3, "layers": 2, "dropout": 0}
    for future, suffix in ((False, ""), (True, "_exogenous")):
        model(f"timesnet{suffix}", TimesNet, small, ours, MSE(), future_only=future)
