"""Documents are closed: every field is declared, named and bounded, and a code says nothing but itself."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from causalsig.errors import ReleaseError
from causalsig.records import PooledContrast, PooledMean, PoolResult, SiteResult
from causalsig.release import (
    EstimatesDocument,
    PoolDocument,
    ReleaseIdentity,
    build_pool_document,
    build_release,
    pool_result,
    released_arms,
    site_code,
    snapshot_hash,
)
from causalsig.release.fields import ESTIMATES
from causalsig.release.paths import exported_paths, leaves
from causalsig.release.pool_fields import POOL
from causalsig.study.models import Study

Make = Callable[..., SiteResult]


@pytest.fixture
def document(study: Study, make_site: Make, identity: ReleaseIdentity) -> EstimatesDocument:
    return build_release(make_site(), study=study, identity=identity).document


def test_every_exported_field_is_in_the_table_and_no_other() -> None:
    assert set(exported_paths(EstimatesDocument)) == set(ESTIMATES)
    assert set(exported_paths(PoolDocument)) == set(POOL)


def test_every_value_of_a_document_has_its_row(document: EstimatesDocument) -> None:
    found = list(leaves(document.model_dump(mode="json")))
    assert len(found) > 300
    assert {path for _, path, _ in found} <= set(ESTIMATES)


def test_only_integers_codes_and_truth_values_leave(document: EstimatesDocument) -> None:
    for place, _, value in leaves(document.model_dump(mode="json")):
        assert value is None or isinstance(value, bool | int | str), place
        if isinstance(value, str):
            assert re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}", value), place


def test_the_municipality_and_the_day_stay_inside(document: EstimatesDocument) -> None:
    text = document.model_dump_json()
    assert '"9001"' not in text and "2026-09-17" not in text and '"2026-09"' in text


def test_an_unknown_code_leaves_as_other(document: EstimatesDocument) -> None:
    codes = {verdict.code for verdict in document.questions[0].verdicts}
    assert codes == {"other", "gate-effective-sample-size"}
    assert "a-gate-nobody-declared" not in document.model_dump_json()


def test_a_size_leaves_as_its_band_however_small(document: EstimatesDocument) -> None:
    size = document.questions[0].verdicts[1]
    assert (size.value, size.size, size.threshold) == (None, "under-10", 30_000)


def changed(document: EstimatesDocument, *path: object, value: object) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(document.model_dump_json())
    inner: Any = values
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return values


BLOCK = ("questions", 1, "analyses", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("remark",), "free text"),
        ((*BLOCK, "n"), 412),
        ((*BLOCK, "arms", 0, "mean"), 0.21),
        ((*BLOCK, "arms", 0, "mean"), 99_999),
        ((*BLOCK, "arms", 0, "mean"), True),
        ((*BLOCK, "arms", 0, "mean_exponent"), -30),
        ((*BLOCK, "arms", 0, "std_error"), 123),
        ((*BLOCK, "arms", 0, "households"), "10-29"),
        ((*BLOCK, "arms", 0, "effective_size"), 8),
        ((*BLOCK, "arms", 1, "arm"), "letter"),
        ((*BLOCK, "arms", 1, "arm"), "carrier-pigeon"),
        ((*BLOCK, "correlations", 0), 20),
        ((*BLOCK, "correlations"), [0]),
        ((*BLOCK, "reference"), "accepted"),
        ((*BLOCK, "outcome"), "Een Naam"),
        (("questions", 1, "status"), "withheld"),
        (("questions", 1, "attrition", 0, "rule"), "not-a-rule"),
        (("floors", "min_households_arm"), 10),
        (("site_code",), "0363"),
        (("extracted",), "2026-09-17"),
    ],
)
def test_what_the_schema_does_not_allow_is_refused(
    document: EstimatesDocument, path: tuple[object, ...], value: object
) -> None:
    assert EstimatesDocument.model_validate_json(document.model_dump_json()) == document
    with pytest.raises(ValidationError):
        EstimatesDocument.model_validate_json(json.dumps(changed(document, *path, value=value)))


def test_what_is_decoded_is_what_was_estimated_to_half_a_step(
    study: Study, make_site: Make, identity: ReleaseIdentity
) -> None:
    site = make_site()
    blocks = released_arms(build_release(site, study=study, identity=identity).document)
    given = {(a.question, a.outcome, a.estimand): a for q in site.questions for a in q.analyses}
    assert len(blocks) == len(given) == 16
    for block in blocks:
        result = given[block.question, block.outcome, block.estimand].result
        assert block.arms == result.arms and block.site == identity.site_code
        assert np.all(np.abs(np.array(block.means) - result.means) <= np.array(block.steps) / 2)
        released = np.sqrt(np.diag(block.covariance))
        # Two digits, rounded up: never below, at most a tenth above.
        assert np.all(released >= result.std_errors * (1 - 1e-8)) and np.all(
            released <= result.std_errors * 1.1
        )
        assert np.linalg.eigvalsh(block.covariance).min() > 0
        for n, (low, high) in zip(result.households, block.household_bands, strict=True):
            assert low <= n and (high is None or n <= high)


def test_the_same_site_gives_the_same_bytes(study: Study, make_site: Make, identity: ReleaseIdentity) -> None:
    first, second = (build_release(make_site(), study=study, identity=identity) for _ in range(2))
    assert first.document.model_dump_json() == second.document.model_dump_json()


def test_an_identity_that_is_no_digest_is_refused(
    study: Study, make_site: Make, identity: ReleaseIdentity
) -> None:
    with pytest.raises(ReleaseError, match="release-schema") as caught:
        build_release(make_site(), study=study, identity=replace(identity, site_code="Utrecht"))
    assert "Utrecht" not in str(caught.value)


def test_a_site_code_needs_the_key_and_is_of_one_study() -> None:
    key, other = b"k" * 32, b"o" * 32
    code = site_code(key, "0344", "a" * 64)
    assert re.fullmatch(r"[0-9a-f]{64}", code)
    codes = {
        code,
        site_code(other, "0344", "a" * 64),
        site_code(key, "0344", "b" * 64),
        site_code(key, "0345", "a" * 64),
    }
    assert len(codes) == 4 and code == site_code(key, "0344", "a" * 64)
    assert snapshot_hash(key, b"x") != snapshot_hash(other, b"x") != snapshot_hash(key, b"y")


def contrast(**changes: object) -> PooledContrast:
    values: dict[str, object] = {
        "question": "contact_method", "outcome": "any_new_arrears_3m", "estimand": "ATO", "kind": "any",
        "months": 3, "arm": "home_visit", "reference": "letter", "primary": True, "sites": 22,
        "estimate": -0.0163, "std_error": 0.00612, "df": 21.0, "conf_low": -0.02903, "conf_high": -0.00357,
        "p_value": 0.0143, "tau2": 0.000123, "tau2_interval": (0.0, 0.00061), "i2": 34.4, "q": 28.13,
        "q_p_value": 0.1361, "prediction_low": -0.0427, "prediction_high": 0.0101, "publishable": True,
        "reasons": (),
    }  # fmt: skip
    return PooledContrast(**(values | changes))  # type: ignore[arg-type]


def pool(*contrasts: PooledContrast, **changes: object) -> PoolResult:
    mean = PooledMean(
        "contact_method", "any_new_arrears_3m", "ATO", "any", 3, "letter", 22, 0.2173, 0.2011, 0.2335
    )
    values: dict[str, object] = {
        "study_digest": "d" * 64, "kind": "all", "method": "REML, knapp-hartung-floored", "level": 0.95,
        "sites": 22, "contrasts": contrasts, "means": (mean,),
        "left_out": (("e" * 64, "cohort-no-episodes"),),
        "demo": False,
    }  # fmt: skip
    return PoolResult(**(values | changes))  # type: ignore[arg-type]


def test_a_pool_comes_back_on_its_grid_and_never_stronger_than_it_was() -> None:
    given = contrast()
    found = pool_result(build_pool_document(pool(given))).contrasts[0]
    step = 2.0**-9  # smallest power of two above 0.0062 / 4
    assert abs(found.estimate - given.estimate) <= step / 2
    assert found.std_error == 0.0062 and found.df == 21.0
    assert given.conf_low - step <= found.conf_low <= given.conf_low
    assert given.conf_high <= found.conf_high <= given.conf_high + step
    assert given.p_value <= found.p_value <= given.p_value + 0.001
    assert found.tau2 == 0.00013 and found.tau2_interval == (0.0, 0.00061)
    assert (found.i2, found.q) == (34, 29.0)
    assert pool_result(build_pool_document(pool(given))).left_out == (("e" * 64, "cohort-no-episodes"),)


def test_writing_a_pool_twice_changes_nothing() -> None:
    once = build_pool_document(pool(contrast()))
    assert build_pool_document(pool_result(once)) == once


def test_a_municipality_gets_no_number_that_is_not_publishable() -> None:
    hidden = contrast(publishable=False, reasons=("nobody-declared-this",), arm="phone")
    few = contrast(sites=5, arm="message")
    document = build_pool_document(pool(contrast(), hidden, few, kind="others"), recipient="f" * 64)
    shown, *held = document.contrasts
    assert shown.numbers is not None and document.left_out == ()
    assert [entry.numbers for entry in held] == [None, None]
    assert [entry.reasons for entry in held] == [("other",), ("release-pool-not-publishable",)]
    back = pool_result(document)
    assert math.isnan(back.contrasts[1].estimate) and not back.contrasts[2].publishable
    assert len(back.means) == 1
    assert build_pool_document(pool(hidden, kind="others")).means == ()


def test_the_statistician_sees_what_is_not_publishable() -> None:
    found = pool_result(build_pool_document(pool(contrast(publishable=False, sites=3))))
    assert not found.contrasts[0].publishable and found.contrasts[0].estimate < 0


def test_undefined_numbers_stay_undefined() -> None:
    nan = math.nan
    loose = contrast(
        tau2_interval=(nan, nan), prediction_low=nan, prediction_high=nan, df=None, q_p_value=nan
    )
    found = pool_result(build_pool_document(pool(loose))).contrasts[0]
    assert found.df is None and math.isnan(found.prediction_low) and math.isnan(found.tau2_interval[0])
    open_above = contrast(tau2_interval=(0.0001, math.inf))
    assert pool_result(build_pool_document(pool(open_above))).contrasts[0].tau2_interval == (0.0001, math.inf)


def test_a_method_outside_the_lists_is_refused() -> None:
    with pytest.raises(ReleaseError, match="release-schema"):
        build_pool_document(pool(contrast(), method="my own, by eye"))
