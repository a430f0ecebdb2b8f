"""Overlap of several arms, Love plot, components of balance, and the two gates after the design gate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, t

from causalsig.diagnostics.balance import (
    balance_components,
    balance_table,
    largest_difference,
    largest_excess,
    love_plot,
    variance_ratios,
)
from causalsig.diagnostics.gates import EFFECTIVE_SIZE, EQUIPOISE, DesignGate, design_gate
from causalsig.diagnostics.later_gates import (
    FOLLOW_UP,
    KNOWN_FAILURE,
    POWER,
    LaterThresholds,
    detectable_effect,
    pooling_gate,
    solo_gate,
)
from causalsig.diagnostics.overlap import generalised_preference_scores, overlap_of, preference_scores
from causalsig.estimation import Propensity, fit_propensity, trim
from causalsig.pooling import pooled_balance
from causalsig.records import BalanceRow
from causalsig.study.models import Diagnostics

EXACT = 1e-12
"""The same sums in another order."""
BAND = 0.99
"""Level of the exact interval of a Monte Carlo rate."""
ARMS = ("letter", "phone", "home_visit")


def fitted(n: int = 900, strength: float = 0.5, seed: int = 2) -> tuple[np.ndarray, Propensity]:
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 3))
    codes = (strength * x @ np.array([[1.0, -1, 0.5], [0, 1, 1], [0, 0, 0]]) + r.gumbel(size=(n, 3))).argmax(
        1
    )
    return x, fit_propensity(x, np.array(ARMS)[codes], arms=ARMS, households=np.arange(n) // 2, folds=3)


@given(st.floats(0.01, 0.99), st.integers(1, 999), st.integers(1, 999))
def test_two_arms_have_the_plain_preference_score(p: float, first: int, second: int) -> None:
    both = np.array([[p, 1 - p]])
    plain = preference_scores(both[:, 0], both[:, 1], first, second)
    found = generalised_preference_scores(both, np.array([first, second]))
    assert found[0, 0] == pytest.approx(plain[0], rel=1e-9)
    assert found.sum() == pytest.approx(1.0)


def test_as_likely_as_its_share_is_one_in_k() -> None:
    sizes = np.array([50, 30, 20])
    found = generalised_preference_scores(np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]), sizes)
    assert found[0] == pytest.approx([1 / 3] * 3) and found[1, 2] > 1 / 3 > found[1, 0]


def test_overlap_says_the_same_as_its_parts_by_themselves() -> None:
    _, propensity = fitted()
    found = overlap_of(propensity, ("ATO", "ATE"), Diagnostics())
    assert np.isnan(np.diagonal(found.pairs)).all() and found.pairs[0, 2] == found.pairs[2, 0]
    assert 0 < found.everywhere <= np.nanmax(found.pairs)
    trimming = trim(propensity, "crump")
    assert found.trimmed == pytest.approx(trimming.trimmed / propensity.n, abs=EXACT)
    assert found.effective_sizes["ATE"] == pytest.approx(propensity.effective_sample_size("ATE"))
    apart = overlap_of(fitted(strength=3.0)[1], ("ATO",), Diagnostics())
    assert apart.everywhere < found.everywhere and apart.trimmed.max() > found.trimmed.max()


def test_two_arms_overlap_everywhere_where_they_are_in_equipoise() -> None:
    r = np.random.default_rng(0)
    x = r.normal(size=(600, 2))
    codes = (x[:, 0] + r.logistic(size=600) > 0).astype(int)
    found = overlap_of(fit_propensity(x, codes, folds=2), ("ATO",), Diagnostics())
    assert found.everywhere == pytest.approx(found.pairs[0, 1])


def rows(*values: tuple[str, float, float], noise: float = 0.05) -> tuple[BalanceRow, ...]:
    return tuple(BalanceRow(name, "a", "b", before, after, noise) for name, before, after in values)


def test_the_largest_difference_is_told_against_chance_over_all_rows() -> None:
    found = largest_difference(rows(("x", 0.5, 0.02), ("y", 0.1, -0.2)))
    assert found is not None and found.row.covariate == "y"
    assert found.statistic == pytest.approx(4.0)
    assert found.critical == pytest.approx(norm.isf(0.0125))
    assert found.p_value == pytest.approx(4 * norm.sf(4.0))
    assert largest_difference(()) is None


def test_chance_alone_is_beyond_the_critical_value_in_at_most_five_in_a_hundred() -> None:
    r = np.random.default_rng(3)
    beyond, total = 0, 1000
    for _ in range(total):
        x, codes = r.normal(size=(150, 4)), r.integers(0, 3, 150)
        sizes = np.bincount(codes, minlength=3).astype(float)
        found = largest_difference(balance_table(x, tuple("abcd"), codes, ARMS, np.ones(150), sizes))
        assert found is not None
        beyond += found.statistic > found.critical
        assert (found.statistic > found.critical) == (found.p_value < 0.05)
    assert binomtest(beyond, total).proportion_ci(BAND, "exact").low <= 0.05


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_variance_ratios_agree_with_plain_loops(seed: int) -> None:
    r = np.random.default_rng(seed)
    x = np.column_stack([r.normal(size=(30, 2)) * (1, 40), r.random(30) < 0.4]).astype(float)
    codes, w = np.arange(30) % 3, r.uniform(0.2, 3, 30)
    found = variance_ratios(x, codes, w, 3)
    assert np.isnan(found[:, 2]).all()
    plain = []
    for k in range(3):
        own = [i for i in range(30) if codes[i] == k]
        total = sum(w[i] for i in own)
        mean = sum(w[i] * x[i, 1] for i in own) / total
        squares = sum(w[i] * (x[i, 1] - mean) ** 2 for i in own) / total
        plain.append(squares / (1 - sum((w[i] / total) ** 2 for i in own)))
    assert found[:, 1] == pytest.approx([plain[0] / plain[1], plain[0] / plain[2], plain[1] / plain[2]])


def test_equal_weights_give_the_ratio_of_sample_variances() -> None:
    x = np.array([[1.0], [3.0], [6.0], [2.0], [4.0], [9.0]])
    [[ratio]] = variance_ratios(x, np.array([0, 0, 0, 1, 1, 1]), np.full(6, 7.0), 2)
    assert ratio == pytest.approx(x[:3].var(ddof=1) / x[3:].var(ddof=1))


def test_the_love_plot_has_the_worst_pair_and_the_largest_first() -> None:
    table = (
        BalanceRow("small", "a", "b", 0.1, 0.01, 0.05),
        BalanceRow("big", "a", "b", -0.2, 0.02, 0.05),
        BalanceRow("big", "a", "c", 0.6, -0.3, 0.08),
    )
    big, small = love_plot(table)
    assert (big.covariate, big.unweighted, big.weighted) == ("big", 0.6, 0.3)
    assert big.limit == pytest.approx(0.1 + norm.isf(0.05 / 6) * 0.08)
    assert (small.unweighted, small.weighted) == (0.1, 0.01) and love_plot(()) == ()


def test_components_of_sites_are_what_the_pool_takes() -> None:
    sites = []
    for seed in range(6):
        x, propensity = fitted(seed=seed)
        table = balance_table(
            x, tuple("xyz"), propensity.codes, ARMS, propensity.weights("ATO"),
            propensity.effective_sample_size("ATO"),
        )  # fmt: skip
        sites.append(balance_components(table, ("home_visit", "letter")))
        turned = balance_components(table, ("letter", "home_visit"))
        assert turned.differences == pytest.approx(-sites[-1].differences)
    assert {site.keys for site in sites} == {tuple((name, "home_visit", "letter") for name in "xyz")}
    pooled = pooled_balance(
        np.stack([site.differences for site in sites]), np.stack([site.noise for site in sites]), limit=0.1
    )
    assert pooled.balanced.all() and pooled.sites.tolist() == [6, 6, 6]


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_the_noise_of_a_covariate_is_its_own_standard_error_where_that_is_larger(seed: int) -> None:
    r = np.random.default_rng(seed)
    n = 36
    x, w = np.column_stack([r.normal(size=n), r.random(n) < 0.2]).astype(float), r.uniform(0.2, 3, n)
    codes, clusters = np.arange(n) % 2, r.permutation(n) // 3
    found = balance_table(x, ("x", "flag"), codes, ("a", "b"), w, np.full(2, 1e9), clusters)
    for j, row in enumerate(found):
        error, spread = 0.0, 0.0
        for k in range(2):
            own = [i for i in range(n) if codes[i] == k]
            total = sum(w[i] for i in own)
            mean = sum(w[i] * x[i, j] for i in own) / total
            groups = {int(clusters[i]) for i in own}
            squares = sum(sum(w[i] * (x[i, j] - mean) for i in own if clusters[i] == g) ** 2 for g in groups)
            error += len(groups) / (len(groups) - 1) * squares / total**2
            spread += float(np.var([x[i, j] for i in own], ddof=1)) / 2
        if spread > 0:
            assert row.noise == pytest.approx((error / spread) ** 0.5 + 0.0, rel=1e-6)
    floor = balance_table(x, ("x", "flag"), codes, ("a", "b"), w, np.full(2, 0.01), clusters)
    assert [row.noise for row in floor] == pytest.approx([200**0.5] * 2)


def test_a_fact_of_a_few_households_does_not_close_the_gate_of_arms_by_lot() -> None:
    """Three in a thousand have it, so that an arm may hold one of them, with a large weight, or none."""
    n, facts = 1500, 20
    closed = {"as others": 0, "its own": 0}
    for seed in range(40):
        r = np.random.default_rng(seed)
        x = np.column_stack([r.normal(size=n), *(r.random((facts, n)) < 0.003)]).astype(float)
        codes, w = r.choice(3, n, p=[0.6, 0.3, 0.1]), r.lognormal(0.0, 1.3, n)
        sizes = np.array([w[codes == k].sum() ** 2 / (w[codes == k] ** 2).sum() for k in range(3)])
        names = tuple(f"x{j}" for j in range(facts + 1))
        for noise, clusters in (("as others", None), ("its own", np.arange(n))):
            table = balance_table(x, names, codes, ARMS, w, sizes, clusters)
            closed[noise] += largest_excess(table) > 0.1
    assert closed["its own"] == 0 < closed["as others"]


PASSED = DesignGate((), (), ("ATO",))
CLOSED = DesignGate((), (), ())
EPISODES = np.array([200, 100, 100])


def pooling(design: DesignGate = PASSED, lost: int = 0, failures: tuple[str, ...] = ()) -> Any:
    return pooling_gate(design, "ATO", ARMS, EPISODES, EPISODES - np.array([0, 0, lost]), failures)


def test_the_pooling_gate_looks_at_follow_up_and_known_failures() -> None:
    assert pooling().passed and pooling(lost=20).passed
    lost, failed = pooling(lost=21), pooling(failures=("source-a", "source-a"))
    assert not lost.passed and not failed.passed
    assert [(v.code, v.passed, v.value, v.arm) for v in lost.verdicts] == [
        (FOLLOW_UP, False, 0.79, "home_visit"),
        (KNOWN_FAILURE, True, 0.0, None),
    ]
    assert [v.value for v in failed.verdicts if v.code == KNOWN_FAILURE] == [1.0]
    assert {v.tier for v in lost.verdicts} == {"pooling"}


def test_what_the_design_gate_withheld_passes_no_later_gate() -> None:
    assert not pooling(CLOSED).passed
    assert not solo_gate(pooling(CLOSED), "ATO", 1e-6, 100.0).passed
    assert not solo_gate(pooling(lost=50), "ATO", 1e-6, 100.0).passed


def test_low_power_keeps_nobody_out_of_the_pool() -> None:
    before = pooling()
    alone = solo_gate(before, "ATO", std_error=0.04, df=120.0)
    assert before.passed and not alone.passed
    [verdict] = alone.verdicts
    assert (verdict.tier, verdict.code) == ("solo", POWER)
    assert verdict.value == pytest.approx((t.ppf(0.975, 120) + t.ppf(0.8, 120)) * 0.04)
    assert solo_gate(before, "ATO", 0.01, 120.0).passed
    assert solo_gate(before, "ATO", 0.04, 120.0, LaterThresholds(largest_detectable=0.2)).passed


def test_an_effect_of_the_detectable_size_is_seen_as_often_as_said() -> None:
    r = np.random.default_rng(9)
    effect = detectable_effect(1.0, 1e6, power=0.8)
    seen = int(np.sum(np.abs(effect + r.normal(size=4000)) > norm.isf(0.025)))
    interval = binomtest(seen, 4000).proportion_ci(BAND, "exact")
    assert interval.low <= 0.8 <= interval.high


def test_a_rule_that_leaves_no_chance_at_all_closes_the_gate_and_does_not_break_it() -> None:
    """Probabilities below 1e-12 give no weights: the arm is worth no households."""
    r = np.random.default_rng(1)
    n = 6000
    x = r.normal(size=(n, 2))
    codes = (12 * x[:, 0] + r.logistic(size=n) > 0).astype(int)
    propensity = fit_propensity(x, np.array(ARMS[:2])[codes], arms=ARMS[:2], folds=2)
    probabilities = propensity.probabilities.copy()
    probabilities[0, 0] = (1e-13, 1 - 1e-13)
    found = design_gate(
        replace(propensity, probabilities=probabilities), x, ("x", "y"), ("phone", "letter"), ("ATO",),
        Diagnostics(),
    )  # fmt: skip
    closed = {v.code: (v.value, v.arm) for v in found.verdicts if not v.passed}
    assert found.admitted == () and found.balance == ()
    assert closed[EFFECTIVE_SIZE] == (0.0, "letter") and EQUIPOISE in closed
