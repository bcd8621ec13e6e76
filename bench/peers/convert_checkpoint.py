"""Make a safetensors file, for deeprc import, of a checkpoint that PyTorch wrote.

    python convert_checkpoint.py nhits.ckpt nhits.safetensors        # NeuralForecast before 3.3, whose save() writes safetensors
    python convert_checkpoint.py model_epoch030.pt lstm.safetensors  # NeuralHydrology

A checkpoint is a pickle, which may run any code when it is read. It is therefore read with weights_only=True, which
makes tensors and plain containers only. NeuralForecast's hold objects besides (the loss, settings of the trainer): whatever
classes the file names in addition become empty ones of that name here, whose contents are dropped, so no code of the
file or of the packages it names runs. Needs torch 2.6 or newer and safetensors.

Weights are written as float32 by their names in the state_dict. Of several names for the same memory (blocks that
share weights) the first is kept; whole numbers are left out, since they are counters and sizes.
"""
import argparse

import torch
from safetensors.torch import save_file


class Dropped:
    """What stands for an object that is no tensor: it takes anything and keeps nothing."""

    def __new__(cls, *args, **kwargs):
        return object.__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        pass

    def __setitem__(self, key, value):
        pass

    def append(self, item):
        pass

    def extend(self, items):
        pass


def read(path):
    names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    stand_ins = [(type(name.rpartition(".")[2], (Dropped,), {}), name) for name in names]
    with torch.serialization.safe_globals(stand_ins):
        return torch.load(path, map_location="cpu", weights_only=True)


def weights(checkpoint):
    if isinstance(checkpoint, dict) and isinstance(checkpoint.get("state_dict"), dict):
        checkpoint = checkpoint["state_dict"]
    if not isinstance(checkpoint, dict):
        raise SystemExit("the file holds no state_dict: give the checkpoint of one model")
    kept, seen = {}, set()
    for name, value in checkpoint.items():
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            continue
        place = (value.data_ptr(), value.shape, value.stride())
        if value.numel() > 0 and place in seen:
            continue
        seen.add(place)
        kept[name] = value.detach().to(torch.float32).clone().contiguous()
    if not kept:
        raise SystemExit("the file holds no weights: give the checkpoint of one model")
    return kept


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("output")
    args = parser.parse_args()
    kept = weights(read(args.checkpoint))
    save_file(kept, args.output)
    print(f"{args.output}: {len(kept)} arrays")


if __name__ == "__main__":
    main()
