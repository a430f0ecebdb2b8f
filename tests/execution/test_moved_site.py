"""What another cutoff would do at a site: by which route, from which episodes, or why it cannot be said."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from causalsig.cohort.crossing import CrossingCohort, pivotal_sets
from causalsig.cohort.handling import HANDLINGS, Scores, assigned, rule_of_day
from causalsig.crossed import ThresholdBlock, ThresholdFindings
from causalsig.estimation import bounded_continuation, changed_band, changed_jumps, collapse_scores
from causalsig.execution import moved, moved_change
from causalsig.execution.crossed_block import CrossedSite, block_of
from causalsig.execution.crossed_record import thresholds_record
from causalsig.execution.moved import basis_of, with_moves
from causalsig.moved import MovedRow
from causalsig.study.handling import HandlingRule
from causalsig.study.models import Study

ROUNDING = 1e-9  # the same numbers summed another way
OWN = ("changed_band", "changed_jumps", "continuation")
CHANGED_ON = date(2025, 1, 1)
EFFECT = -0.15


def rule(amount: float, **more: Any) -> HandlingRule:
    step = {
        "when": [[{"score": "amount", "at_least": amount}], [{"score": "rent"}]],
        "handling": "home_visit",
    }
    return HandlingRule.model_validate({"steps": [step], "otherwise": "letter"} | more)


CHANGED = (
    rule(300.0, valid_to=date(2024, 12, 31)),
    rule(200.0, valid_from=CHANGED_ON),
)
STAYED = (rule(250.0),)


def town(rules: tuple[HandlingRule, ...], seed: int = 2, n: int = 16_000, **world: float) -> CrossingCohort:
    """Two years of episodes in whole euros; a visit takes 0.15 off the share that returns, at any amount.

    world : drift (a month, of those below 165 euro)
    """
    r = np.random.default_rng(seed)
    amount = np.round(250.0 * np.exp(0.6 * r.normal(size=n)))
    month = r.integers(0, 24, n)
    days = (np.datetime64("2024-01", "M") + month).astype("datetime64[D]") + np.timedelta64(14, "D")
    time_zero = days.astype(np.int64)
    rent = (r.random(n) < 0.2).astype(np.float64)
    zero = np.zeros(n)
    scores = Scores(amount, amount, zero, zero + 1, zero + 1, zero + 40, zero, rent)
    place = rule_of_day(rules, time_zero)
    given = np.zeros(n, dtype=np.int64)
    for number, one in enumerate(rules):
        here = place == number
        given[here] = assigned(one, scores.take(here))
    # One in five gets a letter whatever the rule says.
    handled = np.where(r.random(n) < 0.2, HANDLINGS.index("letter"), given)
    earlier = r.integers(0, 2, n).astype(np.float64)
    share = (
        0.45
        + 0.04 * np.log(amount / 250.0)
        + 0.1 * earlier
        + world.get("drift", 0.0) * month * (amount < 165)
    )
    share = share + EFFECT * (given == HANDLINGS.index("home_visit"))
    return CrossingCohort(
        rules=rules,
        rule=place,
        scores=scores,
        assigned=given,
        handled=handled,
        households=np.arange(n) * 2 // 3,
        time_zero=time_zero,
        household_keys=np.array([""] * n, dtype=object),
        outcomes={"any_new_arrears_3m": (r.random(n) < share).astype(np.float64)},
        before=earlier[:, None],
        before_names=("signal_m1",),
        attrition=(),
        refusals=(),
    )


def asking(study: Study, *, candidates: tuple[float, ...] | None = None, **moving: Any) -> Study:
    asked = study.questions.threshold
    assert asked is not None
    update: dict[str, Any] = {"moving": asked.moving.model_copy(update=moving)}
    if candidates is not None:
        update["candidates"] = candidates
    changed = study.questions.model_copy(update={"threshold": asked.model_copy(update=update)})
    return study.model_copy(update={"questions": changed})


def blocks_of(cohort: CrossingCohort, study: Study) -> tuple[ThresholdBlock, ...]:
    """Thresholds of a cohort, as `threshold_findings` makes them."""
    nothing: Any = None
    made = CrossedSite(nothing, cohort.scores, date(2026, 9, 1), study, nothing, nothing)
    pivotals = pivotal_sets(cohort)
    outcome = study.outcome("any_new_arrears_3m")
    return with_moves([block_of(one, cohort, [outcome], made) for one in pivotals], pivotals, cohort, made)


def by_part(block: ThresholdBlock) -> dict[float, MovedRow]:
    return {row.part: row for row in block.moved}


def pivotal_rows(cohort: CrossingCohort, *thresholds: float) -> tuple[Any, Any, Any, Any]:
    """Amounts, outcomes, months and households without rent and not at round thresholds, written out."""
    rows = (cohort.scores.rent == 0) & ~np.isin(cohort.scores.total, thresholds)
    months = cohort.time_zero.astype("datetime64[D]").astype("datetime64[M]").astype(float)
    outcome = cohort.outcomes["any_new_arrears_3m"]
    return cohort.scores.total[rows], outcome[rows], months[rows], cohort.households[rows]


CHANGE: dict[str, Any] = {"changed": 12.0 * (2025 - 1970), "before": 300.0, "after": 200.0}


@pytest.fixture(scope="module")
def cohort() -> CrossingCohort:
    return town(CHANGED)


@pytest.fixture(scope="module")
def found(cohort: CrossingCohort, study: Study) -> tuple[ThresholdBlock, ...]:
    return blocks_of(cohort, study)


def test_where_the_rule_changed_the_band_itself_answers(
    cohort: CrossingCohort, found: tuple[ThresholdBlock, ...]
) -> None:
    """By the estimator on the rows written out: no rent, both periods, compared with 133 to 200 euro."""
    amount, outcome, month, households = pivotal_rows(cohort, 200.0, 300.0)
    for block, part, band in ((found[0], 0.75, (225.0, 300.0)), (found[1], 1.5, (200.0, 300.0))):
        row = by_part(block)[part]
        comparison = (200.0**2 / 300.0, 200.0)
        plain = changed_band(
            amount, outcome, month, **CHANGE, band=band, comparison=comparison, households=households
        )
        assert row.band is not None and row.band.route == "changed_band" and row.passed == ()
        assert row.band.estimate == pytest.approx(plain.estimate, rel=ROUNDING)
        assert row.band.std_error == pytest.approx(plain.std_error, rel=ROUNDING)
        cells = [
            len(set(households[(amount >= low) & (amount < high) & (late == (month >= 660))].tolist()))
            for low, high in (band, comparison)
            for late in (True, False)
        ]
        assert row.basis is not None and row.basis.households == min(cells)


def test_the_truth_of_an_invented_town_lies_in_every_interval(found: tuple[ThresholdBlock, ...]) -> None:
    """The same effect at every amount: for all candidates of both thresholds, whatever the route."""
    assert [block.cutoff for block in found] == [300.0, 200.0]
    for block in found:
        assert [row.part for row in block.moved] == [0.5, 0.75, 1.5, 2.0]
        for row in block.moved:
            assert row.band is not None
            assert row.band.conf_low < EFFECT < row.band.conf_high, (block.cutoff, row.part)
            sign = 1.0 if row.part < 1.0 else -1.0
            assert row.change == pytest.approx(sign * row.episodes / row.years * row.band.estimate)
            assert row.change_low is not None and row.change_high is not None
            assert row.change_low < row.change < row.change_high
        seen = [row for row in block.moved if row.band is not None and row.band.route == "changed_band"]
        assert seen and all(row.band is not None and row.band.conf_high < 0.0 for row in seen)


def test_contacts_are_counted(cohort: CrossingCohort, found: tuple[ThresholdBlock, ...]) -> None:
    amount, _, month, households = pivotal_rows(cohort)
    visited = (cohort.handled == HANDLINGS.index("home_visit"))[cohort.scores.rent == 0]
    block = found[1]
    row = by_part(block)[0.75]
    own = month >= 660
    inside = own & (amount >= 150) & (amount < 200)
    assert (row.to, row.years) == (150.0, 1.0)
    assert (row.episodes, row.households) == (inside.sum(), len(set(households[inside].tolist())))
    h = block.effects[0].bandwidths[0]
    near = own & (np.abs(np.log(amount / 200.0)) <= h) & (amount != 200.0)
    shares = [visited[near & side].mean() for side in (amount >= 200, amount < 200)]
    assert row.contacts_each == pytest.approx(shares[0] - shares[1])
    assert row.contacts_each == pytest.approx(0.8, abs=0.05)
    assert row.extra_contacts == pytest.approx(row.episodes * row.contacts_each)
    assert by_part(block)[1.5].extra_contacts < 0.0


def test_a_site_that_never_changed_continues_its_mean(study: Study) -> None:
    cohort = town(STAYED)
    (block,) = blocks_of(cohort, study)
    amount, outcome, _, households = pivotal_rows(cohort, 250.0)
    table = collapse_scores(amount, outcome, households=households)
    for part, row in by_part(block).items():
        assert row.band is not None and row.band.route == "continuation"
        plain = bounded_continuation(
            table, 250.0, part * 250.0, curvature_bound=0.2, scale="log", variance="cluster_across"
        )
        assert row.band.estimate == pytest.approx(plain.estimate, rel=ROUNDING)
        assert row.band.std_error == pytest.approx(plain.std_error, rel=ROUNDING)
        assert row.band.largest_bias == pytest.approx(plain.largest_bias, rel=ROUNDING)
        assert row.band.conf_low < EFFECT < row.band.conf_high
        assert {one.code for one in row.passed} == {"estimation-route-without-data"}
        assert row.years == 2.0


def test_without_a_bound_and_a_change_every_reason_is_told(study: Study) -> None:
    (block,) = blocks_of(town(STAYED), asking(study, curvature=None))
    for row in block.moved:
        assert (row.band, row.change, row.cost, row.basis) == (None, None, None, None)
        assert row.code == "estimation-no-route"
        assert [one.route for one in row.passed] == [
            "changed_band", "changed_jumps", "constant_bias", "safe_cutoffs", "continuation",
        ]  # fmt: skip
        assert {one.code for one in row.passed} == {"estimation-route-without-data"}
        assert row.extra_contacts != 0.0  # counted all the same


def test_a_candidate_beyond_the_bandwidth_has_no_answer(study: Study) -> None:
    (block,) = blocks_of(town(STAYED), asking(study, candidates=(0.2, 0.9), curvature=20.0))
    far, near = block.moved
    assert far.code == "estimation-no-route"
    assert far.passed[-1].route == "continuation"
    assert far.passed[-1].code == "estimation-beyond-bandwidth"
    assert near.band is not None and near.band.route == "continuation"


def test_a_band_that_did_not_change_is_left_to_a_weaker_route(found: tuple[ThresholdBlock, ...]) -> None:
    row = by_part(found[1])[0.5]
    assert row.band is not None and row.band.route == "continuation"
    codes = {one.route: one.code for one in row.passed}
    assert codes["changed_band"] == codes["changed_jumps"] == "estimation-band-not-changed"


def test_where_the_bands_drift_apart_the_jumps_answer(study: Study) -> None:
    cohort = town(CHANGED, n=32_000, drift=0.03)
    _, block = blocks_of(cohort, study)
    row = by_part(block)[1.5]
    assert row.band is not None and row.band.route == "changed_jumps"
    assert [(one.route, one.code) for one in row.passed] == [("changed_band", "estimation-trends-differ")]
    amount, outcome, month, households = pivotal_rows(cohort, 200.0, 300.0)
    plain = changed_jumps(
        amount, outcome, month, **CHANGE, households=households, scale="log", effect_curvature=0.1
    )
    assert row.band.estimate == pytest.approx(plain.estimate, rel=ROUNDING)
    assert row.band.largest_bias == pytest.approx(plain.largest_bias, rel=ROUNDING)
    assert row.band.conf_low < EFFECT < row.band.conf_high
    h = plain.bandwidths[0]
    early = month < 660
    left = (np.log(amount / 200.0) < 0.0) & (np.log(200.0 / amount) < h)
    assert row.basis is not None
    assert row.basis.households <= len(set(households[left & early].tolist()))


def test_a_fact_from_before_that_jumps_with_the_threshold_takes_the_jumps_away(study: Study) -> None:
    cohort = town(CHANGED, n=32_000, drift=0.03)
    crossed = (cohort.assigned == HANDLINGS.index("home_visit")) & (cohort.scores.rent == 0)
    with_jump = replace(cohort, before=np.where(crossed[:, None], 1.0, cohort.before))
    asked = asking(study)
    threshold = asked.questions.threshold
    assert threshold is not None
    _, block = blocks_of(cohort, asked)
    nothing: Any = None
    made = CrossedSite(nothing, cohort.scores, date(2026, 9, 1), asked, nothing, nothing)
    # The gate would withhold such a threshold itself; here its block is that of the town without the jump.
    admitted = blocks_of(cohort, asked)
    _, judged = with_moves(admitted, pivotal_sets(with_jump), with_jump, made)
    before, after = by_part(block)[1.5], by_part(judged)[1.5]
    assert before.band is not None and before.band.route == "changed_jumps"
    assert after.band is None or after.band.route != "changed_jumps"
    assert ("changed_jumps", "estimation-jump-moved") in [(one.route, one.code) for one in after.passed]


def test_costs_and_room_are_those_of_the_study(cohort: CrossingCohort, study: Study) -> None:
    priced = asking(study, costs_eur={"letter": 2.0, "home_visit": 42.0}, capacity=100.0)
    _, block = blocks_of(cohort, priced)
    down, up = by_part(block)[0.5], by_part(block)[1.5]
    assert down.cost is not None and up.cost is not None
    assert down.cost.spent == pytest.approx(40.0 * down.extra_contacts)
    assert up.cost.spent == pytest.approx(40.0 * up.extra_contacts) and up.cost.spent < 0.0
    assert up.change is not None
    assert up.cost.estimate == pytest.approx(-up.cost.spent / up.change)
    assert (down.over_capacity, up.over_capacity) == (True, False)
    _, bare = blocks_of(cohort, asking(study, costs_eur={}))
    assert all(row.cost is None and row.over_capacity is None for row in bare.moved)


def test_scores_at_the_threshold_are_left_out_of_what_is_estimated_and_not_of_the_count(study: Study) -> None:
    cohort = town(STAYED)
    heap = (cohort.scores.total > 250) & (cohort.scores.total < 275) & (np.arange(cohort.size) % 2 == 0)
    amount = np.where(heap, 250.0, cohort.scores.total)
    heaped = replace(cohort, scores=replace(cohort.scores, total=amount, largest=amount))
    (block,) = blocks_of(heaped, study)
    assert block.donut == 2.0
    values, outcome, _, households = pivotal_rows(heaped)
    kept = np.abs(values - 250.0) > 2.0
    table = collapse_scores(values[kept], outcome[kept], households=households[kept])
    row = by_part(block)[1.5]
    plain = bounded_continuation(
        table, 250.0, 375.0, curvature_bound=0.2, scale="log", variance="cluster_across"
    )
    assert row.band is not None
    assert row.band.estimate == pytest.approx(plain.estimate, rel=ROUNDING)
    assert row.episodes == ((values >= 250.0) & (values < 375.0)).sum() > plain.episodes


def test_a_change_and_a_bandwidth_are_fitted_once(
    cohort: CrossingCohort, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight candidates of two thresholds: one change between them, one bandwidth each."""
    calls: list[str] = []

    def counted(module: Any, name: str) -> None:
        real = getattr(module, name)

        def told(*args: Any, **options: Any) -> Any:
            calls.append(name)
            return real(*args, **options)

        monkeypatch.setattr(module, name, told)

    counted(moved_change, "jumps_at_both_ends")
    counted(moved, "honest_reach")
    counted(moved, "changed")
    drifting = town(CHANGED, n=32_000, drift=0.03)
    blocks_of(drifting, asking(study, candidates=(0.7, 0.75, 0.8, 1.2, 1.3, 1.5)))
    assert (calls.count("changed"), calls.count("jumps_at_both_ends"), calls.count("honest_reach")) == (
        1,
        1,
        2,
    )


