"""Make a safetensors file, for deeprc import, of a checkpoint that PyTorch wrote.

    python convert_checkpoint.py nhits.ckpt nhits.safetensors        # NeuralForecast before 3.3, whose save() writes safetensors
    python convert_checkpoint.py model_epoch030.pt lstm.safetensors --scaler train_data/train_data_scaler.yml  # NeuralHydrology

A checkpoint is a pickle, which may run any code when it is read. It is therefore read with weights_only=True, which
makes tensors and plain containers only. NeuralForecast's hold objects besides (the loss, settings of the trainer): whatever
classes the file names in addition become empty ones of that name here, whose contents are dropped, so no code of the
file or of the packages it names runs. Needs torch 2.6 or newer and safetensors.

Weights are written as float32 by their names in the state_dict. Of several names for the same memory (blocks that
share weights) the first is kept; whole numbers are left out, since they are counters and sizes. The scaler that NeuralHydrology keeps in
a run's folder is written beside them: scaler.<feature> (2) is its center and its scale, of dynamic features, the target and attributes. It needs
ruamel.yaml. Scalers of old versions, train_data_scaler.p, are pickles of objects and not read.
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


def scales(path):
    """The center and the scale of each feature in NeuralHydrology's train_data_scaler.yml."""
    if path.endswith(".p"):
        raise SystemExit(f"{path}: a pickle may run any code when it is read: load it in NeuralHydrology and write train_data_scaler.yml")
    from ruamel.yaml import YAML

    with open(path) as file:
        scaler = YAML(typ="safe").load(file)
    try:
        kept = {}
        centers = scaler.get("xarray_feature_center", scaler.get("xarray_means"))["data_vars"]
        widths = scaler.get("xarray_feature_scale", scaler.get("xarray_stds"))["data_vars"]
        for name, value in centers.items():
            kept[name] = (float(value["data"]), float(widths[name]["data"]))
        means = scaler.get("attribute_means", scaler.get("camels_attr_means", {}))
        deviations = scaler.get("attribute_stds", scaler.get("camels_attr_stds", {}))
        for name, value in means.items():
            if name in kept:
                raise SystemExit(f"{path}: {name} is a feature and an attribute")
            kept[name] = (float(value), float(deviations[name]))
    except (AttributeError, KeyError, TypeError) as error:
        raise SystemExit(f"{path}: no scaler of NeuralHydrology: {error!r}")
    return {"scaler." + name: torch.tensor(pair, dtype=torch.float32) for name, pair in kept.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("output")
    parser.add_argument("--scaler", help="train_data_scaler.yml of NeuralHydrology's run")
    args = parser.parse_args()
    kept = weights(read(args.checkpoint))
    if args.scaler:
        kept.update(scales(args.scaler))
    save_file(kept, args.output)
    print(f"{args.output}: {len(kept)} arrays")


if __name__ == "__main__":
    main()
