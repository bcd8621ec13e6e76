"""NeuralForecast's recurrent nets: RNN, GRU, LSTM (decoder over the horizon, and recursive), DilatedRNN, DeepAR."""

import torch
from neuralforecast.losses.pytorch import MAE, MSE, DistributionLoss
from neuralforecast.models import GRU, LSTM, RNN, DeepAR, DilatedRNN

from nixtla import model


class ReLURNN(RNN):
    """RNN with the encoder that encoder_activation="relu" documents: the reference takes the argument, but does not hand it to nn.RNN."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        was = self.hist_encoder
        self.hist_encoder = torch.nn.RNN(was.input_size, was.hidden_size, was.num_layers, nonlinearity=self.encoder_activation, batch_first=True)


def generate():
    for name, cls in (("rnn", RNN), ("gru", GRU), ("lstm", LSTM)):
        encoder = {"encoder_n_layers": 2, "encoder_hidden_size": 8}
        decoder = {"decoder_layers": 2, "decoder_hidden_size": 6, "decoder_activation": "ReLU"}
        ours = {"layers": 2, "hidden": 8, "decoder_layers": 2, "decoder_hidden": 6, "recurrent": False}
        model(name, cls, {**encoder, **decoder}, ours, MAE())
        model(f"{name}_exogenous", cls, {**encoder, **decoder}, ours, MSE(), exogenous=True)
        ours = {"layers": 2, "hidden": 8, "recurrent": True, "train_horizon": 4}
        model(f"{name}_recurrent", cls, {**encoder, "recurrent": True, "h_train": 4}, ours, MSE())
        model(f"{name}_recurrent_exogenous", cls, {**encoder, "recurrent": True, "h_train": 4}, ours, MSE(), exogenous=True)
    model("rnn_relu", ReLURNN, {"encoder_n_layers": 2, "encoder_hidden_size": 8, "encoder_activation": "relu", "decoder_layers": 1},
          {"layers": 2, "hidden": 8, "encoder_activation": "relu", "decoder_layers": 1, "recurrent": False}, MSE())
    for cell in ("LSTM", "GRU", "RNN", "ResLSTM"):  # AttentiveLSTM fails in the reference: it concatenates a tuple
        model(f"dilatedrnn_{cell.lower()}", DilatedRNN,
              {"cell_type": cell, "dilations": [[1, 2], [4, 8]], "encoder_hidden_size": 6,
               "decoder_layers": 2, "decoder_hidden_size": 6, "decoder_activation": "ReLU"},
              {"cell": cell.lower(), "dilations": [[1, 2], [4, 8]], "hidden": 6, "decoder_layers": 2, "decoder_hidden": 6}, MAE(), exogenous=cell == "LSTM")
    for name, exogenous in (("deepar", False), ("deepar_exogenous", True)):
        model(name, DeepAR, {"lstm_n_layers": 2, "lstm_hidden_size": 8, "lstm_dropout": 0.0, "decoder_hidden_layers": 0, "h_train": 1},
              {"layers": 2, "hidden": 8, "decoder_layers": 0, "train_horizon": 1}, DistributionLoss("StudentT"), exogenous=exogenous)
    model("deepar_decoder", DeepAR,
          {"lstm_n_layers": 1, "lstm_hidden_size": 8, "lstm_dropout": 0.0, "h_train": 4,
           "decoder_hidden_layers": 1, "decoder_hidden_size": 6, "decoder_activation": "ReLU"},
          {"layers": 1, "hidden": 8, "decoder_layers": 1, "decoder_hidden": 6, "train_horizon": 4}, DistributionLoss("Normal"))
