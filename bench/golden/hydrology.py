"""NeuralHydrology's nets and its NSE loss, and the net of Deep RC's hydrology: dense, two LSTMs, dense."""

import pathlib
import tempfile

import torch
from neuralhydrology.modelzoo import get_model
from neuralhydrology.training import get_loss_obj
from neuralhydrology.utils.config import Config

from golden import B, L, draw, net, normal

DYNAMIC, STATIC, LAST = ["rain", "temperature", "sun"], ["area", "slope"], 5


def neural(name, kind, ours, loss="NSE", statics=True, **more):
    config = Config({
        "model": kind, "head": "regression", "output_activation": "linear", "hidden_size": 8, "initial_forget_bias": 3, "output_dropout": 0.0,
        "dynamic_inputs": DYNAMIC, "static_attributes": STATIC if statics else [], "target_variables": ["flow"], "seq_length": L,
        "predict_last_n": LAST, "loss": loss, "run_dir": str(pathlib.Path(tempfile.gettempdir())), **more,
    })
    torch.manual_seed(1)
    module = get_model(config)
    draw(module)
    inputs = {"hist": normal(B, len(DYNAMIC), L, seed=21), "target": normal(B, 1, LAST, seed=23), "std": normal(B, seed=24).abs()}
    inputs["target"][0, 0, 0] = inputs["target"][2, 0, -1] = float("nan")
    if statics:
        inputs["stat"] = normal(B, len(STATIC), seed=22)
    data = {"x_d": {k: inputs["hist"][:, i].unsqueeze(-1) for i, k in enumerate(DYNAMIC)}, "y": inputs["target"].transpose(1, 2),
            "per_basin_target_stds": inputs["std"].reshape(B, 1, 1)}
    if statics:
        data["x_s"] = inputs["stat"]
    objective = get_loss_obj(config)

    def forward():
        return module(data)["y_hat"][:, -LAST:].transpose(1, 2)  # (B, 1, last steps)

    def measure(output):
        return objective({"y_hat": output.transpose(1, 2)}, data)[0]

    net(name, module, forward, measure, inputs, kind=kind, options={"hidden": 8, "forget_bias": 3, "predict_last": LAST, **ours}, lookback=L,
        horizon=LAST, channels=1, loss=loss, reference=f"neuralhydrology {kind}")


class DeepRC(torch.nn.Module):
    """Dense, two LSTMs, dense on each step of a window of 21 days (JunyangHe/Hydrology). Its cells put SELU where the LSTM has tanh."""

    def __init__(self, inputs, outputs, hidden, selu):
        super().__init__()
        self.embed = torch.nn.Linear(inputs, hidden)
        self.lstm1 = torch.nn.LSTM(hidden, hidden, batch_first=True)
        self.lstm2 = torch.nn.LSTM(hidden, hidden, batch_first=True)
        self.dense = torch.nn.Linear(hidden, hidden)
        self.head = torch.nn.Linear(hidden, outputs)
        self.selu = selu

    def layer(self, lstm, x):
        if not self.selu:
            return lstm(x)[0]
        h = c = torch.zeros(len(x), lstm.hidden_size)
        out = []
        for step in x.unbind(1):
            gates = step @ lstm.weight_ih_l0.T + lstm.bias_ih_l0 + h @ lstm.weight_hh_l0.T + lstm.bias_hh_l0
            i, f, g, o = gates.chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.selu(g)
            h = torch.sigmoid(o) * torch.selu(c)
            out.append(h)
        return torch.stack(out, 1)

    def forward(self, x):
        """x (B, 21, inputs) → (B, outputs), from the last step."""
        x = torch.selu(self.embed(x))
        x = self.layer(self.lstm2, self.layer(self.lstm1, x))
        return self.head(torch.selu(self.dense(x[:, -1])))


def deep_rc(name, selu):
    window, inputs, outputs = 21, 5, 2
    torch.manual_seed(1)
    module = DeepRC(inputs, outputs, 8, selu)
    draw(module)
    data = {"hist": normal(B, inputs, window, seed=31), "target": normal(B, outputs, 1, seed=32)}
    data["target"][1, 0, 0] = float("nan")
    mask = ~torch.isnan(data["target"])

    def forward():
        return module(data["hist"].transpose(1, 2)).unsqueeze(-1)  # (B, outputs, 1)

    def measure(output):
        return ((output - data["target"])[mask] ** 2).mean()

    net(name, module, forward, measure, data, kind="deeprc_lstm", options={"hidden": 8, "activation": "selu" if selu else "tanh"}, lookback=window,
        horizon=1, channels=outputs, loss="MSE", reference="torch.nn, after JunyangHe/Hydrology")


def generate():
    neural("cudalstm", "cudalstm", {})
    neural("cudalstm_dynamic", "cudalstm", {}, loss="MSE", statics=False)
    neural("cudalstm_embedding", "cudalstm", {"statics_embedding": [4, 3], "dynamics_embedding": [5]},
           statics_embedding={"type": "fc", "hiddens": [4, 3], "activation": "tanh", "dropout": 0.0},
           dynamics_embedding={"type": "fc", "hiddens": [5], "activation": "tanh", "dropout": 0.0})
    neural("ealstm", "ealstm", {})
    deep_rc("deeprc_lstm", selu=False)
    deep_rc("deeprc_lstm_selu", selu=True)
