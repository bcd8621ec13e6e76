"""The nets of `deeprc bench train`: linear, MLP and recurrent ones in plain torch.nn, with the default sizes of NeuralForecast, NeuralHydrology
and Deep RC, the others NeuralForecast's own.

NETS[name](L, H, C, future, static, K) is a module whose forward takes the past (B, C, L), columns (B, F, L+H) or None, and
statics (B, S) or None, and returns (B, C, T·K): K outputs of T steps, T = H but for DeepAR, which learns from one.
Where a net is one for all channels, rows are N = B·C series.
"""
import logging
import math
import re

import torch
from torch import nn
from torch.nn import functional as F


def perceptron(sizes):
    """linear maps between those sizes, ReLU between the maps"""
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Univariate(nn.Module):
    """a net of the series (N, L), each by itself"""

    def __init__(self, L, H, C, future, static, K):
        super().__init__()
        if future or static:
            raise SystemExit(f"{type(self).__name__} is compared without other columns")
        self.L, self.H, self.K = L, H, K
        self.build()

    def forward(self, past, future, static):
        B, C, L = past.shape
        return self.series(past.reshape(B * C, L)).reshape(B, C, -1)


class NLinear(Univariate):
    def build(self):
        self.linear = nn.Linear(self.L, self.H)

    def series(self, x):
        last = x[:, -1:]
        return self.linear(x - last) + last


class DLinear(Univariate):
    kernel = 25

    def build(self):
        self.average = nn.AvgPool1d(self.kernel, stride=1)
        self.seasonal, self.trend = nn.Linear(self.L, self.H), nn.Linear(self.L, self.H)

    def series(self, x):
        half = (self.kernel - 1) // 2
        trend = self.average(F.pad(x.unsqueeze(1), (half, half), mode="replicate")).squeeze(1)
        return self.seasonal(x - trend) + self.trend(trend)


class MLP(Univariate):
    def build(self):
        self.net = perceptron([self.L, 1024, 1024, self.H])

    def series(self, x):
        return self.net(x)


def block(inputs, thetas, hidden=512):
    """a linear layer, three with ReLU, and one that gives the coefficients"""
    layers = [nn.Linear(inputs, hidden)]
    for _ in range(3):
        layers += [nn.Linear(hidden, hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, thetas))


class NBEATS(Univariate):
    """stacks identity, trend, seasonality, one block each; NBEATSx without exogenous columns is the same net"""

    def build(self):
        L, H = self.L, self.H
        frequency = torch.cat([torch.zeros(1), torch.arange(2, H) / 2])  # harmonics 2

        def trend(n):
            return (torch.arange(n) / n) ** torch.arange(3).unsqueeze(1)

        def seasonality(t):
            angle = 2 * math.pi * frequency.unsqueeze(1) * t / H
            return torch.cat([angle.cos(), angle.sin()])

        bases = [(trend(L), trend(H)), (seasonality(-torch.arange(L)), seasonality(torch.arange(H)))]
        self.blocks = nn.ModuleList([block(L, L + H)] + [block(L, len(b) + len(f)) for b, f in bases])
        for i, (b, f) in enumerate(bases):
            self.register_buffer(f"back{i}", b)
            self.register_buffer(f"fore{i}", f)

    def series(self, x):
        forecast, residual = x[:, -1:], x.flip(1)
        theta = self.blocks[0](residual)
        residual, forecast = residual - theta[:, :self.L], forecast + theta[:, self.L:]
        theta = self.blocks[1](residual)
        residual, forecast = residual - theta[:, :3] @ self.back0, forecast + theta[:, 3:] @ self.fore0
        return forecast + self.blocks[2](residual)[:, len(self.back1):] @ self.fore1  # the last backcast is not needed


