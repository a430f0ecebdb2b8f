"""Seconds rdrobust takes for the designs of an .npz: score, outcome, cutoff; as JSON."""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module

import numpy as np

REPEATS = 3


def main() -> None:
    import_module("numba")  # without it rdrobust runs on, many times slower
    rdrobust = import_module("rdrobust").rdrobust

    packed = np.load(sys.argv[1], allow_pickle=False)
    names = sorted({key.split("/")[0] for key in packed.files})
    warm = np.random.default_rng(1).normal(size=(2, 500))
    rdrobust(warm[0], warm[1])  # compiles, where numba is there
    seconds = {}
    for name in names:
        score, outcome = packed[f"{name}/score"], packed[f"{name}/outcome"]
        taken = []
        for _ in range(REPEATS):
            begin = time.process_time()
            rdrobust(outcome, score, c=float(packed[f"{name}/cutoff"]))
            taken.append(time.process_time() - begin)
        seconds[name] = min(taken)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(seconds, file)


if __name__ == "__main__":
    main()
