"""Q3 at an invented municipality whose rule changed: all the way to what leaves, and every no by name."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from causalsig_cli.app import main

from causalsig.cohort.build import site_facts
from causalsig.cohort.crossing import crossing_cohort
from causalsig.cohort.handling import HANDLINGS, scores_of
from causalsig.crossed import ThresholdFindings
from causalsig.estimation import effect_at_cutoff, threshold_effect
from causalsig.estimation.threshold_released import table_of_bins
from causalsig.execution.analyse import analyse_site
from causalsig.execution.crossed import refused_findings, threshold_findings
from causalsig.execution.crossed_record import thresholds_record
from causalsig.execution.invented_rules import handling_of
from causalsig.execution.record import site_record
from causalsig.execution.truth import inventory_site
from causalsig.records import SiteResult
from causalsig.release.build import ReleaseIdentity, build_release
from causalsig.release.crossed_read import released_thresholds
from causalsig.simulation import draw_sites, load_scenario, simulate_site
from causalsig.study.handling import HandlingRule
from causalsig.study.models import Study
from causalsig.texts import text

INHABITANTS, MONTHS = 60_000, 30
IDENTITY = ReleaseIdentity("a" * 64, "b" * 64, "0.1.0", "c" * 64)
CLOSE = 0.5
"""Standard errors that a table of sixteen bins may move the estimate: what `threshold-bins` tabulates."""


@pytest.fixture(scope="module")
def town() -> Any:
    scenario = load_scenario("threshold_change", "modest")
    (spec,) = draw_sites(scenario, 1, 3, inhabitants=INHABITANTS, retention="full")
    made = simulate_site(spec, scenario, 1, months=MONTHS, truth=False)
    site = inventory_site(spec, months=MONTHS, extracted_on=scenario.extracted_on)
    return spec, made.tables, site, site_facts(made.tables)


def asked(town: Any, study: Study, tables: Any = None, **traits: Any) -> ThresholdFindings:
    spec, own, site, facts = town
    place = site.model_copy(update=traits)
    if tables is not None:
        own, facts = tables, site_facts(tables)
    found = threshold_findings(own, study, place, spec.matching, facts)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def found(town: Any, study: Study) -> ThresholdFindings:
    return asked(town, study)


def rule(score: str, number: float, **more: Any) -> tuple[HandlingRule, ...]:
    step = {"when": [[{"score": score, "at_least": number}]], "handling": "taken_up"}
    return (HandlingRule.model_validate({"steps": [step]} | more),)


def curved(study: Study, **bounds: float) -> Study:
    whole = study.questions.threshold
    assert whole is not None
    changed = whole.model_copy(update={"curvature": whole.curvature.model_copy(update=bounds)})
    return study.model_copy(update={"questions": study.questions.model_copy(update={"threshold": changed})})


def test_both_periods_of_a_rule_that_changed_are_told_apart(found: ThresholdFindings) -> None:
    assert found.status == "estimated"
    assert [(b.cutoff, b.period, b.below, b.above) for b in found.blocks] == [
        (300.0, 1, "none", "taken_up"),
        (200.0, 2, "none", "taken_up"),
    ]
    assert {row.period for row in found.follows} == {1, 2}
    for row in found.follows:
        assert 0 < row.followed <= row.episodes and row.households <= row.episodes
    for block in found.blocks:
        assert block.followed[0] == 1.0  # the generator never takes up who is below
        assert block.one_pair and block.admitted


def test_the_effect_of_crossing_is_that_of_the_estimator_on_the_pivotal_set(
    town: Any, study: Study, found: ThresholdFindings
) -> None:
    """Once more, with the pivotal set written out: no rent, no crisis, in the second period."""
    spec, tables, site, facts = town
    made = crossing_cohort(
        facts, scores_of(tables, facts), tables.extracted_on, study, site, spec.matching,
        [study.outcome("any_new_arrears_3m")], from_day=14,
    )  # fmt: skip
    days = made.time_zero.astype("datetime64[D]")
    rows = (made.scores.rent == 0) & (made.scores.crisis == 0) & (days >= np.datetime64("2025-04-01"))
    values, households = made.scores.total[rows], made.households[rows]
    returned = made.outcomes["any_new_arrears_3m"][rows]
    block = found.blocks[1]
    assert block.episodes == (int((values < 200.0).sum()), int((values >= 200.0).sum()))
    assert block.households[1] == len(set(households[values >= 200.0].tolist()))
    options: dict[str, Any] = {"households": households, "variance": "cluster_across", "scale": "log"}
    plain = threshold_effect(values, returned, 200.0, **options)
    effect = block.effects[0]
    assert effect.crossing.robust.estimate == pytest.approx(plain.robust.estimate, rel=1e-9)
    assert effect.crossing.robust.std_error == pytest.approx(plain.robust.std_error, rel=1e-9)
    attempted = (made.handled[rows] != HANDLINGS.index("none")).astype(float)
    widths = (plain.bandwidths.left, plain.bandwidths.bias_left)
    both = threshold_effect(values, returned, 200.0, taken_up=attempted, bandwidth=widths, **options)
    assert effect.handled is not None and both.first_stage is not None
    assert effect.handled.effect.robust.estimate == pytest.approx(both.robust.estimate, rel=1e-9)
    assert effect.handled.f_statistic == pytest.approx(both.first_stage.f_statistic, rel=1e-9)
    near = np.abs(np.log(values / 200.0)) <= widths[0]
    crossed = near & (values >= 200.0)
    assert effect.households[1] == len(set(households[crossed].tolist()))
    assert effect.households_with[1] == len(set(households[crossed & (returned > 0)].tolist()))


def test_crossing_is_an_instrument_for_accepted_help_that_stays_at_the_site(
    study: Study, found: ThresholdFindings
) -> None:
    told = [block.accepted for block in found.blocks if block.accepted is not None]
    assert told
    for row in told:
        assert row.weak == (row.f_statistic < 10.0)
        assert row.set_kind in ("interval", "rays", "line", "empty")
    without = json.dumps([asdict(replace(b, accepted=None)) for b in found.blocks], default=str)
    assert json.dumps(_entries(found, study)) == json.dumps(
        _entries(replace(found, blocks=tuple(replace(b, accepted=None) for b in found.blocks)), study)
    )
    assert "accepted" in without


def _entries(found: ThresholdFindings, study: Study) -> Any:
    return released(found, study).document.model_dump(mode="json")["thresholds"]


def released(found: ThresholdFindings, study: Study) -> Any:
    from datetime import date

    from causalsig.records import QuestionResult
    from causalsig.study.digest import study_digest

    nothing = QuestionResult("contact_method", "refused", (), (), (), (), ())
    result = SiteResult("9001", study_digest(study), date(2026, 9, 1), (nothing,), (), thresholds=found)
    return build_release(result, study=study, identity=IDENTITY)


def test_what_leaves_gives_the_estimate_back(study: Study, found: ThresholdFindings) -> None:
    rows = released_thresholds(released(found, study).document)
    primary = [row for row in rows if row.primary and row.estimand == "E1"]
    assert [row.cutoff_eur for row in primary] == [300.0, 200.0]
    for row, block in zip(primary, found.blocks, strict=True):
        whole = block.effects[0].crossing.robust
        assert abs(row.estimate - whole.estimate) <= row.steps / 2
        assert 1.0 <= row.std_error / whole.std_error <= 1.1
        assert len(row.bins) == len(block.bins) > 10
        again = effect_at_cutoff(
            table_of_bins(row.bins), 0.0, bandwidth=(row.bandwidths[0], row.bandwidths[2])
        ).robust
        assert abs(again.estimate - whole.estimate) < CLOSE * whole.std_error
    # Below the cutoff nobody is handled: a share without variance is not shown.
    assert all(one.taken_up is None for row in primary for one in row.bins)
    ratios = [row for row in rows if row.estimand == "E2"]
    assert ratios and all(row.jumps is not None for row in ratios)


def test_the_statistician_sees_other_bandwidths_donuts_and_placebos(found: ThresholdFindings) -> None:
    for block in found.blocks:
        kinds = [row.kind for row in block.again]
        assert (kinds.count("bandwidth"), kinds.count("donut"), kinds.count("placebo")) == (5, 3, 2)
        (same,) = [row for row in block.again if row.kind == "bandwidth" and row.value == 1.0]
        assert same.jump is not None
        assert same.jump.estimate == pytest.approx(block.effects[0].crossing.robust.estimate, rel=1e-9)
        below, above = (row.value for row in block.again if row.kind == "placebo")
        assert below < block.cutoff <= above


def test_a_whole_run_carries_its_thresholds(town: Any, study: Study) -> None:
    spec, tables, site, _ = town
    result = analyse_site(tables, study, site, spec.matching, plans=(), thresholds=True)
    assert result.thresholds is not None and result.thresholds.status == "estimated"
    assert analyse_site(tables, study, site, spec.matching, plans=()).thresholds is None
    text = json.dumps(site_record(result), allow_nan=False)
    assert "2025-03-31" in text


def test_the_order_of_the_rows_changes_nothing(town: Any, study: Study, found: ThresholdFindings) -> None:
    _, tables, _, _ = town
    frames = {
        name: getattr(tables, name).sample(frac=1.0, random_state=7).reset_index(drop=True)
        for name in ("signals", "episodes", "cases", "attempts")
    }
    assert asked(town, study, replace(tables, **frames)) == found


def test_a_heap_at_the_threshold_makes_the_donut_primary(
    town: Any, study: Study, found: ThresholdFindings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, tables, _, _ = town
    signals = tables.signals.copy()
    near = signals["amount_cents"].between(30_100, 36_000) & (np.arange(len(signals)) % 4 == 0)
    signals.loc[near, "amount_cents"] = 30_000
    heaped = asked(town, study, replace(tables, signals=signals))
    block = heaped.blocks[0]
    assert {v.code: v.passed for v in block.verdicts}["gate-heaping"] is False
    assert block.donut == 2.0
    # A round amount in whole cents: beforehand its own score only is left out.
    assert found.blocks[0].donut == pytest.approx(0.005)
    assert block.admitted and block.effects
    assert min(abs(np.expm1(one.distance)) * 300.0 for one in block.bins) > 2.0
    entry = released(heaped, study).document.thresholds[0].crossings[0]
    assert entry.donut and entry.effects
    said = shown(heaped, tmp_path, capsys)
    assert "not passed: [gate-heaping] " in said
    assert "primary     without scores within 2 of the threshold (a donut)" in said


@pytest.mark.parametrize(
    ("traits", "code"),
    [
        ({"handling": rule("amount", 900_000.0)}, "cohort-threshold-one-side"),
        ({"handling": rule("amount", 10_000.0)}, "release-admission"),
        ({"handling": rule("months", 3.0)}, "cohort-threshold-no-curvature"),
    ],
)
def test_a_threshold_without_an_answer_says_why(
    town: Any,
    study: Study,
    traits: dict[str, Any],
    code: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = asked(town, study, **traits)
    assert found.status == "refused"
    (block,) = found.blocks
    assert [refusal.code for refusal in block.refusals] == [code]
    assert block.effects == () and block.bins == ()
    entry = released(found, study).document.thresholds[0].crossings[0]
    assert entry.refusals == (code,) and entry.gates == ()
    said = shown(found, tmp_path, capsys)
    assert f"refused  [{code}] {text(f'codes.{code}.title', 'en')}" in said
    assert text(f"codes.{code}.explanation", "en").split()[-1] in said and "gates" not in said


def shown(found: ThresholdFindings, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Give what `causalsig site thresholds` prints of such a run."""
    (folder / "site.json").write_text(json.dumps({"thresholds": thresholds_record(found)}), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["site", "thresholds", str(folder)])
    assert not ended.value.code
    return capsys.readouterr().out


