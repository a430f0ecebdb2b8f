"""Raudenbush (2009), in The Handbook of Research Synthesis and Meta-Analysis: teacher expectancy, 19 studies.

The random-effects model and the regression on weeks of earlier contact (0 to 3), by REML.
"""

from __future__ import annotations

import numpy as np

from causalsig.meta import random_effects
from evidence.claims import metafor_agreement as claim

DATA = claim.read_pinned()["datasets"]
PLAIN, WEEKS = DATA["raudenbush1985"], DATA["raudenbush1985_weeks"]


def test_the_random_effects_model() -> None:
    result = random_effects(PLAIN["estimates"], PLAIN["variances"], interval="wald")
    assert round(result.tau2, 3) == 0.019
    assert round(float(result.coefficients[0]), 3) == 0.084
    assert round(float(result.std_errors[0]), 3) == 0.052
    assert round(result.q, 2) == 35.83 and round(result.q_p_value, 3) == 0.007


def test_weeks_of_contact_explain_all_heterogeneity() -> None:
    result = random_effects(
        WEEKS["estimates"], WEEKS["variances"], moderators=WEEKS["moderators"], interval="wald"
    )
    assert result.tau2 == 0.0 and result.boundary
    np.testing.assert_array_equal(np.round(result.coefficients, 3), [0.407, -0.157])
    np.testing.assert_array_equal(np.round(result.std_errors, 3), [0.087, 0.036])
    assert round(result.q, 2) == 16.57
