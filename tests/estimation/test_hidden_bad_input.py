"""Instrument and bounds answer whatever is wrong with their input by an error of their own, or a number."""

from __future__ import annotations

import numpy as np
import pytest

from causalsig.errors import EstimationError
from causalsig.estimation import (
    coding_bounds,
    corrected_arm_means,
    difference_in_means,
    grouped_instrument,
    instrument_balance,
    mover_bounds,
)

N = 240
R = np.random.default_rng(2)
MONTH = np.repeat(np.arange(24), 10)
TREATED = (R.random(N) < 0.4).astype(float)
SHARED = {
    "instrument": R.normal(size=24)[MONTH],
    "groups": MONTH,
    "controls": np.cos(MONTH / 2.0)[:, None],
    "folds": np.tile(np.arange(2), N // 2),
}
CODED = {
    "covariates": R.normal(size=(N, 2)),
    "recorded": np.where(TREATED > 0, "yes", "no"),
    "outcome": R.random(N),
    "households": np.arange(N) // 2,
}
FUNCTIONS = {
    "grouped_instrument": (
        grouped_instrument,
        ("treatment", "outcome"),
        {"treatment": TREATED, "outcome": R.random(N), "covariates": R.normal(size=(N, 2)), **SHARED},
        {},
    ),
    "instrument_balance": (
        instrument_balance,
        ("covariates",),
        {"covariates": R.normal(size=(N, 2)), **SHARED},
        {},
    ),
    "coding_bounds": (
        coding_bounds,
        ("covariates", "recorded", "outcome"),
        CODED,
        {"arms": ("no", "yes"), "sensitivity": (0.8, 1.0), "specificity": (0.9, 1.0)},
    ),
    "corrected_arm_means": (
        corrected_arm_means,
        ("covariates", "recorded", "outcome"),
        CODED,
        {"arms": ("no", "yes"), "sensitivity": 0.8, "specificity": 0.95},
    ),
}
OF_ROWS = {
    "nothing": None,
    "a number": 3.0,
    "a word": "veel",
    "no rows": np.zeros(0),
    "no columns": np.zeros((N, 0)),
    "a row too few": np.arange(N - 1),
    "three dimensions": np.zeros((N, 2, 2)),
    "NaN": np.where(np.arange(N) == 3, np.nan, np.arange(N) % 2),
    "infinite": np.where(np.arange(N) == 3, np.inf, np.arange(N) % 2),
    "masked": np.ma.array(np.arange(N) % 2, mask=np.arange(N) == 5),
    "objects": np.array([{}] * N, dtype=object),
    "None among words": np.array(["a", None] * (N // 2), dtype=object),
    "mixed": np.array([1, "a"] * (N // 2), dtype=object),
    "complex": np.ones(N, dtype=complex),
    "one value": np.ones(N),
    "ragged": [[1.0, 2.0], [3.0]] * (N // 2),
    "a huge number": np.where(np.arange(N) == 3, 1e12, 1.0),
}
OF_OPTIONS = {
    "nothing": None,
    "a number": -1.5,
    "a word": "veel",
    "three": (0.7, 0.8, 0.9),
    "NaN": np.nan,
    "a mapping": {},
    "a class": dict,
}
ALLOWED_NOTHING = {"controls", "covariates", "folds", "households"}


def numbers(result):
    """Whatever a result tells as a number, but ends of sets, which may be infinite."""
    for name in ("reduced_form", "reduced_form_error", "change", "std_error", "estimates", "means"):
        value = getattr(result, name, None)
        if value is not None and not (name == "std_error" and hasattr(result, "first_stage")):
            yield np.asarray(value, dtype=float)


def ask(name, change):
    function, order, rows, options = FUNCTIONS[name]
    given = rows | options | change
    try:
        return function(*[given.pop(key) for key in order], **given)
    except EstimationError as error:
        assert error.code.startswith(("estimation-", "propensity-")) and error.mend
        return error.code


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rows_that_are_not_right_are_named(name):
    refused = 0
    for key in FUNCTIONS[name][2]:
        for what, value in OF_ROWS.items():
            found = ask(name, {key: value})
            refused += isinstance(found, str)
            if not isinstance(found, str):
                assert what != "nothing" or key in ALLOWED_NOTHING, key
                assert all(np.isfinite(v).all() for v in numbers(found)), (key, what)
    assert refused > 9 * len(FUNCTIONS[name][2])


@pytest.mark.parametrize("name", ["coding_bounds", "corrected_arm_means"])
@pytest.mark.parametrize("option", ["sensitivity", "specificity", "arms"])
def test_declared_errors_that_are_none_are_named(name, option):
    for what, value in OF_OPTIONS.items():
        assert isinstance(ask(name, {option: value}), str), what


@pytest.mark.parametrize("option", ["yearly_turnover", "until_day", "moving", "occupants_return", "level"])
def test_what_is_declared_of_movers_is_named(option):
    result = difference_in_means(None, np.repeat(["a", "b"], 20), np.tile([0.0, 1.0, 1.0, 0.0], 10))
    good = {"yearly_turnover": (0.05, 0.1), "until_day": 151, "moving": "unrelated"}
    for what, value in OF_OPTIONS.items():
        with pytest.raises(EstimationError, match="estimation-bounds"):
            print(what, mover_bounds(result, "a", "b", **(good | {option: value})))