def test_a_month_with_both_rules_is_no_month_before(study: Study) -> None:
    """The rule changed in the middle of January: what was handled by the old one in it is left out."""
    mid = (rule(300.0, valid_to=date(2025, 1, 19)), rule(200.0, valid_from=date(2025, 1, 20)))
    cohort = town(mid)
    later = cohort.time_zero + 10 * (np.arange(cohort.size) % 2)  # the 15th or the 25th
    cohort = replace(cohort, time_zero=later, rule=rule_of_day(mid, later))
    (first, second) = pivotal_sets(cohort)
    outcome = cohort.outcomes["any_new_arrears_3m"]
    one = moved_change.changed(
        0, first, second, cohort, outcome, outcome > 0, donut=0.0, effect_curvature=0.0
    )
    assert one is not None and one.change.month == 660.0
    dates = later.astype("datetime64[D]")
    both = (dates >= np.datetime64("2025-01-01")) & (dates < np.datetime64("2025-01-20"))
    assert len(one.score) == ((cohort.scores.rent == 0) & ~both).sum()


def test_only_amounts_that_were_admitted_are_moved(cohort: CrossingCohort, study: Study) -> None:
    gates = study.questions.threshold.gates.model_copy(update={"smallest_n": 10**6})  # type: ignore[union-attr]
    shut = study.questions.threshold.model_copy(update={"gates": gates})  # type: ignore[union-attr]
    questions = study.questions.model_copy(update={"threshold": shut})
    for block in blocks_of(cohort, study.model_copy(update={"questions": questions})):
        assert not block.admitted and block.moved == ()


