"""NeuralForecast's nets of linear maps and rectifiers over a window: MLP, NLinear, DLinear."""

from neuralforecast.losses.pytorch import MAE, MQLoss, MSE
from neuralforecast.models import MLP, DLinear, NLinear

from nixtla import model


def generate():
    model("nlinear", NLinear, {}, {}, MSE())
    model("dlinear", DLinear, {"moving_avg_window": 5}, {"kernel": 5}, MAE())
    small, ours = {"num_layers": 2, "hidden_size": 8}, {"layers": 2, "hidden": 8}
    model("mlp", MLP, small, ours, MAE())
    model("mlp_exogenous", MLP, small, ours, MSE(), exogenous=True)
    model("mlp_quantiles", MLP, small, ours, MQLoss(level=[80, 90]))
