"""A threshold as a site releases it, with invented bins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from causalsig.crossed import ReleasedBin, ReleasedThreshold

SITE = "7c" * 32


def released(**changes: object) -> ReleasedThreshold:
    rng = np.random.default_rng(5)
    bins = tuple(
        ReleasedBin(
            60 + 5 * (k % 3),
            x,
            0.8 + 0.2 * x - 0.3 * (x >= 0) + 0.05 * rng.standard_normal(),
            1.1,
            None,
            None,
        )
        for k, x in enumerate(np.round(np.linspace(-1.19, 1.21, 97), 3).tolist())
    )
    plain = ReleasedThreshold(
        site=SITE, question="threshold", outcome="count_new_arrears_3m", estimand="E1", kind="count",
        months=3, below="letter", above="home_visit", score="amount", scale="log", cutoff=500.0, period=1,
        estimate=-0.28, std_error=0.08, bias_bound=None, steps=2.0**-6, bandwidths=(0.6, 0.6, 0.9, 0.9),
        admitted=True, low=False, donut=False, primary=True, bins=bins,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]
