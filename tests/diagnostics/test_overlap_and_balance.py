"""Overlap, balance and the design gate, beside plain re-implementations and identities."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from causalsig.diagnostics.balance import balance_table, largest_excess, standardised_differences
from causalsig.diagnostics.gates import (
    BALANCE,
    EFFECTIVE_SIZE,
    EQUIPOISE,
    POSITIVITY,
    DesignGate,
    design_gate,
)
from causalsig.diagnostics.overlap import (
    equipoise_share,
    preference_scores,
    share_without_positivity,
    too_rare,
)
from causalsig.estimation import Propensity, fit_propensity
from causalsig.records import BalanceRow
from causalsig.study.models import Diagnostics

EXACT = 1e-12
"""The same sums in another order."""
BAND = 0.99
"""Level of the exact interval of a Monte Carlo rate."""
REPLICATIONS = 400
ARMS = ("letter", "phone", "home_visit")
CONTRAST = ("home_visit", "letter")
CHOICES = Diagnostics()

probability = st.floats(0.001, 0.999)
size = st.integers(1, 10_000)


@given(probability, size, size)
def test_who_is_as_likely_as_the_arms_share_says_is_in_the_middle(p: float, first: int, second: int) -> None:
    share = first / (first + second)
    [score] = preference_scores(np.array([share]), np.array([1 - share]), first, second)
    assert score == pytest.approx(0.5, abs=1e-9)


@given(probability, probability, size, size, st.floats(0.01, 1.0))
def test_preference_scores_mirror_and_know_no_scale(
    p: float, q: float, first: int, second: int, scale: float
) -> None:
    a, b = np.array([p]), np.array([q])
    score = preference_scores(a, b, first, second)
    assert preference_scores(b, a, second, first) == pytest.approx(1 - score, abs=1e-9)
    assert preference_scores(a * scale, b * scale, first, second) == pytest.approx(score, abs=1e-9)
    logit = np.log(p / q) - np.log(first / second)
    assert score == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-9)


def test_the_share_in_equipoise_counts_the_two_arms_only() -> None:
    probabilities = np.array([[0.4, 0.4, 0.2], [0.45, 0.45, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]])
    codes = np.array([0, 1, 0, 1])
    assert equipoise_share(probabilities, codes, 0, 1, (0.3, 0.7)) == 0.5
    third = np.vstack([probabilities, [[0.01, 0.9, 0.09]] * 5])
    assert equipoise_share(third, np.append(codes, [2] * 5), 0, 1, (0.3, 0.7)) == 0.5
    assert equipoise_share(probabilities, codes, 0, 1, (0.0, 1.0)) == 1.0


def test_bounds_of_equipoise_belong_to_it() -> None:
    probabilities = np.array([[0.2, 0.8], [0.8, 0.2]])
    assert equipoise_share(probabilities, np.array([0, 1]), 0, 1, (0.2, 0.8)) == 1.0
    assert equipoise_share(probabilities, np.array([0, 1]), 0, 1, (0.21, 0.79)) == 0.0


def test_positivity_is_the_share_below_the_floor_arm_by_arm() -> None:
    probabilities = np.array([[0.005, 0.995], [0.01, 0.99], [0.5, 0.5], [0.009, 0.991]])
    assert share_without_positivity(probabilities, 0.01).tolist() == [0.5, 0.0]


def test_a_category_too_rare_to_expect_five_households_of_an_arm_says_nothing() -> None:
    codes = np.arange(400) % 4
    covariates = np.column_stack(
        [np.arange(400) < 19, np.arange(400) < 21, np.arange(400) >= 19, np.linspace(0.0, 1.0, 400)]
    ).astype(float)
    rare = [too_rare(covariates[:, [j]], codes, np.arange(400), 4) for j in range(4)]
    assert rare[0][:19].all() and not rare[0][19:].any(), "19 households, 4.75 of each arm"
    assert not rare[1].any(), "21 households, 5.25 of each arm"
    assert (rare[2] == rare[0]).all(), "the rarer value, whichever it is called"
    assert not rare[3].any(), "numbers are no category"
    assert (too_rare(covariates, codes, np.arange(400), 4) == rare[0]).all()
    assert share_without_positivity(np.full((400, 4), 0.001), 0.01, rare[0]).tolist() == [381 / 400] * 4


def test_households_and_not_episodes_are_expected() -> None:
    codes, flag = np.arange(400) % 4, (np.arange(400) < 40).astype(float)
    assert not too_rare(flag[:, None], codes, np.arange(400), 4).any()
    returning = np.where(np.arange(400) < 40, np.arange(400) // 4, np.arange(400))
    assert too_rare(flag[:, None], codes, returning, 4)[:40].all(), "forty episodes of ten households"


def test_chance_in_rare_categories_takes_no_estimand() -> None:
    """By lot, with flags of one in 300 to one in 30: some have no household of some arm."""
    rng = np.random.default_rng(21)
    x = np.column_stack([rng.random(900) < share for share in np.geomspace(0.003, 0.03, 12)]).astype(float)
    codes = rng.integers(0, 3, 900)
    unused = [set(codes[column > 0]) != {0, 1, 2} for column in x.T]
    assert sum(unused) >= 2
    assert gate(x, codes, estimands=("ATE", "ATO")).admitted == ("ATE", "ATO")


def plain_difference(x: np.ndarray, w: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Austin and Stuart (2015), in loops: weighted means apart, over the unweighted spread."""
    means, variances = [], []
    for rows in (a, b):
        total = sum(w[i] for i in rows)
        means.append(sum(w[i] * x[i] for i in rows) / total)
        centre = sum(x[i] for i in rows) / len(rows)
        variances.append(sum((x[i] - centre) ** 2 for i in rows) / (len(rows) - 1))
    spread = ((variances[0] + variances[1]) / 2) ** 0.5
    return 0.0 if spread == 0 else (means[0] - means[1]) / spread


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_balance_agrees_with_a_plain_re_implementation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, p, k = 40, 3, 3
    x = rng.normal(size=(n, p)) * rng.uniform(0.1, 50, size=p)
    x[:, 2] = rng.integers(0, 2) if seed % 3 == 0 else x[:, 2]
    codes = rng.permutation(np.arange(n) % k)
    weights = rng.uniform(0.1, 4, size=n)
    sizes = np.array([11.0, 12.0, 9.0])
    names = ("a", "b", "c")
    table = {
        (r.covariate, r.arm, r.reference): r for r in balance_table(x, names, codes, ARMS, weights, sizes)
    }
    assert len(table) == 9
    for first, second in combinations(range(k), 2):
        rows = [np.flatnonzero(codes == arm) for arm in (first, second)]
        for j, name in enumerate(names):
            row = table[name, ARMS[first], ARMS[second]]
            assert row.weighted == pytest.approx(plain_difference(x[:, j], weights, *rows), abs=1e-9)
            assert row.unweighted == pytest.approx(plain_difference(x[:, j], np.ones(n), *rows), abs=1e-9)
            assert row.noise == pytest.approx((1 / sizes[first] + 1 / sizes[second]) ** 0.5, rel=EXACT)


