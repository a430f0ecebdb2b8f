"""Effects of groups in a pool's document: on the grid of their standard errors, of enough sites."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from causalsig.grouped import PooledDifference, PooledGroupRow
from causalsig.records import Estimator
from causalsig.release import grid
from causalsig.release.grouped_entries import GROUPS, FamilyCode
from causalsig.release.pool_beside import MIN_SITES
from causalsig.release.pool_entries import Exponent, PerMille, PoolSteps
from causalsig.release.value_types import ArmCode, Closed, DecimalExponent, Digits, QuestionCode
from causalsig.study.models import Estimand, Slug

if TYPE_CHECKING:
    from causalsig.records import PoolResult

_NAMES = (
    *("question", "outcome", "estimand", "estimator", "arm", "reference"),
    *("family", "group", "sites", "publishable"),
)


class PooledDifferenceEntry(Closed):
    """Effect in a group less that in its family's first; ends of the interval rounded outward."""

    exponent: Exponent
    estimate: PoolSteps
    conf_low: PoolSteps
    conf_high: PoolSteps
    std_error: Digits
    std_error_exponent: DecimalExponent

    @model_validator(mode="after")
    def _declared_grid(self) -> PooledDifferenceEntry:
        if self.exponent != grid.step_exponent(grid.from_two_digits(self.std_error, self.std_error_exponent)):
            raise ValueError("a difference is not on the grid its standard error declares")
        return self


class PooledGroupEntry(Closed):
    """Effect of one group over the sites; ends of intervals rounded outward, p-values up."""

    question: QuestionCode
    outcome: Slug
    estimand: Estimand
    estimator: Estimator
    arm: ArmCode
    reference: ArmCode
    family: FamilyCode
    group: Slug
    sites: Annotated[int, Field(ge=1, le=1000)]
    publishable: bool
    exponent: Exponent
    estimate: PoolSteps
    conf_low: PoolSteps
    conf_high: PoolSteps
    std_error: Digits
    std_error_exponent: DecimalExponent
    p_of_family: PerMille | None
    difference: PooledDifferenceEntry | None = None

    @model_validator(mode="after")
    def _holds(self) -> PooledGroupEntry:
        if self.group not in GROUPS[self.family]:
            raise ValueError("a group is not of its family")
        std_error = grid.from_two_digits(self.std_error, self.std_error_exponent)
        if self.exponent != grid.step_exponent(std_error):
            raise ValueError("an effect is not on the grid its standard error declares")
        if self.publishable and self.sites < MIN_SITES:
            raise ValueError("an effect of too few sites is called publishable")
        return self


def group_entries(result: PoolResult) -> tuple[PooledGroupEntry, ...]:
    """Write the rows that may stand in this pool, publishable only beside a contrast of their arms that is.

    Of all sites a row needs one more than the fewest, so that it is of enough without any of them too; in a
    pool of the others only what a municipality may see is left. A group whose interval is not defined stays
    out.
    """
    others = result.kind == "others"
    shown = {
        (c.question, c.outcome, c.estimand, c.estimator, c.arm, c.reference)
        for c in result.contrasts
        if c.publishable and c.sites >= MIN_SITES
    }
    entries = [
        _entry(
            row,
            row.sites >= MIN_SITES + (not others)
            and (row.question, row.outcome, row.estimand, row.estimator, row.arm, row.reference) in shown,
        )
        for row in result.groups
        if math.isfinite(row.conf_low) and row.std_error > 0.0
    ]
    return tuple(entry for entry in entries if entry.publishable or not others)


def decode_groups(entries: Iterable[PooledGroupEntry]) -> tuple[PooledGroupRow, ...]:
    """Give the rows that entries stand for."""
    return tuple(
        PooledGroupRow(
            **{name: getattr(entry, name) for name in _NAMES},
            **_values(entry),
            p_of_family=None if entry.p_of_family is None else entry.p_of_family / 1000.0,
            difference=None if entry.difference is None else PooledDifference(**_values(entry.difference)),
        )
        for entry in entries
    )


def _entry(row: PooledGroupRow, may: bool) -> PooledGroupEntry:
    difference = row.difference
    told = difference is not None and math.isfinite(difference.conf_low) and difference.std_error > 0.0
    return PooledGroupEntry(
        **{name: getattr(row, name) for name in _NAMES if name != "publishable"},
        publishable=row.publishable and may,
        **_numbers(row),
        difference=PooledDifferenceEntry(**_numbers(difference)) if difference is not None and told else None,
        p_of_family=None if row.p_of_family is None else math.ceil(row.p_of_family * 1000.0 - 1e-9),
    )


def _numbers(of: PooledGroupRow | PooledDifference) -> dict[str, Any]:
    """Put an effect with its interval on the grid of its standard error."""
    digits, decimal = grid.two_digits_up(of.std_error)
    exponent = grid.step_exponent(grid.from_two_digits(digits, decimal))
    return {
        "exponent": exponent,
        "estimate": grid.to_steps(of.estimate, exponent),
        "conf_low": math.floor(math.ldexp(of.conf_low, -exponent)),
        "conf_high": math.ceil(math.ldexp(of.conf_high, -exponent)),
        "std_error": digits,
        "std_error_exponent": decimal,
    }


def _values(entry: PooledGroupEntry | PooledDifferenceEntry) -> dict[str, Any]:
    """Give the numbers that an entry stands for."""
    steps = {name: getattr(entry, name) for name in ("estimate", "conf_low", "conf_high")}
    numbers = {name: grid.from_steps(value, entry.exponent) for name, value in steps.items()}
    return numbers | {"std_error": grid.from_two_digits(entry.std_error, entry.std_error_exponent)}
