"""What was asked of a threshold estimator, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

import numpy as np

from causalsig.errors import EstimationError
from causalsig.estimation.option_numbers import read_number
from causalsig.estimation.threshold_bandwidth import Selector
from causalsig.estimation.threshold_local import Kernel, few_scores
from causalsig.estimation.threshold_side import Variance
from causalsig.estimation.threshold_table import ScoreTable
from causalsig.estimation.threshold_windows import Place, Scale

EVERYWHERE = (-np.inf, np.inf)
OPTIONS = {
    "kernel", "bandwidth", "degree", "donut", "curvature_bound", "variance", "scale", "level",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ThresholdRequest:
    """The options of `threshold_effect`, checked; `bandwidth` is a selector or (h, b).

    Only scores from `within[0]` up to, not with, `within[1]` take part; `grouped`: households were given, and
    some have several episodes.
    """

    cutoff: float
    outcome: int
    kernel: Kernel
    bandwidth: Selector | tuple[float, float]
    degree: int
    donut: float
    curvature_bound: float | None
    variance: Variance
    scale: Scale
    level: float
    within: tuple[float, float] = EVERYWHERE
    grouped: bool = False

    @property
    def place(self) -> Place:
        """Where the table is cut."""
        return Place(self.cutoff, self.donut, *self.within)


def read_request(
    table: ScoreTable,
    cutoff: Any,
    outcome: int,
    options: Mapping[str, Any],
    within: tuple[float, float] = EVERYWHERE,
) -> ThresholdRequest:
    """Check every option.

    Raises
    ------
    EstimationError
        ``estimation-option``, ``estimation-cutoff``, ``estimation-bandwidth``.
    """
    unknown = sorted(set(options) - OPTIONS)
    if unknown:
        _refuse("options of threshold_effect", ", ".join(unknown), "option")
    if outcome not in range(table.outcomes):
        _refuse(f"an outcome from 0 to {table.outcomes - 1}", "another place", "outcome")
    variance = cast(Variance, _one_of(options.get("variance", "nn"), get_args(Variance), "variance"))
    if variance != "nn" and table.members is None:
        _refuse("households for a clustered variance", "none", "households")
    degree = options.get("degree", 1)
    if isinstance(degree, bool) or degree not in (1, 2):
        _refuse("1 (linear) or 2 (quadratic)", "another degree", "degree")
    bound = options.get("curvature_bound")
    scale = cast(Scale, _one_of(options.get("scale", "linear"), get_args(Scale), "scale"))
    level = read_number(options.get("level", 0.95), "level", lowest=0.0, strict=True)
    if level >= 1.0:
        _refuse("a level between 0 and 1, such as 0.95", "1 or more", "level")
    return ThresholdRequest(
        cutoff=_cutoff(table, cutoff, scale, within),
        outcome=int(outcome),
        kernel=cast(Kernel, _one_of(options.get("kernel", "triangular"), get_args(Kernel), "kernel")),
        bandwidth=_bandwidth(options.get("bandwidth", "mserd")),
        degree=int(degree),
        donut=read_number(options.get("donut", 0.0), "donut", lowest=0.0),
        curvature_bound=None if bound is None else read_number(bound, "curvature_bound", lowest=0.0),
        variance=variance,
        scale=scale,
        level=level,
        within=within,
        grouped=table.members is not None and len(table.members.value) > 0,
    )


def few_on_a_side(distinct: tuple[int, int], request: ThresholdRequest) -> EstimationError | None:
    """Say which side, left or right, has too few distinct scores for the polynomial of the bias."""
    wanted = request.degree + 2
    for count, name in zip(distinct, ("below", "from"), strict=True):
        if count < wanted:
            found = f"{count} {name} the cutoff" + (" on" if name == "from" else "")
            beside = ", outside the donut" if request.donut else ""
            return few_scores(wanted, f"{found}, {sum(distinct)} in all{beside}")
    return None


def _cutoff(table: ScoreTable, cutoff: Any, scale: Scale, within: tuple[float, float]) -> float:
    place = read_number(cutoff, "cutoff")
    first, last = (int(v) for v in np.searchsorted(table.values, within))
    lowest, highest = (float(table.values[v]) if first < last else np.nan for v in (first, last - 1))
    if not lowest < place <= highest:
        _refuse_cutoff(
            "scores on both sides", "all scores " + ("below" if place > highest else "above") + " it"
        )
    if scale == "log" and lowest <= 0.0:
        _refuse_cutoff("positive scores and a positive cutoff for the log scale", "a score of zero or less")
    return place


def _bandwidth(asked: Any) -> Selector | tuple[float, float]:
    if isinstance(asked, str):
        return cast(Selector, _one_of(asked, get_args(Selector), "bandwidth"))
    pair = isinstance(asked, Sequence) or (isinstance(asked, np.ndarray) and asked.ndim == 1)
    given = tuple(asked) if pair else (asked, asked)
    if len(given) != 2:
        _refuse("a selector, one bandwidth, or two: (h, b)", f"{len(given)}", "bandwidth")
    found = tuple(read_number(one, "bandwidth", lowest=0.0, strict=True) for one in given)
    return found[0], found[1]


def _one_of(value: Any, known: tuple[str, ...], where: str) -> str:
    if not isinstance(value, str) or value not in known:
        _refuse(f"one of {', '.join(known)}", f"{value!r}" if isinstance(value, str) else "no text", where)
    return str(value)


def _refuse(expected: str, found: str, where: str) -> None:
    raise EstimationError(
        "estimation-option", expected=expected, found=found, mend="See threshold_effect.", where=where
    )


def _refuse_cutoff(expected: str, found: str) -> None:
    raise EstimationError(
        "estimation-cutoff",
        expected=expected,
        found=found,
        mend="Give the cutoff in the unit of the scores.",
        where="cutoff",
    )
