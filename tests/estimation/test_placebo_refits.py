"""Refits that should change little: shifts are what refitting by hand gives, in their stated errors."""

from __future__ import annotations

import numpy as np
import pytest

from causalsig.estimation import doubly_robust, fit_propensity
from causalsig.estimation.placebo_refits import PART, random_cause_shifts, subset_shifts

EXACT = 1e-9
"""The same fits, by another order of sums."""
ARMS = ("letter", "visit")


def site(seed: int = 5, households: int = 400) -> tuple[np.ndarray, ...]:
    """Arms by covariates, two episodes a household."""
    r = np.random.default_rng(seed)
    place = np.repeat(np.arange(households), 2)
    h = 1000 + place  # so that ids are in the order of their digits
    x = r.normal(size=(len(h), 2))
    arm = np.where(0.5 * x[:, 0] + r.normal(size=len(h)) > 0, "visit", "letter")
    y = x[:, 0] + r.normal(size=households)[place] + r.normal(size=len(h))
    return x, arm, y, h


def test_shifts_by_noise_are_those_of_refits_by_hand_in_standard_errors() -> None:
    x, arm, y, h = site()
    fitted = fit_propensity(x, arm, arms=ARMS, households=h, folds=3)
    found = random_cause_shifts(fitted, y, "visit", "letter", draws=2, seed=8)
    folds = fitted.folds[0]

    def by_hand(covariates: np.ndarray) -> tuple[float, float]:
        whole = doubly_robust(covariates, arm, y, arms=ARMS, households=h, folds=folds, estimand="ATO")
        one = whole.contrast("visit", "letter")
        return one.estimate, one.std_error

    before, error = by_hand(x)
    r = np.random.default_rng(8)
    for shift in found:
        column = np.empty(len(y))
        column[fitted.sample.order] = r.normal(size=len(y))  # no two rows of this site tie
        assert shift * error == pytest.approx(by_hand(np.column_stack([x, column]))[0] - before, abs=EXACT)
        assert abs(shift) > 1e-4


def test_shifts_by_noise_are_as_large_as_arms_of_that_size_make_them() -> None:
    x, arm, y, h = site()
    fitted = fit_propensity(x, arm, arms=ARMS, households=h, folds=2)
    found = random_cause_shifts(fitted, y, "visit", "letter", draws=25, seed=1)
    sizes = [(arm == one).sum() for one in ARMS]
    expected = np.sqrt(1 / sizes[0] + 1 / sizes[1])
    assert 0.5 < np.sqrt(np.mean(found**2)) / expected < 2


def test_shifts_of_subsets_are_those_of_refits_by_hand_in_their_noise() -> None:
    x, arm, y, h = site()
    whole = doubly_robust(x, arm, y, arms=ARMS, households=h, folds=3, estimand="ATO", seed=0)
    contrast = whole.contrast("visit", "letter")
    found = subset_shifts(x, arm, y, h, contrast, arms=ARMS, folds=3, refits=2, seed=6)
    r = np.random.default_rng(6)
    for place, shift in enumerate(found):
        rows = np.isin(h - 1000, r.permutation(400)[: round(PART * 400)])
        part = doubly_robust(
            x[rows], arm[rows], y[rows],
            arms=ARMS, households=h[rows] - 1000, folds=3, estimand="ATO", seed=6 + place,
        ).contrast("visit", "letter")  # fmt: skip
        # Four fifths of the households kept: the difference has half the standard error, √(5/4 - 1).
        assert shift * 0.5 * contrast.std_error == pytest.approx(part.estimate - contrast.estimate, abs=EXACT)


def test_shifts_of_subsets_are_one_on_average_in_the_noise_that_lots_give() -> None:
    x, arm, y, h = site()
    whole = doubly_robust(x, arm, y, arms=ARMS, households=h, folds=2, estimand="ATO")
    found = subset_shifts(
        x, arm, y, h, whole.contrast("visit", "letter"), arms=ARMS, folds=2, refits=50, seed=2
    )
    # The root mean square of fifty is known to a tenth; a new split adds a little of its own.
    assert 0.75 < np.sqrt(np.mean(found**2)) < 1.35
