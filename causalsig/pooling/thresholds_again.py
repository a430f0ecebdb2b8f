"""A threshold's effect estimated again from its released table of bins, by the site's choices and by others.

Whoever holds a release can check the site's number, and see what other bandwidths, donuts and placebo cutoffs
would have given, without asking the site. Bins move an estimate the more the fewer there are within its
bandwidth; variances are by nearest neighbours, since a table knows no households.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from causalsig.errors import EstimationError, PoolError
from causalsig.estimation import effect_at_cutoff
from causalsig.estimation.threshold_released import table_of_bins
from causalsig.estimation.threshold_table import restrict_scores

if TYPE_CHECKING:
    from causalsig.crossed import Degree, KernelName, ReleasedThreshold
    from causalsig.estimation.threshold_results import Jump, ThresholdResult
    from causalsig.estimation.threshold_table import ScoreTable

FEWEST_BINS = 10
"""Bins within the bandwidth, on the side with fewest, below which a table cannot check a number."""
NOISE: Mapping[Degree, float] = MappingProxyType({1: 1.4, 2: 2.1})
"""Root mean square of what bins move an estimate, in errors, over ``(1 / left² + 1 / right²) ** 0.5``
of the bins within the bandwidth, by the degree of the polynomial (claim ``threshold-bins``)."""
EDGE: Mapping[KernelName, float] = MappingProxyType({"triangular": 0.0, "epanechnikov": 0.0, "uniform": 0.45})
"""And over ``(1 / left + 1 / right) ** 0.5``: where the kernel does not fall to zero at the bandwidth, a bin
that lies across its end counts whole or not at all."""
DEVIATIONS = 3.0
"""So many of them away is no accident: under a normal curve one honest number in 370 is."""
FACTORS = (0.5, 0.75, 1.5, 2.0)
DONUTS = (0.05, 0.1, 0.2)
"""Half-widths of a hole at the cutoff, in bandwidths."""
AgainKind = Literal["table", "bandwidth", "donut", "placebo below", "placebo above"]


@dataclass(frozen=True, slots=True)
class AgainRow:
    """One estimate from the table; ``value`` is a factor of the bandwidth, a donut or a distance.

    ``estimate`` and what follows are None where the table does not allow it, ``reason`` says why.
    """

    kind: AgainKind
    value: float
    estimate: float | None
    std_error: float | None
    conf_low: float | None
    conf_high: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """A released effect at a cutoff beside what its own table says.

    Attributes
    ----------
    block : ReleasedThreshold
    rows : tuple of AgainRow
        The first is by the site's own choices.
    away : float or None
        From the site's number to the table's, in the site's standard errors; None where the table gives none.
    allowed : float or None
        How far away an honest site's number may be, in the same unit; None where a side has fewer than
        `FEWEST_BINS` bins within the bandwidth, too few to check it.
    """

    block: ReleasedThreshold
    rows: tuple[AgainRow, ...]
    away: float | None
    allowed: float | None

    @property
    def agrees(self) -> bool | None:
        """Whether the site's number is its table's; None where the table cannot tell."""
        if self.allowed is None:
            return None
        return self.away is not None and self.away <= self.allowed


def has_table(block: ReleasedThreshold) -> bool:
    """Say whether a block can be estimated again: a ratio needs bins that tell the share handled."""
    return bool(block.bins) and (block.estimand == "E1" or block.bins[0].taken_up is not None)


def bins_within(block: ReleasedThreshold) -> tuple[int, int]:
    """Count bins within the bandwidth, below and above the cutoff."""
    h_left, h_right = block.bandwidths[:2]
    distance = [one.distance for one in block.bins]
    return sum(-h_left <= x < 0.0 for x in distance), sum(0.0 <= x <= h_right for x in distance)


def estimate_again(
    block: ReleasedThreshold, *, factors: Sequence[float] = FACTORS, donuts: Sequence[float] = DONUTS
) -> Again:
    """Estimate a released effect from its table of bins.

    Parameters
    ----------
    block : ReleasedThreshold
        Of a primary outcome: bins are of that. Where nobody is handled on one side, bins tell no share and
        there is no ratio to estimate.
    factors : of the site's bandwidths, both of the estimate and of its bias
    donuts : half-widths of a hole at the cutoff, in bandwidths

    Raises
    ------
    PoolError
        ``pool-no-bins``: a block without a table.
    """
    if not has_table(block):
        raise PoolError(
            "pool-no-bins",
            expected="a released table of bins, of an effect of handling with the share handled",
            found="none",
            mend="Only a primary outcome has one; take the effect of crossing (E1).",
            where=f"{block.question}, {block.outcome}",
        )
    table = table_of_bins(block.bins)
    h, b = (float(np.mean(block.bandwidths[at : at + 2])) for at in (0, 2))
    # Scores that the site left out at the cutoff are in none of its bins.
    rows = [_row("table", 1.0, table, block, 0.0, bandwidth=(h, b))]
    rows += [_row("bandwidth", f, table, block, 0.0, bandwidth=(f * h, f * b)) for f in factors]
    rows += [_row("donut", d, table, block, 0.0, bandwidth=(h, b), donut=d * h) for d in donuts]
    sides: tuple[tuple[AgainKind, ScoreTable], ...] = (
        ("placebo below", restrict_scores(table, high=0.0)),
        ("placebo above", restrict_scores(table, low=0.0)),
    )
    for kind, own in sides:
        half = np.searchsorted(np.cumsum(own.all.counts), own.all.counts.sum() / 2.0)
        middle = float(own.values[half])
        rows.append(_row(kind, middle, own, block, middle, bandwidth=(h, b)))
    first = rows[0].estimate
    away = None if first is None else abs(first - block.estimate) / block.std_error
    return Again(block, tuple(rows), away, _allowed(block))


def _allowed(block: ReleasedThreshold) -> float | None:
    """Half a step of the grid, and what so many bins within the bandwidth may move: in standard errors."""
    left, right = bins_within(block)
    if min(left, right) < FEWEST_BINS:
        return None
    moved = noise_of(block.kernel, block.degree, left, right)
    return block.steps / (2.0 * block.std_error) + DEVIATIONS * moved


def noise_of(kernel: KernelName, degree: Degree, left: int, right: int) -> float:
    """Root mean square of what so many bins within the bandwidth move an estimate, in its standard errors."""
    inside = NOISE[degree] ** 2 * (1.0 / left**2 + 1.0 / right**2)
    return float(np.sqrt(inside + EDGE[kernel] ** 2 * (1.0 / left + 1.0 / right)))


def _row(
    kind: AgainKind, value: float, table: ScoreTable, block: ReleasedThreshold, cutoff: float, **options: Any
) -> AgainRow:
    try:
        found = effect_at_cutoff(table, cutoff, kernel=block.kernel, degree=block.degree, **options)
        jump = _jump(found, block)
    except EstimationError as error:
        return AgainRow(kind, value, None, None, None, None, error.code)
    return AgainRow(kind, value, jump.estimate, jump.std_error, jump.conf_low, jump.conf_high)


def _jump(found: ThresholdResult, block: ReleasedThreshold) -> Jump:
    """Read what the site released: an honest estimate is not corrected for bias."""
    if block.estimand == "E2":
        return found.robust
    jumps = found.reduced_form or found
    return jumps.robust if block.bias_bound is None else jumps.conventional
