"""Whatever one argument is spoilt by, every public function answers with an error of its own that names it.

A table of arguments times a table of values that fit none of them. Some values are right for some functions:
then the answer is finite. Nothing else may come out: no error of numpy, no answer that is not a number.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from causalsig import estimation
from causalsig.errors import EstimationError

N = 40
R = np.random.default_rng(9)
GOOD = {
    "covariates": R.normal(size=(N, 2)),
    "treatment": np.arange(N) % 2,
    "outcome": R.normal(size=N),
    "households": np.arange(N) // 2 * 2 + np.arange(N) % 2,
    "observed": np.ones(N, dtype=bool),
    "instrument": np.where(np.arange(N) % 5 == 0, 0, np.arange(N) % 2),
}
OF_ROWS = {
    "nothing": None,
    "a number": 3.0,
    "a word": "veel",
    "no rows": np.zeros(0),
    "no columns": np.zeros((N, 0)),
    "a row too few": np.arange(N - 1),
    "three dimensions": np.zeros((N, 2, 2)),
    "two columns too many": R.random((N, 4)) < 0.5,
    "NaN": np.where(np.arange(N) == 3, np.nan, np.arange(N) % 2),
    "infinite": np.where(np.arange(N) == 3, np.inf, np.arange(N) % 2),
    "masked": np.ma.array(np.arange(N) % 2, mask=np.arange(N) == 5),
    "objects": np.array([{}] * N, dtype=object),
    "None among words": np.array(["a", None] * (N // 2), dtype=object),
    "dates": np.array(["2024-01-01"] * N, dtype="datetime64[D]"),
    "complex": np.ones(N, dtype=complex),
    "one value": np.ones(N),
    "ragged": [[1.0, 2.0], [3.0]] * (N // 2),
    "NA": pd.array([1, None] * (N // 2), dtype="Int64"),
    "a huge number": np.where(np.arange(N) == 3, 1e12, 1.0),
}
OF_OPTIONS = {
    "nothing": None,
    "a number": -1.5,
    "a word": "veel",
    "an array": np.zeros(3),
    "a list": ["ATE", 1],
    "NaN": np.nan,
    "yes": True,
    "a mapping": {},
    "a class": dict,
}
OPTIONS = (
    "arms",
    "estimand",
    "folds",
    "repeats",
    "seed",
    "nuisance",
    "propensity",
    "event",
    "horizons",
    "level",
)
MORE = ("outcome_model", "trim", "target")
EFFECTS = (
    "difference_in_means",
    "inverse_probability",
    "overlap_weighting",
    "regression_standardisation",
    "entropy_balancing",
    "doubly_robust",
    "targeted_maximum_likelihood",
)
HARMLESS = {
    ("arms", "nothing"),
    ("households", "nothing"),
    ("observed", "nothing"),
    ("event", "nothing"),
    ("horizons", "nothing"),
    ("propensity", "nothing"),
    ("trim", "nothing"),
    ("folds", "nothing"),
}


def finite(result):
    if isinstance(result, estimation.Propensity):
        return np.isfinite(result.probabilities).all()
    if isinstance(result, estimation.LocalEffect):
        return np.isfinite([result.estimate, result.std_error]).all() and result.std_error > 0
    return np.isfinite(result.means).all() and (result.std_errors > 0).all()


def ask(function, change):
    """Answer, or the error's code; anything else that is raised fails the test by itself."""
    given = {name: value for name, value in GOOD.items() if name != "instrument" or "local" in function}
    given |= change
    if function == "fit_propensity":
        given = {k: v for k, v in given.items() if k not in ("outcome", "observed")}
    first = [given.pop(name) for name in ("covariates", "treatment", "outcome") if name in given]
    try:
        return getattr(estimation, function)(*first, **given)
    except EstimationError as error:
        assert error.code.startswith("estimation-") and error.expected and error.found and error.mend
        return error.code


@pytest.mark.parametrize("function", [*EFFECTS, "fit_propensity", "local_average_effect"])
def test_rows_that_are_not_right_are_named(function):
    taken = set(GOOD) - ({"instrument"} if "local" not in function else set())
    taken -= {"outcome", "observed"} if function == "fit_propensity" else set()
    refused = 0
    for name in sorted(taken):
        for what, value in OF_ROWS.items():
            found = ask(function, {name: value})
            if isinstance(found, str):
                refused += 1
            elif (name, what) not in HARMLESS:
                assert finite(found) or (name, what) == ("outcome", "one value"), (name, what)
    assert refused > 10 * len(taken)


@pytest.mark.parametrize("function", [*EFFECTS, "fit_propensity", "local_average_effect"])
def test_options_that_are_not_right_are_named(function):
    import inspect

    known = set(inspect.signature(getattr(estimation, function)).parameters)
    refused = 0
    for name in sorted(known & {*OPTIONS, *MORE}):
        for what, value in OF_OPTIONS.items():
            found = ask(function, {name: value})
            if isinstance(found, str):
                refused += 1
            else:
                assert finite(found), (name, what)
    assert refused > 4 * len(known & {*OPTIONS, *MORE})


@pytest.mark.parametrize(
    "rule", [*OF_OPTIONS.values(), ("symmetric", np.nan), ("crump", 1), ("symmetric", "a")]
)
def test_trimming_names_what_is_no_rule(rule):
    fitted = estimation.fit_propensity(GOOD["covariates"], GOOD["treatment"])
    with pytest.raises(EstimationError, match="estimation-trim"):
        estimation.trim(fitted, rule)


def test_nothing_is_warned_of_on_the_way():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("covariates", "outcome"):
            for value in OF_ROWS.values():
                ask("doubly_robust", {name: value})
