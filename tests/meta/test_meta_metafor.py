"""Agreement with R's metafor on the BCG vaccine trials (pinned by reference/metafor_bcg.R)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from causalsig.meta import random_effects

PINNED = json.loads((Path(__file__).parent / "reference" / "metafor_bcg.json").read_text())
EXTRA = PINNED["extra"]
# The promise of the design; the worst gap seen is 5e-10 (p-values of EB, whose root metafor stops early).
AGREEMENT = 1e-8
SHARED = (
    "coefficients",
    "std_errors",
    "conf_low",
    "conf_high",
    "p_values",
    "covariance",
    "tau2",
    "tau2_std_error",
    "i2",
    "h2",
    "q",
    "q_p_value",
)


def fit(key: str) -> Any:
    tau2, interval, *regression = key.split("/")
    moderators = np.column_stack([EXTRA["ablat"], EXTRA["year"]]) if regression else None
    return random_effects(
        EXTRA["estimates"], EXTRA["variances"], moderators=moderators, tau2=tau2, interval=interval
    )


@pytest.mark.parametrize("key", PINNED["models"])
def test_every_shared_quantity_equals_metafor(key: str) -> None:
    ours, reference = fit(key), PINNED["models"][key]
    for name in SHARED:
        if reference[name] is None:
            assert np.isnan(getattr(ours, name)), name
        else:
            np.testing.assert_allclose(
                np.squeeze(getattr(ours, name)), np.squeeze(reference[name]), rtol=AGREEMENT, err_msg=name
            )


def test_q_profile_interval_equals_metafor() -> None:
    interval = fit("REML/wald").tau2_interval()
    np.testing.assert_allclose([interval.low, interval.high], EXTRA["q_profile"], rtol=AGREEMENT)
    assert not interval.empty


def test_prediction_interval_equals_metafor() -> None:
    found = fit("REML/knapp-hartung").prediction_interval()
    np.testing.assert_allclose([found.low, found.high], EXTRA["prediction"], rtol=AGREEMENT)
    regression = fit("REML/knapp-hartung/ablat+year").prediction_interval(moderators=[33.5, 1970.0])
    pinned = EXTRA["prediction_ablat_33.5_year_1970"]
    np.testing.assert_allclose([regression.low, regression.high], pinned, rtol=AGREEMENT)


def test_shrunken_estimates_and_weights_equal_metafor() -> None:
    ours = fit("REML/knapp-hartung")
    np.testing.assert_allclose(ours.shrunken().estimates, EXTRA["shrunken"]["estimates"], rtol=AGREEMENT)
    np.testing.assert_allclose(ours.shrunken().std_errors, EXTRA["shrunken"]["std_errors"], rtol=AGREEMENT)
    np.testing.assert_allclose(100.0 * ours.weights, EXTRA["weights"], rtol=AGREEMENT)


def test_leave_one_out_equals_metafor() -> None:
    others = fit("REML/knapp-hartung").leave_one_out().results
    pinned = EXTRA["leave_one_out"]
    np.testing.assert_allclose([each.coefficients[0] for each in others], pinned["estimates"], rtol=AGREEMENT)
    np.testing.assert_allclose([each.std_errors[0] for each in others], pinned["std_errors"], rtol=AGREEMENT)
    np.testing.assert_allclose([each.tau2 for each in others], pinned["tau2"], rtol=AGREEMENT)
    np.testing.assert_allclose([each.q for each in others], pinned["q"], rtol=AGREEMENT)