def test_balance_knows_no_unit_and_no_origin() -> None:
    rng = np.random.default_rng(1)
    x, codes, weights = rng.normal(size=(60, 2)), np.arange(60) % 2, rng.uniform(1, 2, 60)
    plain, _ = standardised_differences(x, codes, weights, 2)
    moved, _ = standardised_differences(x * 250 - 7000, codes, weights, 2)
    assert moved == pytest.approx(plain, abs=1e-9)


def test_weights_that_make_arms_alike_take_the_difference_away() -> None:
    x = np.array([[1.0], [0.0], [0.0], [1.0], [1.0], [0.0]])
    codes = np.array([0, 0, 0, 1, 1, 1])
    weights = np.array([2.0, 1.0, 1.0, 1.0, 1.0, 2.0])
    before, _ = standardised_differences(x, codes, np.ones(6), 2)
    after, means = standardised_differences(x, codes, weights, 2)
    assert before[0, 0] < -0.5 and after[0, 0] == pytest.approx(0, abs=EXACT)
    assert means[:, 0].tolist() == [0.5, 0.5]


def rows_of(*weighted: float, noise: float = 0.05) -> tuple[BalanceRow, ...]:
    return tuple(BalanceRow(f"x{at}", "a", "b", 0.0, value, noise) for at, value in enumerate(weighted))


