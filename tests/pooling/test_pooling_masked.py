"""Sums over sites give the plain pool, to a step of the declared grid."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from causalsig.censored import ArmClass
from causalsig.errors import MetaError, PoolError, RefusedError
from causalsig.meta.on_grid import fit_on_grid, grid_terms
from causalsig.pooling import pool_arms
from causalsig.pooling.masked import (
    pool_from_sums,
    reasons_to_hold_masked,
    refuse_apart,
    row_terms,
    sites_with,
    unit_terms,
    units_of,
)
from causalsig.records import ReleasedArms
from causalsig.study.models import Study

ARMS = ("message", "phone", "home_visit", "none")
UNIT, STEP, POINTS = -6, 4, 129


def asked() -> Any:
    """A round as far as the sums look at it."""
    shared = {
        "question": "contact_method",
        "outcome": "any_new_arrears_3m",
        "estimand": "ATO",
        "estimator": "doubly_robust",
        "reference": "letter",
    }
    rows = tuple(SimpleNamespace(arm=arm, **shared) for arm in ARMS)
    grid = np.square(np.arange(POINTS) * 2.0**-STEP)
    return SimpleNamespace(
        document=SimpleNamespace(rows=rows, unit_exponent=UNIT, points=POINTS), tau2=lambda: grid
    )


@pytest.fixture
def blocks(make_block: Callable[..., ReleasedArms]) -> list[ReleasedArms]:
    rng = np.random.default_rng(12)
    found = []
    for number in range(14):
        error = float(rng.uniform(0.01, 0.04))
        means = 0.3 + rng.normal(size=5) * np.hypot(error, 0.02)
        size = tuple(0.2 / error**2 * rng.uniform(0.8, 1.2, 5))
        found.append(
            make_block(f"{number:064x}", tuple(means), std_error=error, step=error / 4, effective_sizes=size)
        )
    return found


def summed(blocks: list[ReleasedArms]) -> tuple[Any, Any]:
    round_ = asked()
    first = sum(unit_terms([one], round_.document.rows) for one in blocks)
    assert sites_with(first) == (len(blocks),) * len(ARMS)
    units = units_of(first)
    return round_, sum(row_terms([one], round_, units) for one in blocks)


def test_sums_give_the_plain_pool(blocks: list[ReleasedArms], study: Study) -> None:
    round_, sums = summed(blocks)
    plain = {row.arm: row for row in pool_arms(blocks, study, "d" * 64).contrasts}
    step = 2.0 ** (UNIT - STEP)
    for arm, fit in zip(ARMS, pool_from_sums(sums, round_, study.pooling), strict=True):
        row = plain[arm]
        assert abs(np.sqrt(fit.tau2) - np.sqrt(row.tau2)) <= step
        assert fit.sites == row.sites
        for name in ("estimate", "std_error", "conf_low", "conf_high"):
            assert abs(getattr(fit, name) - getattr(row, name)) < 0.1 * row.std_error, name
        # Q is at tau² of zero, which is on the grid.
        assert fit.q == pytest.approx(row.q, rel=1e-9)


def test_no_weight_exceeds_what_the_sums_say(blocks: list[ReleasedArms], study: Study) -> None:
    rng = np.random.default_rng(3)
    grid = np.square(np.arange(40) * 0.1)
    for _ in range(50):
        y, v = rng.normal(size=12), np.exp(rng.normal(size=12) * 2.0)
        fit = fit_on_grid(grid_terms(y, v, grid).sum(axis=0), grid, 12)
        weights = np.sort(1.0 / (v + fit.tau2))[::-1]
        weights /= weights.sum()
        assert weights[0] <= fit.largest_weight + 1e-12
        assert weights[:2].sum() <= fit.two_largest_weights + 1e-12
    round_, sums = summed(blocks)
    fit = pool_from_sums(sums, round_, study.pooling)[0]
    assert reasons_to_hold_masked(fit, study.pooling) == ()


def test_an_uneven_pool_is_held() -> None:
    grid = np.square(np.arange(5) * 0.5)
    fit = fit_on_grid(grid_terms(np.zeros(8), [1e-4, *[10.0] * 7], grid).sum(axis=0), grid, 8)
    choices: Any = SimpleNamespace(min_sites=6, max_site_weight=0.5, max_two_site_weight=0.67)
    assert reasons_to_hold_masked(fit, choices) == ("pool-dominant-site", "pool-dominant-pair")


def test_few_sites_are_refused(blocks: list[ReleasedArms], study: Study) -> None:
    round_, sums = summed(blocks[:5])
    with pytest.raises(RefusedError, match="pool-masked-few"):
        pool_from_sums(sums, round_, study.pooling)


def test_the_mixture_is_refused(blocks: list[ReleasedArms], study: Study) -> None:
    round_, sums = summed(blocks)
    with pytest.raises(PoolError, match="pool-masked-method"):
        pool_from_sums(sums, round_, study.pooling.model_copy(update={"interval": "mixture"}))


def test_a_class_and_a_second_wave_are_refused(blocks: list[ReleasedArms]) -> None:
    from dataclasses import replace

    rows = asked().document.rows
    left = replace(blocks[0], classes=(object.__new__(ArmClass),))
    object.__setattr__(left.classes[0], "arm", "phone")
    with pytest.raises(RefusedError, match="classes"):
        unit_terms([left], rows)
    with pytest.raises(RefusedError, match="waves"):
        unit_terms([blocks[0], blocks[0]], rows)
    with pytest.raises(RefusedError, match=r"others, which needs the sites apart.*pool-masked-apart"):
        refuse_apart("others")


def test_a_site_whose_error_is_small_against_the_unit_is_refused(
    make_block: Callable[..., ReleasedArms],
) -> None:
    round_, variances = asked(), np.full((len(ARMS), 2), 0.2)
    # Standard errors of 0.0045 and of 0.0037; a quarter of the unit is 0.0039.
    coarse, fine = (
        make_block("a" * 64, effective_sizes=(size,) * 5, correlation=0.0) for size in (20_000.0, 30_000.0)
    )
    assert (row_terms([coarse], round_, variances)[:, 0] == 1.0).all()
    with pytest.raises(RefusedError, match=r"0\.25 units of 2\^-6.*\[pool-masked-unit\]"):
        row_terms([fine], round_, variances)


def test_a_grid_that_is_too_short_is_refused() -> None:
    grid = np.square(np.arange(4) * 0.1)
    y = np.array([-5.0, 5.0] * 6)
    with pytest.raises(MetaError, match="meta-grid-end"):
        fit_on_grid(grid_terms(y, np.ones(12), grid).sum(axis=0), grid, 12)


def test_wrong_sums_are_refused() -> None:
    grid = np.square(np.arange(4) * 0.1)
    terms = grid_terms(np.zeros(6), np.ones(6), grid).sum(axis=0)
    for bad, sites, code in ((terms * -1, 6, "sums"), (terms, 1, "few"), (terms * np.nan, 6, "sums")):
        with pytest.raises(MetaError, match=f"meta-grid-{code}"):
            fit_on_grid(bad, grid, sites)
    with pytest.raises(MetaError, match=r"\[meta-grid\]"):
        grid_terms([0.0], [1.0], grid[1:])
