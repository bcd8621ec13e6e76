"""Ops: torch.nn.functional, values and gradients."""

import torch
import torch.nn.functional as F

from golden import functions, normal


def convolution():
    x, xw = normal(2, 4, 17, seed=1), normal(2, 4, 16, seed=2)
    w, b = normal(6, 4, 3, seed=3), normal(6, seed=4)
    grouped, depthwise = normal(6, 2, 3, seed=5), normal(4, 1, 5, seed=6)

    def causal(dilation):
        return lambda x, w, b: F.conv1d(F.pad(x, (dilation * (w.shape[2] - 1), 0)), w, b, dilation=dilation)

    cases = [
        ("conv1d", F.conv1d, [x, w, b], {}),
        ("conv1d_same", lambda x, w, b: F.conv1d(x, w, b, padding=1), [x, w, b], {"padding": 1}),
        ("conv1d_circular", lambda x, w, b: F.conv1d(F.pad(x, (1, 1), mode="circular"), w, b), [x, w, b], {"circular": 1}),
        ("conv1d_stride", lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1), [x, w, b], {"stride": 2, "padding": 1}),
        ("conv1d_dilated", lambda x, w, b: F.conv1d(x, w, b, dilation=3), [x, w, b], {"dilation": 3}),
        ("conv1d_groups", lambda x, w, b: F.conv1d(x, w, b, groups=2), [x, grouped, b], {"groups": 2}),
        ("conv1d_depthwise", lambda x, w: F.conv1d(x, w, groups=4), [x, depthwise], {"groups": 4}),
    ]
    cases += [(f"conv1d_causal{d}", causal(d), [x, w, b], {"causal": True, "dilation": d}) for d in (1, 2, 4)]
    for k in (2, 3):
        cases += [
            (f"max_pool{k}", lambda x, k=k: F.max_pool1d(x, k, stride=k, ceil_mode=True), [x], {"kernel": k, "stride": k, "ceil": True}),
            (f"avg_pool{k}", lambda x, k=k: F.avg_pool1d(x, k, stride=k, ceil_mode=True), [x], {"kernel": k, "stride": k, "ceil": True}),
            (f"max_pool{k}_floor", lambda x, k=k: F.max_pool1d(x, k), [x], {"kernel": k, "stride": k}),
        ]
    cases.append(("max_pool_overlap", lambda x: F.max_pool1d(x, 3, stride=2, padding=1), [xw], {"kernel": 3, "stride": 2, "padding": 1}))
    short = normal(2, 3, 5, seed=7)
    cases += [
        (f"interpolate_{mode}_{n}", lambda x, mode=mode, n=n: F.interpolate(x, size=n, mode=mode), [short], {"mode": mode, "size": n})
        for mode in ("nearest", "linear")
        for n in (12, 13, 3)
    ]
    square = normal(2, 1, 3, 5, seed=8)  # NHITS' cubic: the time axis is the last of an image's two
    cases += [
        (f"interpolate_cubic_{n}", lambda x, n=n: F.interpolate(x, size=(3, n), mode="bicubic"), [square], {"mode": "cubic", "size": n})
        for n in (12, 13)
    ]
    inception = normal(5, 4, 3, 3, seed=9)
    cases.append(("conv2d_same", lambda x, w: F.conv2d(x, w, padding=1), [normal(2, 4, 5, 6, seed=10), inception], {"padding": 1}))
    functions("ops_conv", cases)