def test_excess_is_what_lies_beyond_family_wise_noise() -> None:
    z = norm.isf(0.05 / 2 / 3)
    assert largest_excess(rows_of(0.02, -0.4, 0.1)) == pytest.approx(0.4 - z * 0.05, rel=1e-9)
    assert largest_excess(rows_of(0.05, 0.05, -0.1)) == 0.0
    assert largest_excess(()) == 0.0
    more = rows_of(*[0.0] * 50, 0.4)
    assert 0 < largest_excess(more) < largest_excess(rows_of(0.4))


def test_randomised_arms_exceed_sampling_noise_in_at_most_five_in_a_hundred() -> None:
    """Unweighted, where nothing but chance separates the arms: the noise is neither too small nor absurd."""
    rng = np.random.default_rng(20)
    beyond = 0
    for _ in range(4 * REPLICATIONS):
        x = np.column_stack([rng.normal(size=(150, 3)), rng.random((150, 2)) < 0.3])
        codes = rng.integers(0, 3, 150)
        sizes = np.bincount(codes, minlength=3).astype(float)
        table = balance_table(x, tuple("abcde"), codes, ARMS, np.ones(150), sizes)
        beyond += largest_excess(table) > 0
    interval = binomtest(beyond, 4 * REPLICATIONS).proportion_ci(BAND, "exact")
    assert interval.low <= 0.05, f"{beyond} of {4 * REPLICATIONS}"
    assert interval.high >= 0.02, "a gate that never sees chance would not see imbalance either"


def fitted(x: np.ndarray, codes: np.ndarray) -> Propensity:
    return fit_propensity(x, np.array(ARMS)[codes], arms=ARMS, folds=2, seed=1)


def gate(x: np.ndarray, codes: np.ndarray, *, estimands: tuple[str, ...] = ("ATO", "ATE")) -> DesignGate:
    names = tuple(f"x{j}" for j in range(x.shape[1]))
    return design_gate(fitted(x, codes), x, names, CONTRAST, estimands, CHOICES)


def test_randomised_arms_fail_the_gate_in_at_most_five_in_a_hundred() -> None:
    rng = np.random.default_rng(21)
    failed = 0
    for _ in range(REPLICATIONS):
        x = rng.normal(size=(180, 4))
        found = gate(x, rng.permutation(np.arange(180) % 3), estimands=("ATO",))
        failed += not found.admitted
    interval = binomtest(failed, REPLICATIONS).proportion_ci(BAND, "exact")
    assert interval.low <= 0.05, f"{failed} of {REPLICATIONS}"


@pytest.mark.parametrize("n", [600, 3000])
def test_arms_that_are_strongly_separated_are_withheld(n: int) -> None:
    rng = np.random.default_rng(5)
    codes = np.arange(n) % 3
    x = rng.normal(size=(n, 2))
    x[:, 0] += 6.0 * codes
    found = gate(x, codes)
    failed = {v.code for v in found.verdicts if not v.passed}
    assert found.admitted == () and {EQUIPOISE, BALANCE} <= failed


@pytest.mark.parametrize("n", [600, 3000])
def test_one_separated_arm_outside_the_primary_contrast_is_seen_too(n: int) -> None:
    rng = np.random.default_rng(5)
    codes = np.arange(n) % 3
    x = rng.normal(size=(n, 2))
    x[:, 0] += 6.0 * (codes == ARMS.index("phone"))
    found = gate(x, codes)
    passed = {v.code: v.passed for v in found.verdicts if v.estimand in (None, "ATO")}
    assert passed[EQUIPOISE] and not passed[BALANCE] and found.admitted == ()


