"""What is judged at a threshold before its effect is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from causalsig.diagnostics.threshold_gates import (
    ThresholdSettings,
    heap_at,
    robustness,
    threshold_gate,
)
from causalsig.diagnostics.words import verdict_sentence
from causalsig.errors import EstimationError
from causalsig.estimation import (
    ScoreTable,
    ThresholdResult,
    collapse_scores,
    effect_at_cutoff,
    threshold_effect,
)
from causalsig.estimation.threshold_round import donut_at_round


def amounts(seed: int, n: int = 4000, heap: float = 0.0) -> tuple[Any, Any]:
    """Whole amounts around a threshold of 500, some of them moved to it, with heaps at every hundred."""
    r = np.random.default_rng(seed)
    amount = np.round(1000.0 * r.beta(2.0, 2.0, n))
    amount = np.where(r.random(n) < 0.02, np.round(amount, -2), amount)
    near = (np.abs(amount - 500.0) < 40.0) & (r.random(n) < heap)
    return np.where(near, 500.0, amount), near


def table_of(seed: int, heap: float = 0.0, jump_before: float = 0.0, **options: Any) -> ScoreTable:
    amount, near = amounts(seed, heap=heap)
    r = np.random.default_rng(seed + 1000)
    crossed = amount >= 500.0
    before = 1.0 + 0.001 * amount + jump_before * crossed + r.normal(size=len(amount))
    outcome = 0.5 + 0.001 * amount + 0.3 * crossed + 1.0 * near + r.normal(size=len(amount))
    return collapse_scores(amount, np.column_stack([outcome, before]), **options)


def failed(gate: Any) -> set[str]:
    return {verdict.code for verdict in gate.verdicts if not verdict.passed}


def test_a_threshold_without_trouble_passes_and_keeps_every_score_but_a_round_one() -> None:
    gate = threshold_gate(table_of(1), 500.0, before=[1])
    assert failed(gate) == set()
    assert gate.admitted and gate.donut == 0.5 and not gate.low
    assert threshold_gate(table_of(1), 503.0, before=[1]).donut == 0.0
    kept = threshold_gate(table_of(1), 500.0, before=[1], settings=ThresholdSettings(round_donut=False))
    assert kept.donut == 0.0


@pytest.mark.parametrize(
    ("scores", "cutoff", "donut"),
    [
        (np.arange(0.0, 1000.0), 500.0, 0.5),
        (np.arange(0.0, 1000.0), 505.0, 0.0),
        (np.arange(0.0, 1000.0, 10.0), 500.0, 5.0),
        (np.arange(0.0, 1000.0, 10.0), 450.0, 0.0),
        (np.arange(0, 100_000) / 100.0, 500.0, 0.005),
        (np.arange(0.0, 30.0), 10.0, 0.0),
        (np.arange(1.0, 13.0), 10.0, 0.0),
    ],
)
def test_a_round_cutoff_of_fine_scores_is_left_out_whatever_the_counts(
    scores: Any, cutoff: float, donut: float
) -> None:
    found = donut_at_round(collapse_scores(scores, scores), cutoff)
    assert found == pytest.approx(donut, rel=1e-6)
    again = np.append(scores, np.full(500, cutoff))
    assert donut_at_round(collapse_scores(again, again), cutoff) == found


def test_a_small_harmful_heap_that_no_test_sees_is_left_out_all_the_same() -> None:
    found, plain = [], []
    for seed in range(30):
        table = table_of(300 + seed, heap=0.06)
        gate = threshold_gate(table, 500.0)
        found.append(effect_at_cutoff(table, 500.0, donut=gate.donut).robust.estimate)
        plain.append(effect_at_cutoff(table, 500.0).robust.estimate)
    spread = np.std(found, ddof=1) / np.sqrt(len(found))
    assert abs(np.mean(found) - 0.3) < 3.0 * spread < np.mean(plain) - 0.3


@pytest.mark.parametrize("donut", [0.0, 2.0, 5.0])
@pytest.mark.parametrize("cutoff", [3.0, 7.0, 11.0])
def test_months_are_compared_with_months_and_not_with_what_lies_beyond_them(
    cutoff: float, donut: float
) -> None:
    months = np.repeat(np.arange(1.0, 13.0), 200)
    found = heap_at(collapse_scores(months, months), cutoff, donut=donut)
    assert (found.episodes, found.expected, found.excess) == (200, 200.0, 0.0)
    heaped = np.append(months, np.full(300, cutoff))
    assert heap_at(collapse_scores(heaped, heaped), cutoff, donut=donut).excess > 3.0


def test_a_heap_at_the_threshold_makes_the_donut_primary() -> None:
    gate = threshold_gate(table_of(2, heap=0.3), 500.0, before=[1])
    assert "gate-heaping" in failed(gate)
    assert gate.donut == 2.0 and gate.admitted
    assert gate.heap.episodes > 3.0 * gate.heap.expected


def test_the_donut_takes_the_harm_of_a_heap_away() -> None:
    """Those moved to the threshold come back once more often: the plain jump shows it, the donut does not."""
    far, near = [], []
    for seed in range(20):
        table = table_of(100 + seed, heap=0.3)
        far.append(effect_at_cutoff(table, 500.0, donut=2.0).robust.estimate)
        near.append(effect_at_cutoff(table, 500.0).robust.estimate)
    assert abs(np.mean(far) - 0.3) < 3.0 * np.std(far) / np.sqrt(len(far))
    assert np.mean(near) > 0.6


def test_few_heaps_are_seen_where_there_are_none() -> None:
    """At the usual bound of three standard errors, and with heaps of their own at other round amounts."""
    plain = [heap_at(table_of(200 + seed), 450.0, donut=2.0).excess > 3.0 for seed in range(40)]
    assert sum(plain) <= 2


@pytest.mark.parametrize("step", [0.01, 1.0, 10.0])
def test_the_bins_have_room_for_as_many_scores_as_the_heap(step: float) -> None:
    score = np.round(np.arange(0.0, 1000.0, step), 2)
    found = heap_at(collapse_scores(score, score), 500.0, donut=2.0)
    assert found.expected == found.episodes == {0.01: 401, 1.0: 5, 10.0: 1}[step]


@pytest.mark.parametrize(
    ("low", "high", "passes"),
    [(500.0, np.inf, False), (-np.inf, 500.0, False), (-np.inf, np.inf, True), (950.0, np.inf, True)],
    ids=["steps up", "steps down", "everybody's", "far from the cutoff"],
)
def test_a_fact_without_a_p_value_is_judged_by_where_it_changes(
    low: float, high: float, passes: bool
) -> None:
    amount, _ = amounts(3)
    outcome = np.random.default_rng(4).normal(size=len(amount))
    fact = ((amount >= low) & (amount < high)).astype(float)
    for taken_up in (None, (np.random.default_rng(5).random(len(amount)) < 0.2 + 0.6 * (amount >= 500.0))):
        table = collapse_scores(amount, np.column_stack([outcome, fact]), taken_up=taken_up)
        gate = threshold_gate(table, 500.0, before=[1])
        assert gate.admitted is passes
        assert ("gate-jump-before" in failed(gate)) is not passes


def test_a_jump_in_something_from_before_withholds_the_effect() -> None:
    gate = threshold_gate(table_of(3, jump_before=1.0), 500.0, before=[1])
    assert "gate-jump-before" in failed(gate)
    assert not gate.admitted


def test_too_few_episodes_or_scores_withhold_the_effect() -> None:
    small = threshold_gate(table_of(4), 500.0, bandwidth=5.0)
    assert "gate-threshold-size" in failed(small) and not small.admitted
    months = np.resize([1.0, 2.0, 3.0, 4.0], 4000)
    few = threshold_gate(collapse_scores(months, months), 3.0)
    assert "gate-threshold-values" in failed(few) and not few.admitted


def test_a_few_more_episodes_are_admitted_with_a_warning() -> None:
    gate = threshold_gate(table_of(5), 500.0, bandwidth=25.0)
    assert gate.admitted and gate.low


def test_a_weak_first_stage_is_a_verdict_of_its_own() -> None:
    taken = (np.random.default_rng(6).random(4000) < 0.5).astype(float)
    gate = threshold_gate(table_of(6, taken_up=taken), 500.0, before=[1])
    assert "gate-first-stage" in failed(gate)
    assert gate.admitted


@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_verdict_has_a_sentence_in_both_languages(language: str) -> None:
    taken = (np.random.default_rng(6).random(4000) < 0.5).astype(float)
    gate = threshold_gate(table_of(6, taken_up=taken), 500.0, before=[1])
    assert len(gate.verdicts) == 6
    for verdict in gate.verdicts:
        for passed in (True, False):
            assert verdict_sentence(replace(verdict, passed=passed), language).endswith(".")


def test_the_thresholds_are_the_study_s() -> None:
    strict = threshold_gate(table_of(1), 500.0, settings=ThresholdSettings(smallest_n=5000))
    assert not strict.admitted


def widths(found: ThresholdResult) -> tuple[float, float]:
    return found.bandwidths.left, found.bandwidths.bias_left


def test_robustness_has_a_row_for_every_other_choice() -> None:
    table = table_of(7)
    found = effect_at_cutoff(table, 500.0)
    rows = robustness(table, 500.0, widths(found), donuts=(2.0, 5.0))
    assert [row.kind for row in rows] == ["bandwidth"] * 5 + ["donut"] * 2 + ["placebo"] * 2
    same = next(row for row in rows if row.kind == "bandwidth" and row.value == 1.0)
    assert same.jump is not None and same.jump.estimate == pytest.approx(found.robust.estimate)
    placebos = [row.jump for row in rows if row.kind == "placebo"]
    assert all(jump is not None and jump.p_value > 0.01 for jump in placebos)
    assert [row.value < 500.0 for row in rows[-2:]] == [True, False]


def test_placebo_cutoffs_keep_households_together() -> None:
    households = np.arange(4000) // 2
    amount, _ = amounts(8)
    outcome = np.random.default_rng(8).normal(size=2000)[households] + 0.001 * amount
    table = collapse_scores(amount, outcome, households=households)
    found = effect_at_cutoff(table, 500.0, variance="cluster")
    rows = robustness(table, 500.0, widths(found), variance="cluster")
    for row, own in zip(rows[-2:], (amount < 500.0, amount >= 500.0), strict=True):
        alone = threshold_effect(
            amount[own], outcome[own], row.value, households=households[own], variance="cluster"
        )
        assert row.value == np.sort(amount[own])[(own.sum() - 1) // 2]
        assert row.jump is not None
        assert row.jump.estimate == pytest.approx(alone.robust.estimate, rel=1e-9)
        assert row.jump.std_error == pytest.approx(alone.robust.std_error, rel=1e-9)


def test_a_cutoff_outside_the_scores_is_an_error_not_a_verdict() -> None:
    with pytest.raises(EstimationError, match="estimation-cutoff"):
        threshold_gate(table_of(9), 5000.0)
