"""The eight schools of Rubin (1981), doi:10.3102/10769986006004377: complete pooling.

As in section 5.5 of Gelman et al., Bayesian Data Analysis (doi:10.1201/b16018): mean 7.9, variance 17.4.
"""

from __future__ import annotations

import numpy as np

from causalsig.meta import random_effects

# With Rubin's decimals, on which the book's figures rest; its own table rounds them to whole points.
EFFECTS = [28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16]
ERRORS = np.array([14.9, 10.2, 16.3, 11.0, 9.4, 11.4, 10.4, 17.6])


def test_complete_pooling_as_published() -> None:
    pooled = random_effects(EFFECTS, ERRORS**2, tau2="EE", interval="wald")
    assert round(float(pooled.coefficients[0]), 1) == 7.9
    assert round(float(pooled.covariance[0, 0]), 1) == 17.4


def test_the_schools_agree_better_than_their_errors_make_likely_and_restricted_likelihood_says_so() -> None:
    result = random_effects(EFFECTS, ERRORS**2)
    assert result.boundary
    assert result.q < result.q_df
