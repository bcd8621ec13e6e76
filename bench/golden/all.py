"""Every file of model/testdata/golden, or those families that are named as arguments."""

import importlib
import sys

FAMILIES = ["ops", "linear", "basis", "recurrent", "hydrology", "convolution", "mixers", "attention", "losses", "scalers", "metrics", "defaults"]

for family in sys.argv[1:] or FAMILIES:
    importlib.import_module(family).generate()
