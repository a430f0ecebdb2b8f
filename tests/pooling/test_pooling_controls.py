"""Negative controls that a study names are tested over the sites that released them, and ten calibrate."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from causalsig.pooling import negative_controls, pool_arms, systematic_error
from causalsig.pooling.controls import controls_of_sites
from causalsig.records import PoolResult, ReleasedArms
from causalsig.release import PoolDocument, build_pool_document, pool_result
from causalsig.report.pages import specs_from_study
from causalsig.study.models import Study

SITES = tuple(f"{place:02d}" * 32 for place in range(8))
NOISE = 0.02
Make = Callable[..., ReleasedArms]


def naming(study: Study, count: int) -> Study:
    """The study with so many outcomes that no arm changes."""
    names = tuple(f"control_{place}" for place in range(count))
    wanted = study.model_dump()
    base = next(one for one in wanted["outcomes"] if one["id"] == "any_all_3m")
    wanted["outcomes"] = (*wanted["outcomes"], *({**base, "id": name} for name in names))
    contact = wanted["questions"]["contact_method"]
    contact["outcomes"] = (*contact["outcomes"], *names)
    wanted["falsification"]["negative_controls"] = names
    return Study.model_validate(wanted)


def blocks(make: Make, study: Study, shifts: dict[str, float], seed: int = 4) -> list[ReleasedArms]:
    """Every site releases its answer and its controls, each off by a shift and noise."""
    r = np.random.default_rng(seed)
    made = []
    for site in SITES:
        for outcome in ("any_new_arrears_3m", *study.falsification.negative_controls):
            shift = shifts.get(outcome, 0.0) + r.normal(0.0, NOISE / 2)
            means = (0.3, 0.3, 0.3, 0.3 + shift, 0.3)
            primary = outcome == "any_new_arrears_3m"
            made.append(make(site, means, std_error=NOISE, outcome=outcome, primary=primary))
    return made


def test_a_control_that_differs_fails_over_all_sites_and_the_others_pass(
    make_block: Make, study: Study
) -> None:
    named = naming(study, 3)
    given = blocks(make_block, named, {"control_1": 0.12})
    tests, calibrated = controls_of_sites(given, named)
    assert {row.outcome: row.passed for row in tests} == {
        "control_0": True, "control_1": False, "control_2": True
    }  # fmt: skip
    assert {row.sites for row in tests} == {len(SITES)} and calibrated == ()
    # The tests are of the contrasts that stand in the pool, with Holm's p-values over the three.
    pooled = {c.outcome: c for c in pool_arms(given, named, "d" * 64).contrasts if c.arm == "home_visit"}
    ordered = sorted(pooled[row.outcome].p_value for row in tests)
    assert min(row.p_value for row in tests) == pytest.approx(3 * ordered[0])
    assert controls_of_sites(given[:2], study) == ((), ())  # a study that names none


def test_a_control_that_some_sites_lack_is_of_the_others(make_block: Make, study: Study) -> None:
    named = naming(study, 2)
    given = [b for b in blocks(make_block, named, {}) if b.site in SITES[:5] or b.outcome != "control_1"]
    given = [b for b in given if b.outcome != "control_0" or b.site != SITES[0]]
    assert {row.outcome: row.sites for row in controls_of_sites(given, named)[0]} == {
        "control_0": 7, "control_1": 5
    }  # fmt: skip
    gone = [block for block in given if block.outcome != "control_1"]
    assert [row.outcome for row in controls_of_sites(gone, named)[0]] == ["control_0"]


def test_ten_controls_calibrate_the_primary_contrast_and_nine_do_not(make_block: Make, study: Study) -> None:
    shifts = {f"control_{place}": 0.06 for place in range(10)} | {"any_new_arrears_3m": 0.06}
    assert controls_of_sites(blocks(make_block, naming(study, 9), shifts), naming(study, 9))[1] == ()
    named = naming(study, 10)
    given = blocks(make_block, named, shifts)
    _, [found] = controls_of_sites(given, named)
    pooled = {c.outcome: c for c in pool_arms(given, named, "d" * 64).contrasts if c.arm == "home_visit"}
    own = pooled.pop("any_new_arrears_3m")
    rest = [pooled[name] for name in named.falsification.negative_controls]
    error = systematic_error([c.estimate for c in rest], [c.std_error for c in rest])
    expected = error.calibrate(own.estimate, own.std_error, level=study.pooling.level)
    assert (found.mean, found.estimate) == pytest.approx((error.mean, expected.estimate))
    assert (found.conf_low, found.conf_high) == pytest.approx((expected.conf_low, expected.conf_high))
    # What every outcome is off by is taken off: the raw contrast is far from nothing, this one is not.
    assert own.conf_low > 0.0 > found.conf_low
    assert found.conf_high > 0.0 and found.controls == 10


def test_the_study_s_pooling_choices_hold_for_controls_too(make_block: Make, study: Study) -> None:
    y, v = np.random.default_rng(1).normal(size=(6, 2)), np.ones((6, 2)) / 9
    wald = negative_controls(y, v, interval="wald")
    assert wald.conf_low[0] != negative_controls(y, v, interval="knapp-hartung").conf_low[0]


def test_the_document_of_all_carries_the_tests_and_that_of_the_others_none(
    make_block: Make, study: Study
) -> None:
    named = naming(study, 10)
    given = blocks(make_block, named, {"control_1": 0.12})
    controls, calibrated = controls_of_sites(given, named)
    whole = replace(pool_arms(given, named, "d" * 64), controls=controls, calibrated=calibrated)
    document = build_pool_document(whole)
    back: PoolResult = pool_result(PoolDocument.model_validate_json(document.model_dump_json()))
    for shown, exact in zip(back.controls, controls, strict=True):
        assert replace(shown, p_value=exact.p_value) == exact
        assert exact.p_value - 0.001 < shown.p_value <= exact.p_value + 1e-9
    [shown], [exact] = back.calibrated, calibrated
    assert shown.conf_low <= exact.conf_low and exact.conf_high <= shown.conf_high
    assert shown.spread >= exact.spread and shown.estimate == pytest.approx(exact.estimate, abs=0.01)
    others = build_pool_document(replace(whole, kind="others", left_out=()), recipient="f" * 64)
    assert others.controls == () and others.calibrated == ()
    values = json.loads(others.model_dump_json())
    for name in ("controls", "calibrated"):
        smuggled = values | {name: json.loads(document.model_dump_json())[name]}
        with pytest.raises(ValidationError, match="not publishable"):
            PoolDocument.model_validate_json(json.dumps(smuggled))
        older = json.loads(document.model_dump_json()) | {
            "schema_version": "0.1",
            "robustness": [],
            "balance": [],
        }
        with pytest.raises(ValidationError, match=r"version 0\.1 carries"):
            PoolDocument.model_validate_json(
                json.dumps(older | ({} if name == "controls" else {"controls": []}))
            )


def test_a_control_is_no_answer_to_a_question(study: Study) -> None:
    named = naming(study, 2)
    shown = {outcome.outcome for outcome in specs_from_study(named)[1]}
    assert shown == {outcome.id for outcome in study.outcomes}
    wrong = study.model_dump() | {"falsification": {"negative_controls": ("any_new_arrears_3m",)}}
    with pytest.raises(ValueError, match="names a question's primary outcome"):
        Study.model_validate(wrong)
