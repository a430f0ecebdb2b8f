"""Copies of a site go together as the site does: between traits, and within a household."""

from __future__ import annotations

import numpy as np
import pytest

from causalsig.execution.certify_traits import NONE_OF, Traits, draw_traits, shared_and_own, traits_of

HOUSEHOLDS = 40_000
SEEN = 0.02  # a correlation of 40,000 pairs has a standard error of 0.005
CUT = 0.05  # categories are linked to scores by Pearson's formula, which is near and not exact


def drawn(known: Traits, columns: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two episodes of as many households, from what was learnt."""
    shared, own = shared_and_own(known.correlations, known.shared)
    traits = len(known.traits)
    common = rng.standard_normal((HOUSEHOLDS, traits)) @ shared.T
    first, second = (
        draw_traits(known.traits, common + rng.standard_normal((HOUSEHOLDS, traits)) @ own.T, columns)
        for _ in range(2)
    )
    return first, second


def pairs(between: np.ndarray, whole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of households with two episodes each, whose scores have these covariances: (2 n, t)."""
    both = np.block([[whole, between], [between, whole]])
    scores = rng.multivariate_normal(np.zeros(len(both)), both, size=HOUSEHOLDS)
    return scores.reshape(2 * HOUSEHOLDS, len(whole))


def test_traits_that_a_household_shares_unequally_stay_correlated() -> None:
    rng = np.random.default_rng(1)
    whole = np.array([[1.0, 0.5, 0.3], [0.5, 1.0, 0.0], [0.3, 0.0, 1.0]])
    between = np.array([[0.8, 0.2, 0.3], [0.2, 0.1, 0.0], [0.3, 0.0, 0.6]])
    x = pairs(between, whole, rng)
    known = traits_of(x, ("a", "b", "c"), np.repeat(np.arange(HOUSEHOLDS), 2))
    first, second = drawn(known, 3, rng)
    assert np.corrcoef(first.T) == pytest.approx(whole, abs=SEEN)
    assert np.corrcoef(first.T, second.T)[:3, 3:] == pytest.approx(between, abs=SEEN)


def test_a_list_without_an_order_goes_with_what_differs_between_its_categories() -> None:
    rng = np.random.default_rng(2)
    district = rng.choice(5, size=HOUSEHOLDS, p=[0.3, 0.1, 0.2, 0.25, 0.15])
    level = np.array([0.0, 2.0, -1.0, 1.0, -2.0])[district]
    income = level + rng.standard_normal(HOUSEHOLDS)
    x = np.column_stack([income, *(district == place for place in range(1, 5))]).astype(np.float64)
    names = ("income", *(f"district={place}" for place in range(1, 5)))
    known = traits_of(x, names, np.arange(HOUSEHOLDS))
    order = [0 if column == NONE_OF else column for column in known.traits[1].columns]
    assert order in ([4, 2, 0, 3, 1], [1, 3, 0, 2, 4])
    first, _ = drawn(known, 5, rng)
    assert first.mean(axis=0) == pytest.approx(x.mean(axis=0), abs=SEEN)
    seen = [np.corrcoef(x[:, 0], x[:, place])[0, 1] for place in range(1, 5)]
    found = [np.corrcoef(first[:, 0], first[:, place])[0, 1] for place in range(1, 5)]
    assert found == pytest.approx(seen, abs=CUT)


def test_a_count_has_all_lower_steps_and_a_list_one_category() -> None:
    rng = np.random.default_rng(3)
    count = rng.poisson(0.8, HOUSEHOLDS)
    kind = rng.choice(3, size=HOUSEHOLDS)
    x = np.column_stack([count >= 1, count >= 2, kind == 1, kind == 2]).astype(np.float64)
    names = ("signals>=1", "signals>=2", "kind=rent", "kind=water")
    first, _ = drawn(traits_of(x, names, np.arange(HOUSEHOLDS)), 4, rng)
    assert (first[:, 0] >= first[:, 1]).all() and (first[:, 2] + first[:, 3] <= 1.0).all()
    assert first.mean(axis=0) == pytest.approx(x.mean(axis=0), abs=SEEN)


def test_few_pairs_make_no_covariance_that_cannot_be() -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((200, 30))
    households = np.r_[np.repeat(np.arange(40), 2), np.arange(40, 160)]
    known = traits_of(x, tuple(f"x{place}" for place in range(30)), households)
    shared, own = shared_and_own(known.correlations, known.shared)
    assert shared @ shared.T + own @ own.T == pytest.approx(known.correlations, abs=1e-12)
    assert np.diagonal(shared @ shared.T).mean() < 0.3  # nothing is shared; thirty traits and forty pairs
    nobody = traits_of(x, tuple(f"x{place}" for place in range(30)), np.arange(200))
    assert not nobody.shared.any()
