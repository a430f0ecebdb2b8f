"""What the meta-analysis refuses, and that the message never repeats a number from the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalsig.errors import MetaError
from causalsig.meta import random_effects, rescale_covariances

Y = [0.1, 0.2, 0.3, 0.4]
V = [0.01, 0.02, 0.03, 0.04]


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("meta-empty", {"estimates": [], "variances": []}),
        ("meta-shape", {"estimates": Y, "variances": V[:3]}),
        ("meta-shape", {"estimates": [Y], "variances": [V]}),
        ("meta-shape", {"estimates": 0.1, "variances": 0.1}),
        ("meta-not-numbers", {"estimates": ["4321 secret", 0.1, 0.1, 0.1], "variances": V}),
        ("meta-not-finite", {"estimates": pd.Series([1, 2, 3, None], dtype="Int64"), "variances": V}),
        ("meta-not-finite", {"estimates": [np.nan, 0.2, 0.3, 4321.0], "variances": V}),
        ("meta-not-finite", {"estimates": [np.inf, 0.2, 0.3, 4321.0], "variances": V}),
        ("meta-not-finite", {"estimates": Y, "variances": [np.nan, 1, 1, 1]}),
        ("meta-variance", {"estimates": Y, "variances": [0.0, 1, 1, 4321.0]}),
        ("meta-variance", {"estimates": Y, "variances": [-4321.0, 1, 1, 1]}),
        ("meta-variance", {"estimates": Y, "variances": [1e-200, 1, 1, 1]}),
        ("meta-collinear", {"estimates": Y, "variances": V, "moderators": np.full(4, 4321.0)}),
        ("meta-collinear", {"estimates": Y, "variances": V, "moderators": np.zeros(4), "intercept": False}),
        ("meta-too-many-moderators", {"estimates": Y, "variances": V, "moderators": np.eye(4)[:, :3]}),
        ("meta-too-many-moderators", {"estimates": [1.0], "variances": [1.0], "moderators": [2.0]}),
        (
            "meta-too-many-moderators",
            {"estimates": [1.0], "variances": [1.0], "moderators": [2.0], "intercept": False},
        ),
        ("meta-shape", {"estimates": Y, "variances": V, "moderators": [1.0, 2.0]}),
        ("meta-not-finite", {"estimates": Y, "variances": V, "moderators": [1.0, 2.0, np.nan, 4321.0]}),
        ("meta-no-columns", {"estimates": Y, "variances": V, "intercept": False}),
        ("meta-option", {"estimates": Y, "variances": V, "tau2": "reml"}),
        ("meta-option", {"estimates": Y, "variances": V, "interval": None}),
        ("meta-level", {"estimates": Y, "variances": V, "level": 95}),
        ("meta-level", {"estimates": Y, "variances": V, "level": float("nan")}),
        ("meta-level", {"estimates": Y, "variances": V, "level": True}),
    ],
)
def test_unusable_input_is_refused_without_a_value(code: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(MetaError) as caught:
        random_effects(**arguments)
    assert caught.value.code == code
    assert "4321" not in caught.value.message
    assert "secret" not in caught.value.message


def test_an_unknown_interval_is_refused_by_naming_what_exists() -> None:
    with pytest.raises(MetaError, match="'knapp-hartung-floored', 'mixture'; found 'bootstrap'"):
        random_effects(Y, V, interval="bootstrap")  # type: ignore[arg-type]


def test_methods_of_the_result_refuse_too() -> None:
    result = random_effects(Y, V, moderators=[1.0, 2.0, 4.0, 8.0])
    with pytest.raises(MetaError, match="t\\(k-1\\)"):
        result.prediction_interval("t(k-3)")  # type: ignore[arg-type]
    with pytest.raises(MetaError, match="q-profile"):
        result.tau2_interval("wald")  # type: ignore[arg-type]
    with pytest.raises(MetaError, match="1 finite moderators of the new site; found none"):
        result.prediction_interval()
    with pytest.raises(MetaError, match="at least two sites"):
        random_effects([0.1], [0.1]).leave_one_out()


def test_leaving_out_the_site_that_carries_a_moderator_is_refused() -> None:
    result = random_effects(Y, V, moderators=[0.0, 0.0, 0.0, 1.0])
    with pytest.raises(MetaError) as caught:
        result.leave_one_out()
    assert caught.value.code == "meta-collinear"


@pytest.mark.parametrize(
    ("code", "means", "covariances"),
    [
        ("meta-shape", [0.1, 0.2], np.eye(2)),
        ("meta-not-finite", [[0.1, np.inf]], [np.eye(2)]),
        ("meta-not-finite", [[0.1, 0.2]], [[[1.0, np.nan], [np.nan, 1.0]]]),
        ("meta-variance", [[0.1, 0.2]], [[[1.0, 0.0], [0.0, 0.0]]]),
    ],
)
def test_covariances_that_cannot_be_rescaled_are_refused(code: str, means: Any, covariances: Any) -> None:
    with pytest.raises(MetaError) as caught:
        rescale_covariances(means, covariances)
    assert caught.value.code == code
