"""Permutation placebo: what many deals at once give is what the whole analysis gives each of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from causalsig.errors import EstimationError
from causalsig.estimation import doubly_robust, fit_propensity, permutation_placebo
from causalsig.estimation.placebo import deals

AS_THE_WHOLE = 0.06
"""Largest difference of a contrast from that of the whole analysis, in its standard error: the ridge of the
outcome models is chosen by the spectrum that all deals share."""
ERRORS_ALIKE = 0.02
"""Largest relative difference of the stated standard error."""


def site(seed: int, households: int = 500, *, same: bool = False) -> tuple[Any, ...]:
    """Arms by covariates, an outcome that no arm changes, one to four episodes a household.

    same : all episodes of a household are in one arm, and its outcomes are alike
    """
    r = np.random.default_rng(seed)
    sizes = 1 + r.binomial(*((5, 0.8) if same else (3, 0.2)), households)
    h = np.repeat(np.arange(households), sizes)
    n = len(h)
    x = np.column_stack([r.normal(size=n), r.random(n) < 0.3, r.normal(size=households)[h]]).astype(float)
    wish = np.column_stack([np.zeros(n), 0.5 * x[:, 0] + 0.3, -0.4 * x[:, 2]])
    drawn = r.gumbel(size=(households, 3))[h] if same else r.gumbel(size=(n, 3))
    arm = np.repeat(wish[np.flatnonzero(np.diff(h, prepend=-1))], sizes, 0) + drawn if same else wish + drawn
    own = r.normal(size=households)[h] * (2.0 if same else 0.5)
    y = (r.random(n) < 1.0 / (1.0 + np.exp(1.0 - 0.5 * x[:, 0] - own))).astype(float)
    return x, arm.argmax(axis=1), y, h


@pytest.mark.parametrize("estimand", ["ATO", "ATE"])
def test_a_placebo_is_the_whole_analysis_of_arms_dealt_by_lot(estimand: Any) -> None:
    x, arm, y, _ = site(1)
    # Rows that are households, numbered as the engine orders them, so that its deals can be taken over.
    order = np.lexsort((np.arange(len(arm)), np.arange(len(arm)) % 5))
    x, arm, y = x[order], arm[order], y[order]
    names = [f"{k:05d}" for k in range(len(arm))]
    folds = np.sort(np.arange(len(arm)) % 5)
    fitted = fit_propensity(x, arm, households=names, folds=folds)
    placebo = permutation_placebo(fitted, y, 1, 0, estimand=estimand, replications=20, seed=4)
    [dealt] = deals(arm, np.arange(len(arm)), 20, 4, 20)
    for b in range(6):
        whole = doubly_robust(x, dealt[b], y, households=names, folds=folds, estimand=estimand)
        contrast = whole.contrast(1, 0)
        assert placebo.estimates[b] == pytest.approx(contrast.estimate, abs=AS_THE_WHOLE * contrast.std_error)
        assert placebo.std_errors[b] == pytest.approx(contrast.std_error, rel=ERRORS_ALIKE)
        assert placebo.df[b] == pytest.approx(contrast.df, rel=5 * ERRORS_ALIKE)


def test_arms_of_a_household_are_dealt_side_by_side_whatever_its_size() -> None:
    clusters = np.repeat(np.arange(60), 1 + np.arange(60) % 3)
    codes = clusters % 3  # every household of one size is in one arm
    dealt = np.concatenate(list(deals(codes, clusters, 300, 0, 7)))
    [at_once] = deals(codes, clusters, 300, 0, 300)
    assert np.array_equal(dealt, at_once)
    assert np.array_equal(np.sort(dealt, axis=1), np.broadcast_to(np.sort(codes), dealt.shape))
    of_three = dealt[:, clusters % 3 == 2]
    # Arm 2 is in half of the rows, in households of every size; 300 deals of 60 rows.
    assert abs(np.mean(of_three == 2) - 0.5) < 0.02
    triples = of_three.reshape(300, -1, 3)
    together = np.mean((triples[..., 0] == triples[..., 1]) & (triples[..., 1] == triples[..., 2]))
    assert together > 0.2  # by rows it would be 1/8 + 1/27 + 1/216 = 0.17 at most, mostly of arm 2
    assert np.mean(triples[..., 0] == triples[..., 1]) > 0.5


def test_how_often_a_household_comes_is_not_tied_to_its_placebo_arm() -> None:
    r = np.random.default_rng(8)
    returns = r.integers(0, 4, 500)
    h = np.repeat(np.arange(500), 1 + returns)
    y = (returns[h] > r.integers(0, 4, len(h))).astype(float)
    arm = (r.random(len(h)) < 0.2 + 0.15 * returns[h]).astype(int)
    placebo = permutation_placebo(fit_propensity(r.normal(size=(len(h), 1)), arm, households=h), y, 1, 0)
    assert abs(placebo.centre) < 0.3
    assert placebo.spread_beyond_chance < 1.1


def test_a_right_analysis_makes_nothing_of_nothing() -> None:
    x, arm, y, h = site(2)
    placebo = permutation_placebo(fit_propensity(x, arm, households=h), y, 1, 0)
    assert placebo.replications == 200
    assert abs(placebo.spread - 1.0) < 0.15
    assert placebo.spread_beyond_chance < 1.1
    assert placebo.centre_beyond_chance < 0.25
    assert 0.0 < placebo.rejected < 0.12


def test_households_that_the_errors_ignore_are_seen() -> None:
    x, arm, y, h = site(3, households=400, same=True)
    knowing = fit_propensity(x, arm, households=h)
    ignoring = fit_propensity(x, arm)
    assert permutation_placebo(knowing, y, 1, 0).spread_beyond_chance < 1.1
    assert permutation_placebo(ignoring, y, 1, 0, together=h).spread_beyond_chance > 1.1


def test_a_contrast_far_from_zero_is_far_from_the_placebos() -> None:
    x, arm, y, h = site(4)
    fitted = fit_propensity(x, arm, households=h)
    moved = np.where(arm == 1, y + 0.5, y)
    null = doubly_robust(x, arm, y, households=h, propensity=fitted, estimand="ATO").contrast(1, 0)
    effect = doubly_robust(x, arm, moved, households=h, propensity=fitted, estimand="ATO").contrast(1, 0)
    assert permutation_placebo(fitted, moved, 1, 0).p_value(effect) == pytest.approx(1 / 201)
    assert permutation_placebo(fitted, y, 1, 0).p_value(null) > 0.05


def test_the_order_of_the_rows_changes_nothing() -> None:
    x, arm, y, h = site(5, households=120)
    rows = np.random.default_rng(0).permutation(len(arm))
    one = permutation_placebo(fit_propensity(x, arm, households=h), y, 1, 0, replications=25)
    other = permutation_placebo(
        fit_propensity(x[rows], arm[rows], households=h[rows]), y[rows], 1, 0, replications=25
    )
    # Exactly, but for the last digits that means over reordered rows give the design.
    np.testing.assert_allclose(one.estimates, other.estimates, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [{"replications": 5}, {"arm": 7}, {"arm": 0}, {"estimand": "ATM"}, {"outcome": "two"}, {"folds": None}],
)
def test_what_cannot_be_a_placebo_is_refused(wrong: dict[str, Any]) -> None:
    x, arm, y, h = site(6, households=120)
    fitted = fit_propensity(x, arm, households=h, **({"folds": None} if "folds" in wrong else {}))
    outcome = np.column_stack([y, y]) if "outcome" in wrong else y
    options = {k: v for k, v in wrong.items() if k in ("replications", "estimand")}
    with pytest.raises(EstimationError, match=r"estimation-(placebo|estimand)"):
        permutation_placebo(fitted, outcome, wrong.get("arm", 1), 0, **options)