class NHITS(Univariate):
    pool, downsample = [2, 2, 1], [4, 2, 1]

    def build(self):
        self.pools = [nn.MaxPool1d(k, stride=k, ceil_mode=True) for k in self.pool]
        self.blocks = nn.ModuleList(
            [block(-(-self.L // k), self.L + max(self.H // r, 1)) for k, r in zip(self.pool, self.downsample)])

    def series(self, x):
        forecast, residual = x[:, -1:], x.flip(1)
        for pool, net in zip(self.pools, self.blocks):
            theta = net(pool(residual.unsqueeze(1)).squeeze(1))
            residual = residual - theta[:, :self.L]
            forecast = forecast + F.interpolate(theta[:, None, self.L:], size=self.H, mode="linear").squeeze(1)
        return forecast


class EncoderDecoder(Univariate):
    """the hidden states of the last H steps, each through a perceptron (recurrent=False of NeuralForecast)"""
    cell, hidden = nn.LSTM, 128

    def build(self):
        self.encoder = self.cell(1, self.hidden, num_layers=2, batch_first=True)
        self.upsample = nn.Linear(self.L, self.H) if self.H > self.L else None
        self.decoder = perceptron([self.hidden, 128, self.K])

    def series(self, x):
        h, _ = self.encoder(x.unsqueeze(2))  # (N, L, hidden)
        if self.upsample:
            h = self.upsample(h.transpose(1, 2)).transpose(1, 2)
        else:
            h = h[:, -self.H:]
        return self.decoder(h).flatten(1)


class RNN(EncoderDecoder):
    cell = nn.RNN


class GRU(EncoderDecoder):
    cell, hidden = nn.GRU, 200


class DilatedRNN(Univariate):
    dilations, hidden = [[1, 2], [4, 8]], 128

    def build(self):
        inputs, self.stacks = 1, nn.ModuleList()
        for group in self.dilations:
            stack = nn.ModuleList()
            for _ in group:
                stack.append(nn.LSTM(inputs, self.hidden))
                inputs = self.hidden
            self.stacks.append(stack)
        self.context = nn.Linear(self.L, self.H)
        self.decoder = perceptron([self.hidden, 128, self.K])

    def series(self, x):
        x = x.t().unsqueeze(2)  # (L, N, 1)
        for i, (group, stack) in enumerate(zip(self.dilations, self.stacks)):
            y = x
            for d, lstm in zip(group, stack):
                y = F.pad(y, (0, 0, 0, 0, 0, -self.L % d))
                y = lstm(y.reshape(len(y) // d, -1, y.shape[2]))[0]
                y = y.reshape(-1, x.shape[1], self.hidden)[:self.L]
            x = y if i == 0 else y + x
        h = self.context(x.permute(1, 2, 0)).transpose(1, 2)  # (N, H, hidden)
        return self.decoder(h).flatten(1)


class DeepAR(Univariate):
    """the distribution of the step behind the past (h_train=1)"""

    def build(self):
        self.encoder = nn.LSTM(1, 128, num_layers=2, batch_first=True, dropout=0.1)
        self.decoder = nn.Linear(128, self.K)

    def series(self, x):
        return self.decoder(self.encoder(x.unsqueeze(2))[0][:, -1])


class CudaLSTM(nn.Module):
    """statics beside each step's columns; the last H steps' targets from their hidden states"""

    def __init__(self, L, H, C, future, static, K):
        super().__init__()
        self.H = H
        self.lstm = nn.LSTM(future + static, 128)
        self.head = nn.Linear(128, C * K)

    def forward(self, past, future, static):
        x = future.permute(2, 0, 1)  # (L+H, B, F)
        if static is not None:
            x = torch.cat([x, static.expand(len(x), -1, -1)], 2)
        y = self.head(self.lstm(x)[0][-self.H:])  # (H, B, C·K)
        return y.unflatten(2, (past.shape[1], -1)).permute(1, 2, 0, 3).flatten(2)


class EALSTM(nn.Module):
    """the statics make the input gate; a loop over time, as NeuralHydrology has it"""

    def __init__(self, L, H, C, future, static, K):
        super().__init__()
        self.H, n = H, 128
        self.weight_ih, self.weight_hh = nn.Parameter(torch.empty(future, 3 * n)), nn.Parameter(torch.eye(n).repeat(1, 3))
        nn.init.orthogonal_(self.weight_ih)
        self.bias = nn.Parameter(torch.cat([torch.full((n,), 3.0), torch.zeros(2 * n)]))
        self.input_gate, self.head = nn.Linear(static, n), nn.Linear(n, C * K)

    def body(self, x, h, c, i):
        f, o, g = torch.addmm(x, h, self.weight_hh).chunk(3, 1)
        c = f.sigmoid() * c + i * g.tanh()
        return o.sigmoid() * c.tanh(), c

    def forward(self, past, future, static):
        xs = future.permute(2, 0, 1) @ self.weight_ih + self.bias  # (L+H, B, 3·hidden)
        i = self.input_gate(static).sigmoid()
        h = c = torch.zeros_like(i)
        last = []
        for t, x in enumerate(xs):
            h, c = self.body(x, h, c, i)
            if t >= len(xs) - self.H:
                last.append(h)
        y = self.head(torch.stack(last))
        return y.unflatten(2, (past.shape[1], -1)).permute(1, 2, 0, 3).flatten(2)


class DeepRCLSTM(nn.Module):
    """dense, two LSTMs whose cells end in SELU, dense: Deep RC's net of hydrology"""

    def __init__(self, L, H, C, future, static, K, n=320):
        super().__init__()
        self.embed, self.dense, self.head = nn.Linear(C + static, n), nn.Linear(n, n), nn.Linear(n, C * H * K)
        self.lstms = nn.ModuleList([nn.LSTM(n, n), nn.LSTM(n, n)])  # the parameters only: their cell is tanh's

    def body(self, x, h, c, weight):
        i, f, g, o = torch.addmm(x, h, weight.t()).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * F.selu(g)
        return o.sigmoid() * F.selu(c), c

    def forward(self, past, future, static):
        x = past.permute(2, 0, 1)
        if static is not None:
            x = torch.cat([x, static.expand(len(x), -1, -1)], 2)
        x = F.selu(self.embed(x))
        for l in self.lstms:
            gates = F.linear(x, l.weight_ih_l0, l.bias_ih_l0 + l.bias_hh_l0)
            h = c = torch.zeros_like(x[0])
            all = []
            for t in gates:
                h, c = self.body(t, h, c, l.weight_hh_l0)
                all.append(h)
            x = F.dropout(torch.stack(all), 0.2)
        return self.head(F.selu(self.dense(x[-1]))).unflatten(1, (past.shape[1], -1))


class NeuralForecastNet(nn.Module):
    """a net of NeuralForecast at its default options, which are deeprc's; unread: the parameters that its forecasts do not depend on"""

    def __init__(self, name, mixes, unread, L, H, C, future, static, K):
        super().__init__()
        if future or static or K != 1:
            raise SystemExit(f"{name}: here it reads no columns and forecasts points")
        logging.disable(logging.WARNING)
        from neuralforecast import models
        from neuralforecast.losses.pytorch import MSE

        self.mixes, self.unread = mixes, unread
        self.net = getattr(models, name)(h=H, input_size=L, loss=MSE(), **({"n_series": C} if mixes else {}))

    def forward(self, past, future, static):
        y = past.transpose(1, 2) if self.mixes else past.reshape(-1, past.shape[2], 1)
        y = self.net({"insample_y": y, "insample_mask": torch.ones_like(y), "futr_exog": None, "hist_exog": None, "stat_exog": None})
        return y.transpose(1, 2) if self.mixes else y.reshape(past.shape[0], past.shape[1], -1)


def neuralforecast(name, mixes=False, unread=None):
    return lambda *shape: NeuralForecastNet(name, mixes, unread and re.compile(unread), *shape)


NETS = {"nlinear": NLinear, "dlinear": DLinear, "mlp": MLP, "nbeats": NBEATS, "nbeatsx": NBEATS, "nhits": NHITS, "rnn": RNN, "gru": GRU,
        "lstm": EncoderDecoder, "dilatedrnn": DilatedRNN, "deepar": DeepAR, "cudalstm": CudaLSTM, "ealstm": EALSTM, "deeprc_lstm": DeepRCLSTM,
        "tcn": neuralforecast("TCN"), "bitcn": neuralforecast("BiTCN"), "tide": neuralforecast("TiDE"), "tsmixer": neuralforecast("TSMixer", True),
        "tsmixerx": neuralforecast("TSMixerx", True), "timemixer": neuralforecast("TimeMixer", True), "patchtst": neuralforecast("PatchTST"),
        "itransformer": neuralforecast("iTransformer", True), "vanillatransformer": neuralforecast("VanillaTransformer"),
        "informer": neuralforecast("Informer"), "autoformer": neuralforecast("Autoformer"), "fedformer": neuralforecast("FEDformer"),
        "timesnet": neuralforecast("TimesNet"),
        # the weights of its one column are 1, and there is nothing that its contexts' layers read
        "tft": neuralforecast("TFT", unread=r"future_vsn\.joint_grn|(history_vsn\.joint|enrichment)_grn\.lin_c")}
