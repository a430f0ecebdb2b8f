"""Seconds rdrobust takes for the designs of an .npz: score, outcome, cutoff; as JSON."""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module

import numpy as np


def main() -> None:
    rdrobust = import_module("rdrobust").rdrobust

    packed = np.load(sys.argv[1], allow_pickle=False)
    names = sorted({key.split("/")[0] for key in packed.files})
    warm = np.random.default_rng(1).normal(size=(2, 500))
    rdrobust(warm[0], warm[1])  # compiles, where numba is there
    seconds = {}
    for name in names:
        score, outcome = packed[f"{name}/score"], packed[f"{name}/outcome"]
        begin = time.process_time()
        rdrobust(outcome, score, c=float(packed[f"{name}/cutoff"]))
        seconds[name] = time.process_time() - begin
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(seconds, file)


if __name__ == "__main__":
    main()