def test_the_weakest_part_is_who_is_behind() -> None:
    households = np.array([1, 1, 2, 3, 4, 5])
    returned = np.array([True, False, False, True, True, False])
    parts = [np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.0, 0.0, 3.0, 1.0])]
    row = basis_of(parts, households, returned)
    assert (row.households, row.households_with, row.households_without) == (2, 1, 1)
    assert (row.largest_share, row.two_largest_share) == (0.75, 1.0)


def test_the_record_of_a_site_holds_them(found: tuple[ThresholdBlock, ...]) -> None:
    record = thresholds_record(ThresholdFindings("estimated", (), (), found, ()))
    again = json.loads(json.dumps(record, allow_nan=False))
    rows = [row for block in again["blocks"] for row in block["moved"]]
    assert len(rows) == 8 and all(row["band"]["route"] in OWN for row in rows)
    assert rows[1]["change"] == found[0].moved[1].change


def of_few_households(
    cohort: CrossingCohort, ring: tuple[float, float], inner: float, few: int
) -> CrossingCohort:
    """Give the episodes of a ring of scores to a few households that have an episode inside it as well."""
    score = cohort.scores.of("amount", cohort.rules[0])
    households = cohort.households.copy()
    own = households[np.abs(score - inner) < 5.0][:few]
    assert len(np.unique(own)) == few
    inside = (score >= ring[0]) & (score < ring[1])
    households[inside] = np.resize(own, int(inside.sum()))
    return replace(cohort, households=households)


