"""Blocks as they leave invented sites, made by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from causalsig.records import ReleasedArms
from causalsig.study.models import Study
from causalsig.study.read import read_study

ARMS = ("letter", "message", "phone", "home_visit", "none")


@pytest.fixture(scope="session")
def study() -> Study:
    return read_study("vroegsignalering")


@pytest.fixture(scope="session")
def make_block() -> Callable[..., ReleasedArms]:
    def make(
        site: str,
        means: Sequence[float] = (0.30, 0.29, 0.28, 0.25, 0.31),
        *,
        arms: Sequence[str] = ARMS,
        std_error: float = 0.02,
        correlation: float = 0.1,
        step: float = 0.0,
        **changes: object,
    ) -> ReleasedArms:
        k = len(arms)
        covariance = std_error**2 * (correlation * np.ones((k, k)) + (1 - correlation) * np.eye(k))
        values: dict[str, object] = {
            "site": site,
            "question": "contact_method",
            "outcome": "any_new_arrears_3m",
            "estimand": "ATO",
            "kind": "any",
            "months": 3,
            "arms": tuple(arms),
            "reference": "letter",
            "primary": True,
            "means": tuple(means)[:k],
            "covariance": tuple(map(tuple, covariance.tolist())),
            "steps": (step,) * k,
            "household_bands": ((100, 149),) * k,
            "effective_sizes": (0.2 / std_error**2,) * k,
        }
        return ReleasedArms(**(values | changes))  # type: ignore[arg-type]

    return make
