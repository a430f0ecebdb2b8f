"""What stands beside a pool: how strong a hidden cause must be everywhere, and balance over the sites."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from causalsig.diagnosed import PooledBalanceRow, RobustnessRow
from causalsig.records import Estimator
from causalsig.release.beside_entries import CovariateCode
from causalsig.release.pool_entries import COMPARED, ComparedEntry, in_steps
from causalsig.release.pool_entries import MIN_SITES as MIN_SITES
from causalsig.release.value_types import ArmCode, Closed, QuestionCode
from causalsig.study.models import Estimand

if TYPE_CHECKING:
    from causalsig.records import PoolResult
    from causalsig.release.pool_entries import PooledContrastEntry

HalfPerCents = Annotated[int, Field(ge=0, le=200)]


class RobustnessEntry(ComparedEntry):
    """How strong a hidden cause must be, everywhere: shares in half per cents, rounded down."""

    sites: Annotated[int, Field(ge=1, le=1000)]
    publishable: bool
    value: HalfPerCents
    value_of_interval: HalfPerCents

    @model_validator(mode="after")
    def _in_order(self) -> RobustnessEntry:
        if self.publishable and self.sites < MIN_SITES:
            raise ValueError("a robustness of too few sites is called publishable")
        if self.value_of_interval > self.value:
            raise ValueError("an interval is robust to more than its estimate")
        return self


class PooledBalanceEntry(Closed):
    """Balance of one contrast over the sites; the largest difference in hundredths, rounded up."""

    question: QuestionCode
    estimand: Estimand
    estimator: Estimator
    arm: ArmCode
    reference: ArmCode
    sites: Annotated[int, Field(ge=1, le=1000)]
    publishable: bool
    covariates: Annotated[int, Field(ge=1, le=60)]
    balanced: Annotated[int, Field(ge=0, le=60)]
    covariate: CovariateCode
    largest: Annotated[int, Field(ge=0, le=10_000)]


def robustness_entries(result: PoolResult) -> tuple[RobustnessEntry, ...]:
    """Write the rows that may stand in this pool."""
    return tuple(_robustness(row) for row in _shown(result))


def balance_entries(result: PoolResult) -> tuple[PooledBalanceEntry, ...]:
    """Write the balance of the pool of all; publishable only beside a primary contrast that is."""
    shown = {_compared(c) for c in result.contrasts if c.primary and c.publishable and c.sites >= MIN_SITES}
    return tuple(
        _balance(row, row.publishable and row.sites >= MIN_SITES and _compared(row) in shown)
        for row in result.balance
    )


def hides_a_site(row: PooledBalanceEntry, contrasts: Iterable[PooledContrastEntry]) -> bool:
    """Say whether a row is called publishable, of too few sites or beside no contrast that is."""
    beside = any(_compared(c) == _compared(row) and c.publishable and c.sites >= MIN_SITES for c in contrasts)
    return row.publishable and not (row.sites >= MIN_SITES and beside)


def _compared(one: Any) -> tuple[str, ...]:
    return one.question, one.estimand, one.estimator, one.arm, one.reference


def _shown(result: PoolResult) -> list[RobustnessRow]:
    """Give the rows that may stand in this pool: to a municipality those of a contrast that it may see."""
    shown = {_about(c) for c in result.contrasts if c.publishable and c.sites >= MIN_SITES}
    rows = [
        replace(row, publishable=row.publishable and row.sites >= MIN_SITES and _about(row) in shown)
        for row in result.robustness
    ]
    return [row for row in rows if row.publishable or result.kind == "all"]


def _robustness(row: RobustnessRow) -> RobustnessEntry:
    values = {name: getattr(row, name) for name in _ROBUSTNESS_NAMES}
    value, end = (in_steps(share, 200.0, math.floor) for share in (row.value, row.value_of_interval))
    return RobustnessEntry(**values, value=value, value_of_interval=min(end, value))


def _balance(row: PooledBalanceRow, publishable: bool) -> PooledBalanceEntry:
    values = {name: getattr(row, name) for name in _BALANCE_NAMES} | {"publishable": publishable}
    return PooledBalanceEntry(**values, largest=min(in_steps(row.largest, 100.0, math.ceil), 10_000))


_about = attrgetter(*COMPARED)
_ROBUSTNESS_NAMES = (*COMPARED, "sites", "publishable")
_BALANCE_NAMES = (
    "question",
    "estimand",
    "estimator",
    "arm",
    "reference",
    "sites",
    "publishable",
    "covariates",
    "balanced",
    "covariate",
)


def decode_robustness(entries: Iterable[RobustnessEntry]) -> tuple[RobustnessRow, ...]:
    """Give the rows that entries stand for."""
    return tuple(_decode_robustness(entry) for entry in entries)


def decode_balance(entries: Iterable[PooledBalanceEntry]) -> tuple[PooledBalanceRow, ...]:
    """Give the rows that entries stand for."""
    return tuple(
        PooledBalanceRow(**{name: getattr(e, name) for name in _BALANCE_NAMES}, largest=e.largest / 100.0)
        for e in entries
    )


def _decode_robustness(entry: RobustnessEntry) -> RobustnessRow:
    return RobustnessRow(
        **{name: getattr(entry, name) for name in _ROBUSTNESS_NAMES},
        value=entry.value / 200.0,
        value_of_interval=entry.value_of_interval / 200.0,
    )
