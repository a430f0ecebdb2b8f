"""Bangert-Drowns, Hurley & Wilkinson (2004), doi:10.3102/00346543074001029: writing to learn, 48 studies.

Figures of the REML analysis as metafor's documentation of the data set prints them.
"""

from __future__ import annotations

from causalsig.meta import random_effects
from evidence.claims import metafor_agreement as claim

DATA = claim.read_pinned()["datasets"]["bangertdrowns2004"]


def test_the_random_effects_model() -> None:
    result = random_effects(DATA["estimates"], DATA["variances"], interval="wald")
    assert round(result.tau2, 4) == 0.0499
    assert round(float(result.coefficients[0]), 4) == 0.2219
    assert round(float(result.std_errors[0]), 4) == 0.0460
    assert round(result.i2, 2) == 58.37
    assert round(result.q, 4) == 107.1061 and result.q_df == 47