def test_a_ring_of_few_households_is_counted_though_they_are_inside_too(study: Study) -> None:
    cohort = of_few_households(town(STAYED), (197.5, 200.0), 225.0, 3)
    (block,) = blocks_of(cohort, asking(study, candidates=(0.79, 0.8, 1.5)))
    rows = by_part(block)
    outer, inner = rows[0.79], rows[0.8]
    assert outer.episodes > inner.episodes + 20 and outer.households - inner.households < 3
    assert outer.basis is not None and inner.basis is not None
    assert outer.basis.apart == 3 and (inner.basis.apart is None or inner.basis.apart >= 10)


def test_two_places_of_one_threshold_are_held_against_each_other(study: Study) -> None:
    cohort = of_few_households(town(CHANGED), (200.0, 210.0), 250.0, 4)
    first, second = blocks_of(cohort, asking(study, candidates=(0.7, 1.5)))
    assert (first.cutoff, second.cutoff) == (300.0, 200.0)
    down, up = by_part(first)[0.7], by_part(second)[1.5]
    assert down.band is not None and up.band is not None
    assert (down.band.route, up.band.route) == ("changed_band", "changed_band")
    assert up.basis is not None and up.basis.apart == 4


def test_a_declared_drift_widens_the_interval_and_is_the_bound_that_leaves(
    cohort: CrossingCohort, found: tuple[ThresholdBlock, ...], study: Study
) -> None:
    """Twelve months before are compared with twelve since: their means lie twelve months apart."""
    bounded = by_part(blocks_of(cohort, asking(study, drift_bound=0.01))[1])[1.5].band
    plain = by_part(found[1])[1.5].band
    assert plain is not None and bounded is not None and bounded.route == plain.route == "changed_band"
    assert plain.largest_bias == 0.0
    assert bounded.largest_bias == pytest.approx(0.12, rel=0.05)
    assert bounded.estimate == plain.estimate
    assert bounded.conf_low < plain.conf_low - 0.5 * bounded.largest_bias