def pointwise():
    x = 2 * normal(5, 21, seed=20)
    x[0, :6] = torch.tensor([0.0, 30.0, -30.0, 90.0, -90.0, 1e-4])
    finite = x.clamp(-50, 50)
    cases = [
        ("relu", F.relu, [normal(5, 21, seed=21)], {}),
        ("gelu", F.gelu, [x], {}),
        ("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), [x], {}),
        ("sigmoid", torch.sigmoid, [x], {}),
        ("tanh", torch.tanh, [x], {}),
        ("softplus", F.softplus, [x], {}),
        ("elu", F.elu, [x], {"alpha": 1}),
        ("selu", F.selu, [x], {}),
        ("silu", F.silu, [x], {}),
        ("leaky_relu", lambda x: F.leaky_relu(x, 0.2), [normal(5, 21, seed=22)], {"slope": 0.2}),
        ("exp", torch.exp, [finite], {}),
        ("softmax", lambda x: F.softmax(x, -1), [x], {}),
        ("log_softmax", lambda x: F.log_softmax(x, -1), [x], {}),
        ("glu", lambda x: F.glu(x, -1), [normal(5, 20, seed=23)], {}),
        ("log1p", torch.log1p, [normal(5, 21, seed=24).abs()], {}),
        ("lgamma", torch.lgamma, [normal(5, 21, seed=25).abs() + 0.01], {}),
    ]
    functions("ops_pointwise", cases)


def norms():
    x, w, b = 3 * normal(4, 6, 15, seed=30) + 1, normal(6, seed=31), normal(6, seed=32)
    row, rowb = normal(15, seed=33), normal(15, seed=34)
    mean, var = normal(6, seed=35), normal(6, seed=36).abs() + 0.5
    running = {}

    def batch_train(x, w, b):
        m, v = mean.clone(), var.clone()
        y = F.batch_norm(x, m, v, w, b, training=True, momentum=0.1)
        running.update(mean=m.tolist(), var=v.tolist())
        return y

    batch_train(x, w, b)
    cases = [
        ("layer_norm", lambda x, w, b: F.layer_norm(x, (15,), w, b), [x, row, rowb], {"eps": 1e-5}),
        ("layer_norm_plain", lambda x: F.layer_norm(x, (15,)), [x], {"eps": 1e-5}),
        ("batch_norm_train", batch_train, [x, w, b],
         {"eps": 1e-5, "momentum": 0.1, "before": [mean.tolist(), var.tolist()], "after": [running["mean"], running["var"]]}),
        ("batch_norm_eval", lambda x, m, v, w, b: F.batch_norm(x, m.detach(), v.detach(), w, b), [x, mean, var, w, b], {"eps": 1e-5}),
        ("instance_norm", lambda x, w, b: F.instance_norm(x, weight=w, bias=b), [x, w, b], {"eps": 1e-5}),
        ("embedding", lambda i, w: F.embedding(i, w), [torch.tensor([[0, 3, 3], [6, 1, 0]]), normal(7, 4, seed=37)], {}),
    ]
    functions("ops_norm", cases)


def attention():
    q, k, v = normal(2, 2, 5, 4, seed=40), normal(2, 2, 7, 4, seed=41), normal(2, 2, 7, 3, seed=42)
    s = normal(2, 2, 7, 4, seed=43)
    open_ = torch.ones(5, 7, dtype=torch.bool)
    open_[1, 2:5] = open_[4, 1:] = False
    bias = normal(2, 5, 7, seed=44)
    attend = F.scaled_dot_product_attention
    cases = [
        ("attention", lambda q, k, v: attend(q, k, v), [q, k, v], {}),
        ("attention_mask", lambda q, k, v: attend(q, k, v, attn_mask=open_), [q, k, v], {"open": open_.int().tolist()}),
        ("attention_bias", lambda q, k, v, b: attend(q, k, v, attn_mask=b), [q, k, v, bias], {}),
        ("attention_causal", lambda q, k, v: attend(q, k, v, is_causal=True), [s, k, v], {"causal": True}),
        ("attention_scale", lambda q, k, v: attend(q, k, v, scale=0.3), [q, k, v], {"scale": 0.3}),
    ]
    functions("ops_attention", cases)


def recurrent():
    """Whole layers: x (B, T, n), initial states, weights as nn.LSTM, nn.GRU and nn.RNN name them; out0 is the sequence, out1 … the last states."""
    batch, steps, n, m = 3, 7, 5, 4
    cases = []
    for kind, gates in (("lstm", 4), ("gru", 3), ("rnn_tanh", 1), ("rnn_relu", 1)):
        for layers in (1, 2):
            layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}.get(kind, torch.nn.RNN)
            extra = {"nonlinearity": kind[4:]} if kind.startswith("rnn") else {}
            module = layer(n, m, layers, batch_first=True, **extra).double()
            names = [k for k, _ in module.named_parameters()]
            weights = [0.5 * normal(*p.shape, seed=60 + i) for i, p in enumerate(module.parameters())]
            states = [normal(layers, batch, m, seed=50 + i) for i in range(2 if kind == "lstm" else 1)]

            def call(x, *rest, module=module, names=names, count=len(states)):
                state = rest[:count] if count == 2 else rest[0]
                y, last = torch.func.functional_call(module, dict(zip(names, rest[count:])), (x, state))
                return (y, *last) if count == 2 else (y, last)

            inputs = ["x", "h0", "c0"][: 1 + len(states)] + names
            cases.append((f"{kind}_{layers}", call, [normal(batch, steps, n, seed=49), *states, *weights], {"inputs": inputs, "layers": layers}))
    functions("ops_recurrent", cases)


def frequency():
    x = normal(3, 24, seed=70)
    cases = [
        ("rfft", lambda x: torch.view_as_real(torch.fft.rfft(x)), [x], {"output": "(…, frequencies, real and imaginary)"}),
        ("rfft_odd", lambda x: torch.view_as_real(torch.fft.rfft(x)), [normal(3, 15, seed=71)], {}),
        ("irfft", lambda z: torch.fft.irfft(torch.view_as_complex(z), n=24), [normal(3, 13, 2, seed=72)], {"n": 24}),
        ("roll", lambda x: torch.roll(x, -5, -1), [x], {"shift": -5}),
    ]
    functions("ops_frequency", cases)


def generate():
    convolution()
    pointwise()
    norms()
    attention()
    recurrent()
    frequency()
