"""A loop of fixed work: seconds on a slow or busy machine are judged as if it were the usual one."""

from __future__ import annotations

import time
from typing import Final

import numpy as np
import pandas as pd

REFERENCE_SECONDS: Final = 0.8
"""What the loop takes on an idle core of the machine for which the seconds in the issues are meant."""
_ROWS = 400_000
_ROUNDS = 2


def calibrate() -> float:
    """Seconds of processor time of the loop now, over the reference; shape (), above 1 on a slower core.

    The loop does what reading and checking tables does: texts into codes, sorting, grouping, counting.
    """
    rng = np.random.default_rng(4)
    numbers = rng.integers(0, 50_000, _ROWS)
    begin = time.process_time()
    for _ in range(_ROUNDS):
        texts = np.array([f"h{number}" for number in numbers.tolist()], dtype=object)
        codes, _ = pd.factorize(texts, sort=True)
        order = np.lexsort((numbers, codes))
        pd.Series(numbers[order]).groupby(codes[order]).agg(["min", "sum", "nunique"])
        {text: text.upper() for text in texts.tolist()}
    return (time.process_time() - begin) / REFERENCE_SECONDS
