"""Berkey et al. (1998), doi:10.1002/(SICI)1097-0258(19981115)17:22<2537::AID-SIM953>3.0.CO;2-C.

Surgical against other treatment of periodontal disease: attachment level and probing depth of five trials,
jointly, on the year of publication. Table II, maximum likelihood, four decimals; the data are pinned.
"""

from __future__ import annotations

import json

import numpy as np

from causalsig.meta import multivariate_random_effects
from evidence.claims import metafor_multivariate_agreement as claim

DATA = json.loads(claim.PINNED.read_text())["datasets"]["berkey1998_year"]


def test_the_joint_regression_on_year_as_published() -> None:
    result = multivariate_random_effects(
        DATA["estimates"], DATA["covariances"], moderators=DATA["moderator"], method="ML", interval="wald"
    )
    assert np.round(result.coefficients, 4).tolist() == [[-0.3351, 0.3479], [-0.0108, 0.0010]]
    assert np.round(result.std_errors, 4).tolist() == [[0.0787, 0.0520], [0.0243, 0.0154]]
    assert np.round(result.between, 4).tolist() == [[0.0250, 0.0093], [0.0093, 0.0080]]
