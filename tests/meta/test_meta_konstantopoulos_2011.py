"""Konstantopoulos (2011), Research Synthesis Methods 2, doi:10.1002/jrsm.35: schools in districts."""

from __future__ import annotations

from causalsig.meta import random_effects, two_level
from evidence.claims import metafor_agreement as claim

PINNED = claim.read_pinned()
DATA, DISTRICT = PINNED["datasets"]["konstantopoulos2011"], PINNED["two_level"]["site"]


def test_two_levels_as_published() -> None:
    result = two_level(DATA["estimates"], DATA["variances"], DISTRICT)
    assert round(float(result.coefficients[0]), 3) == 0.185
    assert round(float(result.std_errors[0]), 3) == 0.085
    assert (round(result.site_variance, 3), round(result.wave_variance, 3)) == (0.065, 0.033)
    assert (result.sites, result.effects) == (11, 56)


def test_one_level_as_published() -> None:
    result = random_effects(DATA["estimates"], DATA["variances"], interval="wald")
    assert round(float(result.coefficients[0]), 3) == 0.128
    assert round(float(result.std_errors[0]), 3) == 0.044
    assert round(result.tau2, 3) == 0.088