def test_one_signal_against_two_is_no_discontinuity(
    town: Any, study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(town, curved(study, signals=0.1), handling=rule("signals", 2.0))
    (block,) = found.blocks
    assert found.status == "withheld" and not block.admitted
    assert {v.code: v.passed for v in block.verdicts}["gate-threshold-values"] is False
    said = shown(found, tmp_path, capsys)
    assert "DO NOT let an effect through" in said and "not passed: [gate-threshold-values] " in said
    assert "primary" not in said


def test_months_are_told_with_the_bias_their_curvature_allows(town: Any, study: Study) -> None:
    declared = curved(study, months=0.05)
    found = asked(town, declared, handling=rule("months", 3.0))
    (block,) = found.blocks
    # The months themselves are a covariate; that they step with the score is no jump of a fact from before.
    assert block.scale == "linear" and block.admitted
    honest = block.effects[0].honest
    assert honest is not None and honest.largest_bias > 0.0
    assert block.effects[0].bandwidths[:2] == (honest.bandwidth, honest.bandwidth)
    rows = [row for row in released_thresholds(released(found, declared).document) if row.primary]
    assert [row.estimand for row in rows] == ["E1"]  # no ratio of what is honest only on its own
    assert rows[0].bias_bound is not None and rows[0].bias_bound >= honest.largest_bias
    assert abs(rows[0].estimate - honest.estimate) <= rows[0].steps / 2


def test_a_rank_and_no_rule_at_all_are_refused_by_name(town: Any, study: Study) -> None:
    ranked = asked(town, study, handling=(HandlingRule(highest_of_month=40),))
    assert (ranked.status, [r.code for r in ranked.refusals]) == ("refused", ["cohort-threshold-rank"])
    bare = town[2].rule.model_copy(update={"threshold_eur": 0})
    none = asked(town, study, handling=(), rule=bare)
    assert (none.status, [r.code for r in none.refusals]) == ("refused", ["cohort-no-handling-rule"])
    told = refused_findings(study, "cohort-needs-all-signals")
    assert told is not None and told.status == "refused"


def test_an_invented_inventory_has_the_rule_the_generator_used(town: Any) -> None:
    spec, _, site, _ = town
    assert site.handling == handling_of(spec)
    first = site.handling[0]
    assert first.valid_to is not None and first.valid_to.isoformat() == "2025-03-31"
    assert [[c.score for c in line] for line in first.steps[0].when] == [["amount"], ["rent"], ["crisis"]]
    ranked = replace(spec, rules=(), rank_share=0.6)
    assert handling_of(ranked)[0].highest_of_month is not None
