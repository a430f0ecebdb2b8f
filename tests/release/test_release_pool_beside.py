"""Robustness and balance of a pool: never stronger than they are, never more than a municipality may see."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from causalsig.diagnosed import PooledBalanceRow, RobustnessRow
from causalsig.records import PooledContrast, PoolResult
from causalsig.release import PoolDocument, build_pool_document, pool_result
from causalsig.release.strict_json import canonical

CONTRAST = PooledContrast(
    "contact_method", "any_new_arrears_3m", "ATO", "any", 3, "home_visit", "letter", True, 22, -0.0163,
    0.0061, 21.0, -0.029, -0.0036, 0.014, 0.00012, (0.0, 0.0006), 34.4, 28.1, 0.136, -0.0427, 0.0101,
    True, (),
)  # fmt: skip
ROBUST = RobustnessRow(
    "contact_method", "any_new_arrears_3m", "ATO", "home_visit", "letter", 20, 0.0273, 0.0119, True
)
BALANCE = PooledBalanceRow(
    "contact_method", "ATO", "home_visit", "letter", 20, 31, 30, "creditor-rent", 0.1234, True
)


def pool(**changes: object) -> PoolResult:
    whole = PoolResult(
        "d" * 64,
        "all",
        "REML, knapp-hartung-floored",
        0.95,
        22,
        (CONTRAST,),
        (),
        (),
        False,
        (ROBUST,),
        (BALANCE,),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_pool_never_says_it_is_more_robust_than_it_is(one: float, other: float) -> None:
    given_row = replace(ROBUST, value=max(one, other), value_of_interval=min(one, other))
    [found] = pool_result(build_pool_document(pool(robustness=(given_row,)))).robustness
    for name in ("value", "value_of_interval"):
        exact, shown = getattr(given_row, name), getattr(found, name)
        assert exact - 0.005 <= shown <= exact + 1e-9
    again = pool_result(build_pool_document(pool(robustness=(found,)))).robustness
    assert again == (found,)


def test_balance_comes_back_never_better_than_it_was() -> None:
    [found] = pool_result(build_pool_document(pool())).balance
    assert found == replace(BALANCE, largest=0.13)


@pytest.mark.parametrize(
    "changes",
    [
        {"robustness": (replace(ROBUST, publishable=False),)},
        {"robustness": (replace(ROBUST, sites=5),)},
        {"contrasts": (replace(CONTRAST, publishable=False),)},
        {"contrasts": (replace(CONTRAST, sites=5),)},
        {"contrasts": ()},
    ],
)
def test_a_municipality_gets_no_robustness_of_what_it_may_not_see(changes: dict[str, object]) -> None:
    shown = build_pool_document(pool(kind="others"), recipient="f" * 64)
    assert len(shown.robustness) == 1 and shown.balance == ()
    assert build_pool_document(pool(kind="others", **changes), recipient="f" * 64).robustness == ()
    assert build_pool_document(pool(**changes)).robustness or "robustness" not in changes


def test_a_pool_of_the_others_with_such_a_row_is_refused() -> None:
    values = build_pool_document(pool(kind="others"), recipient="f" * 64).model_dump(mode="json")
    values["robustness"][0]["sites"] = 5
    with pytest.raises(ValidationError, match="of too few sites is called publishable"):
        PoolDocument.model_validate_json(json.dumps(values))
    values["robustness"][0]["publishable"] = False
    with pytest.raises(ValidationError, match="not publishable"):
        PoolDocument.model_validate_json(json.dumps(values))


@pytest.mark.parametrize(
    "changes",
    [
        {"balance": (replace(BALANCE, sites=5),)},
        {"contrasts": (replace(CONTRAST, publishable=False, reasons=("pool-dominant-site",)),)},
        {"contrasts": (replace(CONTRAST, sites=5),)},
        {"contrasts": (replace(CONTRAST, primary=False),)},
        {"contrasts": (replace(CONTRAST, estimand="ATE"),)},
        {"contrasts": (replace(CONTRAST, arm="phone"),)},
    ],
)
def test_balance_is_published_beside_its_contrast_or_not(changes: dict[str, tuple[object, ...]]) -> None:
    document = build_pool_document(pool(**changes))
    assert [row.publishable for row in document.balance] == [False]
    values = document.model_dump(mode="json")
    values["balance"][0]["publishable"] = True
    with pytest.raises(ValidationError, match="balance is publishable"):
        PoolDocument.model_validate_json(json.dumps(values))
    assert [row.publishable for row in build_pool_document(pool()).balance] == [True]


def test_a_pool_of_the_version_before_keeps_its_bytes() -> None:
    values = build_pool_document(pool(robustness=(), balance=())).model_dump(mode="json")
    since = ("robustness", "balance", "controls", "calibrated")
    for name in (*since, "groups", "contacts", "rules", "thresholds", "curves", "moves", "moved_by_others"):
        del values[name]
    old = canonical(values | {"schema_version": "0.1"})
    read = PoolDocument.model_validate_json(old)
    assert canonical(read.model_dump(mode="json")) == old
    newer = build_pool_document(pool()).model_dump(mode="json") | {"schema_version": "0.1"}
    with pytest.raises(ValidationError, match=r"what 0\.2 added"):
        PoolDocument.model_validate_json(json.dumps(newer))
