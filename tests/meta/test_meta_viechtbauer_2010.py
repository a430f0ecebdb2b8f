"""Viechtbauer (2010), Journal of Statistical Software 36(3), doi:10.18637/jss.v036.i03: the BCG trials.

Figures as printed there; the data (Colditz et al. 1994) are in the pinned file of the agreement claim.
"""

from __future__ import annotations

import numpy as np

from causalsig.meta import random_effects
from evidence.claims import metafor_agreement as claim

DATA = claim.read_pinned()["datasets"]
BCG, MODERATED = DATA["bcg"], DATA["bcg_ablat_year"]

STOPPED = 4e-4


def rounded(values, digits: int = 4) -> list[float]:  # type: ignore[no-untyped-def]
    return [round(float(each), digits) for each in np.ravel(values)]


def test_the_random_effects_model() -> None:
    result = random_effects(BCG["estimates"], BCG["variances"], interval="wald")
    assert rounded([result.tau2, result.tau2_std_error]) == [0.3132, 0.1664]
    assert rounded([result.i2, result.h2], 2) == [92.22, 12.86]
    assert rounded(result.q) == [152.2330] and result.q_df == 12
    assert rounded([result.coefficients, result.std_errors]) == [-0.7145, 0.1798]
    assert rounded([result.conf_low, result.conf_high]) == [-1.0669, -0.3622]
    interval = result.tau2_interval()
    assert rounded([interval.low, interval.high]) == [0.1197, 1.1115]


def test_the_model_with_latitude_and_year() -> None:
    result = random_effects(
        MODERATED["estimates"], MODERATED["variances"], moderators=MODERATED["moderators"], interval="wald"
    )
    assert rounded([result.tau2, result.tau2_std_error]) == [0.1108, 0.0845]
    assert rounded(result.i2, 2) == [71.98]
    assert rounded([result.q, result.q_p_value]) == [28.3251, 0.0016]
    joint = result.omnibus()
    assert rounded(joint.p_value) == [0.0022]
    assert rounded(result.coefficients[1:]) == [-0.0280, 0.0019]
    assert rounded(result.std_errors[1:]) == [0.0102, 0.0147]
    # The stopping rule of the printed run leaves the fourth decimal of the largest numbers.
    found = [joint.statistic, result.coefficients[0], result.std_errors[0]]
    np.testing.assert_allclose(found, [12.2043, -3.5455, 29.0959], atol=STOPPED)