def test_lost_positivity_takes_the_ate_and_leaves_the_ato() -> None:
    rng = np.random.default_rng(6)
    x = np.column_stack([rng.normal(size=4000), rng.random(4000) < 0.12])
    codes = rng.integers(0, 3, 4000)
    codes[(x[:, 1] > 0) & (codes == 2)] = 0  # a tenth is never visited
    found = gate(x, codes)
    assert found.admitted == ("ATO",)
    failed = {(v.code, v.estimand, v.arm) for v in found.verdicts if not v.passed}
    assert failed == {(POSITIVITY, "ATE", "home_visit")}


def test_the_gate_sees_a_covariate_that_decides_the_arm_through_the_ridge_that_hides_it() -> None:
    rng = np.random.default_rng(11)
    codes = np.arange(120) % 3
    x = np.column_stack([rng.normal(size=120), codes == ARMS.index("phone")]).astype(float)
    ridged = fitted(x, codes)
    floor = CHOICES.positivity_probability
    assert "propensity-separation-ridge" in ridged.notes
    assert not share_without_positivity(ridged.probabilities[0], floor).any(), "the ridge hides it"
    [verdict] = [v for v in gate(x, codes).verdicts if v.code == POSITIVITY]
    assert not verdict.passed and verdict.value == pytest.approx(2 / 3)


def test_the_primary_estimand_failing_withholds_the_others_too() -> None:
    rng = np.random.default_rng(7)
    x = np.column_stack([rng.normal(size=4000), rng.random(4000) < 0.12])
    codes = rng.integers(0, 3, 4000)
    codes[(x[:, 1] > 0) & (codes == 2)] = 0
    assert gate(x, codes, estimands=("ATE", "ATO")).admitted == ()


def test_too_few_effective_households_in_an_arm_withhold() -> None:
    rng = np.random.default_rng(8)
    codes = np.repeat([0, 1, 2], [300, 300, 20])
    found = gate(rng.normal(size=(620, 2)), codes)
    [verdict] = [v for v in found.verdicts if v.code == EFFECTIVE_SIZE and v.estimand == "ATO"]
    assert found.admitted == () and not verdict.passed
    assert verdict.arm == "home_visit" and verdict.value <= 20 and verdict.threshold == 30


def test_imbalance_that_weights_cannot_take_away_fails_balance() -> None:
    """A square the treatment model does not hold: far beyond noise, so balance says no."""
    rng = np.random.default_rng(9)
    codes = np.arange(900) % 3
    x = rng.normal(size=900) * np.where(codes == 0, 0.3, 2.0)
    names, both = ("x", "square"), np.column_stack([x, x**2])
    found = design_gate(fitted(x[:, None], codes), both, names, CONTRAST, ("ATO",), CHOICES)
    assert {v.code for v in found.verdicts if not v.passed} == {BALANCE}
    assert found.admitted == ()
    worst = max(found.balance, key=lambda row: abs(row.weighted))
    assert (worst.covariate == "square" and worst.reference != "letter") or worst.arm == "letter"


def test_every_verdict_carries_its_threshold_and_agrees_with_it() -> None:
    rng = np.random.default_rng(10)
    found = gate(rng.normal(size=(300, 3)), np.arange(300) % 3)
    assert {v.code for v in found.verdicts} == {EQUIPOISE, EFFECTIVE_SIZE, BALANCE, POSITIVITY}
    for v in found.verdicts:
        at_most = v.code in (BALANCE, POSITIVITY)
        assert v.tier == "design"
        assert v.passed == (v.value <= v.threshold if at_most else v.value >= v.threshold)
    assert found.admitted == ("ATO", "ATE")
    assert len(found.balance) == 9  # three pairs of arms, three covariates
