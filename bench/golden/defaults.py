"""The defaults of NeuralForecast's nets, from the signatures of their constructors, without what every net has: defaults.json."""

import inspect
import json

import neuralforecast.models as nets
from neuralforecast.common._base_model import BaseModel

from golden import FOLDER

NAMES = ["Autoformer", "BiTCN", "DLinear", "DeepAR", "DilatedRNN", "FEDformer", "GRU", "Informer", "LSTM", "MLP", "NBEATS", "NBEATSx", "NHITS",
         "NLinear", "PatchTST", "RNN", "TCN", "TFT", "TSMixer", "TSMixerx", "TiDE", "TimeMixer", "TimesNet", "VanillaTransformer", "iTransformer"]


def generate():
    common = set(inspect.signature(BaseModel).parameters) - {"h_train", "scaler_type"}
    lines = []
    for name in NAMES:
        parameters = inspect.signature(getattr(nets, name)).parameters.values()
        own = {p.name: p.default for p in parameters if p.name not in common and p.default is not p.empty}
        lines.append(f"{json.dumps(name.lower())}: {json.dumps(own)}")
    (FOLDER / "defaults.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
