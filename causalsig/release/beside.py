"""What stands beside a question's estimates on its way out, and back: rules, grids, and what is held back.

Hidden causes leave for the primary outcome under the primary estimand only, balance for the primary contrast
only: related numbers are what differencing feeds on. Of balance the months of the calendar and squares stay:
those say when, these nothing that their covariate does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from causalsig.diagnosed import ReleasedBalance, ReleasedSensitivity
from causalsig.release import grid
from causalsig.release.beside_entries import (
    MAX_CORRELATION,
    BalanceEntry,
    ConditionEntry,
    DifferenceEntry,
    RegionEntry,
    SensitivityEntry,
    fits,
    noise_step,
)
from causalsig.release.registry import rule as registered
from causalsig.release.vocabulary import covariate_code, is_covariate

if TYPE_CHECKING:
    from causalsig.diagnosed import BalanceBlock, RegionCondition, SensitivityRow, UnusedRegion
    from causalsig.records import Analysis
    from causalsig.release.documents import EstimatesDocument
    from causalsig.release.rules import Limits
    from causalsig.study.models import Study

MONTH = "calendar_month"
MOST_REGIONS = 100


@dataclass(frozen=True, slots=True)
class Beside:
    """Entries that may leave, and the codes of the rules that held others of their kind back."""

    entries: tuple[Any, ...]
    held: tuple[str, ...] = ()


def carries_sensitivity(analysis: Analysis, study: Study) -> bool:
    """Say whether a block's sensitivity is one that leaves.

    It is of the doubly robust contrast, so under the study's primary estimand, also where clones answer with
    another one.
    """
    wanted = (study.asked[analysis.question].primary_outcome, study.estimands.primary)
    return bool(analysis.sensitivity) and (analysis.outcome, analysis.estimand) == wanted


@registered("sensitivity", "release-no-variance", "own: a scale without an error is a household's")
@registered(
    "sensitivity", "release-grid", "no more digits than the standard error carries: float side channel"
)
def sensitivity_entries(rows: Sequence[SensitivityRow]) -> Beside:
    """Put each contrast's components on their grids.

    One whose scale cannot be told from nothing, or needs more digits than the grid has, is held back, and the
    others with it.
    """
    entries = []
    for row in rows:
        if not (math.isfinite(row.scale) and math.isfinite(row.scale_std_error) and row.scale_std_error > 0):
            return Beside((), ("release-no-variance",))
        digits, decimal = grid.two_digits_up(row.scale_std_error)
        step = grid.step_exponent(grid.from_two_digits(digits, decimal))
        scale = grid.to_steps(row.scale, step)
        inside = grid.MIN_SE_EXPONENT <= decimal <= grid.MAX_SE_EXPONENT
        if not (inside and 1 <= scale <= grid.MAX_MEAN_STEPS):
            return Beside((), ("release-grid",))
        together = round(row.correlation * grid.CORRELATION_STEPS)
        together = min(max(together, -MAX_CORRELATION), MAX_CORRELATION)
        entries.append(
            SensitivityEntry(
                arm=row.arm,  # type: ignore[arg-type]  # pydantic checks it against the code list
                scale=scale,
                scale_exponent=step,
                std_error=digits,
                std_error_exponent=decimal,
                correlation=together,
            )
        )
    return Beside(tuple(entries))


def decode_sensitivity(entries: Sequence[SensitivityEntry]) -> tuple[ReleasedSensitivity, ...]:
    """Give the numbers that entries stand for."""
    return tuple(
        ReleasedSensitivity(
            entry.arm,
            grid.from_steps(entry.scale, entry.scale_exponent),
            grid.from_two_digits(entry.std_error, entry.std_error_exponent),
            entry.correlation / grid.CORRELATION_STEPS,
            grid.from_steps(1, entry.scale_exponent),
        )
        for entry in entries
    )


@registered("balance", "release-cell-floor", "10 households: ESSnet/DwB, ABS, acro", ("min_households_cell",))
@registered("balance", "release-grid", "no more digits than the noise carries: float side channel")
def balance_entry(block: BalanceBlock, limits: Limits) -> Beside:
    """Put the differences of covariates on their grids, without those that rest on too few households.

    The floor is listed whether it held anything or not: which covariates a site has is no secret, and one
    that is absent must not tell nobody from a few.
    """
    rows, held = [], ["release-cell-floor"]
    for row in block.rows:
        code = covariate_code(row.covariate)
        if not is_covariate(code):
            continue
        if row.fewest < limits.disclosure.min_households_cell:
            continue
        if math.isfinite(row.difference) and math.isfinite(row.noise) and row.noise > 0.0:
            noise = math.floor(-2.0 * math.log2(row.noise))
            difference = grid.to_steps(row.difference, noise_step(noise))
            if not fits(difference, noise):
                held.append("release-grid")
            else:
                rows.append(DifferenceEntry(covariate=code, difference=difference, noise=noise))
    if not rows:
        return Beside((), tuple(dict.fromkeys(held)))
    entry = BalanceEntry(
        estimator=block.estimator,
        estimand=block.estimand,  # type: ignore[arg-type]
        arm=block.arm,  # type: ignore[arg-type]
        reference=block.reference,  # type: ignore[arg-type]
        differences=tuple(rows),
    )
    return Beside((entry,), tuple(dict.fromkeys(held)))


def released_balance(document: EstimatesDocument) -> tuple[ReleasedBalance, ...]:
    """Decode the balance of every question of a document."""
    return tuple(
        ReleasedBalance(
            document.site_code,
            question.question,
            entry.estimator,
            entry.estimand,
            entry.arm,
            entry.reference,
            tuple(
                (
                    row.covariate,
                    grid.from_steps(row.difference, noise_step(row.noise)),
                    2.0 ** (-row.noise / 2.0),
                )
                for row in entry.differences
            ),
        )
        for question in document.questions
        for entry in question.balance
    )


@registered("regions", "release-cell-floor", "30 households inside and outside: own", ("min_households_arm",))
@registered("regions", "release-parameters", "own: so many regions at most")
def region_entries(regions: Sequence[UnusedRegion], limits: Limits) -> Beside:
    """Write the regions that hold enough households, and leave enough outside, in bands and cut points."""
    floor = limits.disclosure.min_households_arm
    entries, held = [], []
    for region in regions:
        conditions = [condition_entry(condition) for condition in region.conditions]
        if min(region.households, region.outside) < floor or None in conditions:
            held.append("release-cell-floor")
            continue
        entries.append(
            RegionEntry(
                arm=region.arm,  # type: ignore[arg-type]
                conditions=tuple(condition for condition in conditions if condition is not None),
                households=grid.band(region.households),  # type: ignore[arg-type]
            )
        )
    if len(entries) > MOST_REGIONS:
        held.append("release-parameters")
    return Beside(tuple(entries[:MOST_REGIONS]), tuple(dict.fromkeys(held)))


def condition_entry(condition: RegionCondition) -> ConditionEntry | None:
    """Write one answer; None where the question has no name that may leave."""
    name, _, month = condition.question.partition("=")
    if name == MONTH:
        return ConditionEntry(question=MONTH, value=None, month=month, holds=condition.holds)
    if condition.value is not None:
        value = int(condition.value)
        return ConditionEntry(question=name, value=value, month=None, holds=condition.holds)
    code = covariate_code(condition.question)
    if not is_covariate(code):
        return None
    return ConditionEntry(question=code, value=None, month=None, holds=condition.holds)
