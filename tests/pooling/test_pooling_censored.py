"""Sites of which an arm left as a class only count, and the pool is where it would be with their means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binom, norm

from causalsig.censored import ArmClass
from causalsig.meta import random_effects
from causalsig.pooling import pool_arms, pool_of_others
from causalsig.pooling.interval_censored import CensoredSites, pool_with_classes
from causalsig.pooling.waves import one_block_a_site
from causalsig.records import PooledContrast, ReleasedArms
from causalsig.study.models import Study

Make = Callable[..., ReleasedArms]
CODES = tuple(f"{at:064d}" for at in range(60))
ARMS = ("letter", "message", "phone", "home_visit", "none")
EXACT = 1e-9
"""The same sums in another order."""
CHOICES: dict[str, Any] = {"tau2": "REML", "interval": "knapp-hartung-floored", "level": 0.95}


def class_of(
    arm: str = "home_visit", side: Literal["with", "without"] = "with", steps: int = 16, size: float = 256.0
) -> ArmClass:
    """An arm of about 256 households with nine at most of one side."""
    return ArmClass(arm, side, 10, steps, 200, size)


def sites(make: Make, n: int = 8, level: float = 0.06, seed: int = 5) -> list[ReleasedArms]:
    rng = np.random.default_rng(seed)
    return [make(CODES[at], tuple(level + 0.01 * rng.standard_normal(5))) for at in range(n)]


def few(make: Make, code: str, *classes: ArmClass, level: float = 0.06, **changes: Any) -> ReleasedArms:
    arms = tuple(
        arm
        for arm in ("letter", "message", "phone", "home_visit", "none")
        if arm not in {c.arm for c in classes}
    )
    return replace(make(code, (level,) * 5, arms=arms, **changes), classes=classes)


def contrast(blocks: list[ReleasedArms], study: Study, arm: str = "home_visit") -> PooledContrast:
    [found] = [row for row in pool_arms(blocks, study, "").contrasts if row.arm == arm]
    return found


def censored(**changes: float) -> CensoredSites:
    values = {
        "sign": 1.0,
        "offset": 0.0,
        "offset_variance": 1e-16,
        "variances": 2e-4,
        "below": 10.0,
        "least": 200.0,
        "most": 200.0,
    } | changes
    return CensoredSites(*(np.array([value]) for value in values.values()))


@pytest.mark.parametrize("risk", [0.01, 0.04, 0.05, 0.08])
def test_the_expected_share_is_that_of_a_binomial_below_the_floor(risk: float) -> None:
    counts = np.arange(10)
    mass = binom.pmf(counts, 200, risk)
    expected = float(mass @ counts / mass.sum() / 200)
    assert censored().expected(risk, 0.0)[0] == pytest.approx(expected, rel=1e-6)


def test_another_arm_known_with_error_and_a_size_known_roughly_are_averaged_over() -> None:
    """Against draws: the risk from the other arm, the size, the count, and of these those below ten."""
    rng = np.random.default_rng(8)
    theta = rng.normal(0.07 - 0.01, np.hypot(0.01, 0.015), 1_000_000)
    size = np.exp(rng.uniform(np.log(210.0), np.log(300.0), theta.size)).astype(int)
    inside = (theta > 0.0) & (theta < 1.0)
    share = rng.binomial(size[inside], theta[inside]) / size[inside]
    kept = share * size[inside] < 9.5
    site = censored(offset=-0.07, offset_variance=1e-4, least=210.0, most=300.0)
    drawn = float(share[kept].mean()) - 0.07
    # Four standard errors of the draws, and whole sizes where the integral has every one.
    assert site.expected(-0.01, 0.015**2)[0] == pytest.approx(drawn, abs=1.5e-4)


def test_the_few_without_the_outcome_mirror_those_with_it() -> None:
    one = censored(offset=-0.06, offset_variance=1e-4)
    other = replace(one, sign=np.array([-1.0]), offset=np.array([0.06]))
    assert other.expected(0.013, 1e-4)[0] == pytest.approx(-one.expected(-0.013, 1e-4)[0], abs=EXACT)


def test_a_working_observation_weighs_less_than_the_mean_would_and_never_nothing() -> None:
    for risk in (0.02, 0.05, 0.09):
        y, v = censored().working(risk, 1e-4)
        assert v[0] > 2e-4 and np.isfinite(y[0]) and y[0] < risk


def test_the_pool_is_where_a_censored_likelihood_is_highest() -> None:
    """A plain likelihood of normal means and of one class each, maximised as a whole; large counts."""
    rng = np.random.default_rng(3)
    k, n, mu, tau, floor = 80, 40_000, 0.03, 0.001, 1180
    counts = rng.binomial(n, rng.normal(mu, tau, k))
    y, v = counts / n, np.full(k, mu * (1.0 - mu) / n)
    seen = counts >= floor
    m = int((~seen).sum())
    assert 20 < m < 60
    ones = np.ones(m)
    classes = CensoredSites(ones, 0 * ones, 0 * ones, v[~seen], floor * ones, n * ones, n * ones)
    found = pool_with_classes(y[seen], v[seen], classes, **(CHOICES | {"tau2": "ML"}))

    def minus(at: np.ndarray) -> float:
        s = np.sqrt(v + np.exp(2.0 * at[1]))
        told = norm.logpdf(y[seen], at[0], s[seen]).sum()
        return -float(told + norm.logcdf((floor - 0.5) / n, at[0], s[~seen]).sum())

    best = minimize(minus, [mu, np.log(tau)], method="Nelder-Mead", tol=1e-9)
    # The variance of a binomial moves with its risk, that of the plain likelihood does not.
    assert found.coefficients[0] == pytest.approx(best.x[0], abs=0.05 * float(found.std_errors[0]))
    assert np.sqrt(found.tau2) == pytest.approx(np.exp(best.x[1]), rel=0.05)


def test_without_classes_nothing_changes(study: Study, make_block: Make) -> None:
    y, v = np.array([0.1, 0.2, 0.15]), np.array([0.01, 0.02, 0.01])
    plain = random_effects(y, v, tau2="REML", interval="knapp-hartung-floored", level=0.95)
    assert pool_with_classes(y, v, None, **CHOICES) == plain


def test_a_site_with_a_class_is_not_missing(study: Study, make_block: Make) -> None:
    whole = sites(make_block)
    more = [*whole, *(few(make_block, CODES[40 + at], class_of()) for at in range(4))]
    before, after = contrast(whole, study), contrast(more, study)
    assert (before.sites, after.sites) == (8, 12)
    assert after.estimate < before.estimate
    level = {row.arm: row for row in pool_arms(more, study, "").means}
    assert level["home_visit"].sites == 12
    assert (
        level["home_visit"].estimate
        < {r.arm: r for r in pool_arms(whole, study, "").means}["home_visit"].estimate
    )


def test_the_other_arms_of_such_a_site_count_as_they_are(study: Study, make_block: Make) -> None:
    whole = sites(make_block)
    more = [*whole, few(make_block, CODES[40], class_of())]
    plain = [*whole, few(make_block, CODES[40], class_of(), estimand="ATO")]
    complete = [*whole, make_block(CODES[40], (0.06,) * 5)]
    for arm in ("message", "phone", "none"):
        assert contrast(more, study, arm).estimate == contrast(plain, study, arm).estimate
        assert contrast(more, study, arm).estimate == pytest.approx(
            contrast(complete, study, arm).estimate, abs=EXACT
        )


def test_a_class_of_the_reference_moves_the_contrast_the_other_way(study: Study, make_block: Make) -> None:
    whole = sites(make_block)
    more = [*whole, *(few(make_block, CODES[40 + at], class_of("letter")) for at in range(4))]
    before, after = contrast(whole, study), contrast(more, study)
    assert after.sites == 12 and after.estimate > before.estimate


def test_risks_near_one_mirror_risks_near_zero(study: Study, make_block: Make) -> None:
    low = [*sites(make_block), few(make_block, CODES[40], class_of())]
    high = [
        replace(
            block,
            means=tuple(1.0 - mean for mean in block.means),
            classes=tuple(replace(one, side="without") for one in block.classes),
        )
        for block in low
    ]
    assert contrast(high, study).estimate == pytest.approx(-contrast(low, study).estimate, abs=EXACT)
    assert contrast(high, study).std_error == pytest.approx(contrast(low, study).std_error, abs=EXACT)


def test_a_site_with_classes_of_both_arms_says_nothing_of_their_difference(
    study: Study, make_block: Make
) -> None:
    whole = sites(make_block)
    both = few(make_block, CODES[40], class_of(), class_of("letter"))
    assert contrast([*whole, both], study).estimate == contrast(whole, study).estimate
    assert contrast([*whole, both], study).sites == 8


def test_a_site_that_has_only_classes_is_read(study: Study, make_block: Make) -> None:
    silent = replace(
        make_block(CODES[40]),
        arms=(),
        means=(),
        covariance=(),
        steps=(),
        household_bands=(),
        effective_sizes=(),
        classes=tuple(class_of(arm) for arm in ARMS),
    )
    whole = sites(make_block)
    pool = pool_arms([*whole, silent], study, "")
    assert {row.arm: row.sites for row in pool.means} == dict.fromkeys(ARMS, 9)
    assert {row.sites for row in pool.contrasts} == {8}


def test_the_pool_of_the_others_leaves_a_class_out_too(study: Study, make_block: Make) -> None:
    whole = sites(make_block)
    more = [*whole, few(make_block, CODES[40], class_of())]
    [row] = [r for r in pool_of_others(more, CODES[40], study, "").contrasts if r.arm == "home_visit"]
    assert row.estimate == contrast(whole, study).estimate


def test_a_wave_with_a_class_waits_for_whole_ones(make_block: Make) -> None:
    whole, part = make_block(CODES[0]), few(make_block, CODES[0], class_of())
    assert one_block_a_site([part, whole]) == (whole,)
    larger = replace(part, effective_sizes=tuple(2.0 * size for size in part.effective_sizes))
    assert one_block_a_site([part, larger]) == (larger,)


def test_classes_undo_the_bias_of_leaving_few_returns_out(study: Study, make_block: Make) -> None:
    """Networks of 40 sites, a small arm of 200 to 400 households and 5 % that returns: no arm differs."""
    rng = np.random.default_rng(12)
    gaps: dict[str, list[float]] = {"held back": [], "classes": []}
    for _ in range(25):
        blocks: dict[str, list[ReleasedArms]] = {"everything": [], "held back": [], "classes": []}
        for code in CODES[:40]:
            n = int(rng.integers(200, 260))
            small, large = rng.binomial(n, 0.05), rng.binomial(4000, 0.05)
            block = _two_arms(make_block, code, small, n, large)
            blocks["everything"].append(block)
            if small >= 10:
                blocks["held back"].append(block)
                blocks["classes"].append(block)
            else:
                steps = round(2 * np.log2(n))
                one = few(make_block, code, class_of(steps=steps, size=2.0 ** (steps / 2)), estimand="ATE")
                blocks["classes"].append(_only_letter(one, block))
        found = {name: contrast(given, study).estimate for name, given in blocks.items()}
        for name, gap in gaps.items():
            gap.append(100.0 * (found[name] - found["everything"]))
    held, classes = (np.array(gaps[name]) for name in ("held back", "classes"))
    # Percentage points; the paired differences have a standard error of about 0.02.
    assert held.mean() > 0.3
    assert abs(classes.mean()) < 0.1


def _two_arms(make: Make, code: str, small: int, n: int, large: int) -> ReleasedArms:
    means = (large / 4000, max(small, 1) / n)
    block = make(code, means, arms=("letter", "home_visit"), estimand="ATE")
    variances = [mean * (1.0 - mean) / size for mean, size in zip(means, (4000, n), strict=True)]
    size = 2.0 ** (round(2 * np.log2(n)) / 2)
    covariance = tuple(map(tuple, np.diag(variances).tolist()))
    return replace(block, covariance=covariance, effective_sizes=(4096.0, size))


def _only_letter(part: ReleasedArms, whole: ReleasedArms) -> ReleasedArms:
    return replace(
        part,
        arms=("letter",),
        means=whole.means[:1],
        covariance=((whole.covariance[0][0],),),
        steps=(0.0,),
        household_bands=whole.household_bands[:1],
        effective_sizes=whole.effective_sizes[:1],
    )
