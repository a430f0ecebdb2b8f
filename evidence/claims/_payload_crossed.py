"""Random thresholds of a site, and what the handbook says of the part of a document made of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from causalsig.crossed import (
    BinRow,
    CrossingEffect,
    FollowRow,
    FuzzyRow,
    HonestRow,
    JumpRow,
    ScoreBand,
    ThreeJumps,
    ThresholdBlock,
    ThresholdFindings,
)
from causalsig.moved import BandRow, BasisRow, MovedRow, PassedRoute, RouteName
from causalsig.records import Verdict
from evidence.claims._payload_grids import ROUNDING
from evidence.claims._payload_judged import ERRORS, Judged
from evidence.claims._payload_oracle import band_of, step_of

if TYPE_CHECKING:
    from random import Random

    from causalsig.study.models import Study

CUTOFF: Final = 347.0
SIDES: Final = (29, 30, 31, 60, 150, 400, 900, 900, 900)
CLASSES: Final = (9, 10, 14, 15, 40, 60, 60, 60, 60)
PARTS: Final = ((0.5, 0.75), (0.75, 1.0), (1.0, 1.5))


def random_findings(draw: Random) -> ThresholdFindings:
    """Draw one threshold or two, valid at once or not."""
    blocks = tuple(_block(draw, period) for period in range(1, draw.randint(1, 2) + 1))
    follows = tuple(
        FollowRow(1, month, n + 9, n, draw.randint(0, n))
        for month, n in (("2025-01", draw.choice(SIDES)), ("2025-02", draw.choice((3, 9, 10, *SIDES))))
    )
    status: Any = "estimated" if draw.random() < 0.9 else "refused"
    return ThresholdFindings(status, (), follows, blocks if status == "estimated" else (), ())


def _jumps(estimate: float, error: float) -> ThreeJumps:
    row = JumpRow(estimate, error, estimate - 2 * error, estimate + 2 * error, 0.1)
    return ThreeJumps(row, row, row)


def _error(draw: Random) -> float:
    return draw.choice((10 ** draw.uniform(-2.5, -0.5),) * 20 + (0.0, math.nan, 1e-13))


def _effect(
    draw: Random, outcome: str, sides: tuple[int, int], first: tuple[int, int] | None
) -> CrossingEffect:
    classes = (draw.choice(CLASSES), draw.choice(CLASSES))
    if first is not None and draw.random() < 0.7:
        classes = (first[0] + draw.choice((0, 0, 3, 9, 10, 20)), first[1] + draw.choice((0, 0, 20)))
    handled = FuzzyRow(
        _jumps(0.5, 0.05), 99.0, ((0.0016, 0.0004), (0.0004, 0.0025)), _jumps(-0.2, 0.1), "interval", -0.4,
        0.0, False,
    )  # fmt: skip
    honest = HonestRow(-0.1, 0.04, 0.02, -0.2, 0.0, 0.6, 0.1) if draw.random() < 0.3 else None
    largest = draw.choice((0.1, 0.1, 0.1, 0.1, 0.41, 0.51))
    return CrossingEffect(
        outcome=outcome, kind="any", months=3, primary=outcome == "any_new_arrears_3m",
        crossing=_jumps(draw.gauss(0.0, 0.1), _error(draw)), honest=honest, bandwidths=(0.6, 0.6, 0.9, 0.9),
        effective_n=sides, households=sides, households_with=classes, largest_share=largest,
        households_without=(max(sides[0] - classes[0], 0), max(sides[1] - classes[1], 0)),
        two_largest_share=largest + draw.choice((0.05, 0.05, 0.3)),
        handled=handled if draw.random() < 0.7 else None,
    )  # fmt: skip


def _bins(draw: Random) -> tuple[BinRow, ...]:
    share = draw.random() < 0.5
    odd = draw.choice((0.0, 0.0, 0.05))
    rows = []
    for place in range(draw.choice((4, 10, 20))):
        n = draw.choice((9, 10, 14)) if draw.random() < odd else draw.randint(15, 60)
        taken = draw.choice((0.0, 1.0)) if draw.random() < odd / 2 else draw.uniform(0.1, 0.9)
        variance = 0.0 if draw.random() < odd / 2 else draw.uniform(0.05, 0.25)
        # Its mean distance lies within the bin, so no two bins have one.
        distance = place - 2 + draw.uniform(0.2, 0.8)
        rows.append(
            BinRow(
                n + 2, n, distance / 20, draw.random(), variance, *((taken, 0.01) if share else (None, None))
            )
        )
    return tuple(rows)


def _move(draw: Random, part: float, households: int) -> MovedRow:
    basis = BasisRow(
        draw.choice(SIDES), draw.choice(CLASSES), draw.choice(CLASSES), draw.choice((0.1, 0.1, 0.51)), 0.2,
        draw.choice((None, None, 3, 9, 10, 90)),
    )  # fmt: skip
    band = BandRow("continuation", draw.gauss(0.0, 0.1), _error(draw), draw.choice((0.0, 0.02)), -0.2, 0.1)
    passed = tuple(PassedRoute(name, "estimation-band-not-changed") for name in _STRONGER)
    return MovedRow(
        part, part * CUTOFF, "any_new_arrears_3m", "any", 3, households + 9, households, 1.25, 0.5, 99.0,
        band, None, None, None, passed, None, None, None, basis if draw.random() < 0.9 else None,
    )  # fmt: skip


_STRONGER: Final[tuple[RouteName, ...]] = ("changed_band", "changed_jumps")


def _block(draw: Random, period: int) -> ThresholdBlock:
    sides = (draw.choice(SIDES), draw.choice(SIDES))
    total = (sides[0] + draw.choice((0, 200, 2000)), sides[1] + draw.choice((0, 200, 2000)))
    first = _effect(draw, "any_new_arrears_3m", sides, None)
    other = (
        _effect(draw, "count_new_arrears_3m", sides, first.households_with) if draw.random() < 0.5 else None
    )
    cutoff = CUTOFF + 100 * (period - 1)
    inside = [draw.choice((3, 9, 10, 29, 30, 200, 200)) for _ in PARTS]
    bands = tuple(
        ScoreBand(low * cutoff, high * cutoff, n + 9, n) for (low, high), n in zip(PARTS, inside, strict=True)
    )
    moved = (_move(draw, 0.75, inside[1]), _move(draw, 1.5, inside[2])) if draw.random() < 0.5 else ()
    ends: tuple[date | None, date | None] = (None, None)
    if draw.random() < 0.5:
        ends = (date(2024 + period, 1, 1), date(2024 + period, 12, 31))
    value = draw.choice((draw.uniform(0.0, 9.0), draw.uniform(10.0, 400.0), math.inf))
    return ThresholdBlock(
        period=period, valid_from=ends[0], valid_to=ends[1], score="amount", total=draw.random() < 0.5,
        scale="log", cutoff=cutoff, below="letter", above="home_visit", episodes=total,
        households=total, followed=(0.93, 0.61), one_pair=True,
        verdicts=(Verdict("design", "gate-threshold-size", True, value, 3.0),), donut=0.0, admitted=True,
        low=False, effects=tuple(one for one in (first, other) if one), accepted=None, bins=_bins(draw),
        bands=bands, refusals=(), moved=moved, kernel=draw.choice(("triangular", "uniform")),
        degree=draw.choice((1, 2)),
    )  # fmt: skip


def judge_findings(study: Study, found: ThresholdFindings, entry: Mapping[str, Any], told: Judged) -> None:
    """Hold the thresholds of a document against what the site found."""
    floors = study.disclosure
    for row, shown in zip(found.follows, entry["follows"], strict=True):
        enough = row.households >= floors.min_households_arm
        told.check("follow-floor", enough, shown["followed"] is not None)
        if shown["households"] != band_of(row.households):
            told.wrong.append("bands: a month of a threshold")
    for block, crossing in zip(found.blocks, entry["crossings"], strict=True):
        _crossing(study, block, crossing, told)
    pairs = combinations(zip(found.blocks, entry["crossings"], strict=True), 2)
    for (one, here), (other, there) in pairs:
        apart = (one.score, one.total, one.cutoff) != (other.score, other.total, other.cutoff)
        together = apart and _at_once(one, other)
        told.check("bins-twice", not together, bool(here["bins"] and there["bins"]))


def _at_once(one: ThresholdBlock, other: ThresholdBlock) -> bool:
    first = max(one.valid_from or date.min, other.valid_from or date.min)
    return first <= min(one.valid_to or date.max, other.valid_to or date.max)


def _crossing(study: Study, block: ThresholdBlock, shown: Mapping[str, Any], told: Judged) -> None:
    floors = study.disclosure
    cell, arm = floors.min_households_cell, floors.min_households_arm
    effects = {one["outcome"]: one for one in shown["effects"]}
    for one in block.effects:
        released = one.outcome in effects
        told.check("side-floor", min(one.households) >= arm, released)
        told.check("side-class", min(*one.households_with, *one.households_without) >= cell, released)
        fair = one.largest_share <= floors.max_largest_weight
        told.check(
            "side-dominance", fair and one.two_largest_share <= floors.max_two_largest_weight, released
        )
        error = one.crossing.robust.std_error
        varies = error >= ERRORS[0] or (one.honest is not None and error > 0)
        told.check("side-variance", bool(math.isfinite(error) and varies), released)
        if released:
            jump, honest = effects[one.outcome]["jump"], one.honest
            estimate = one.crossing.robust.estimate if honest is None else honest.estimate
            step = 2.0 ** step_of(jump["std_error"], jump["std_error_exponent"])
            if abs(jump["estimate"] * step - estimate) > step / 2 * (1 + 1e-6):
                told.wrong.append("grid: a jump that is not the nearest step")
        elif not shown["held"]:
            told.wrong.append("listed: an effect of a threshold")
    for one, other in combinations(block.effects, 2):
        apart = [abs(a - b) for a, b in zip(one.households_with, other.households_with, strict=True)]
        few = (one.kind, one.months) == (other.kind, other.months) and any(0 < n < cell for n in apart)
        told.check("side-nested", not few, {one.outcome, other.outcome} <= set(effects))
    sound = all(row.households >= cell and row.variance > 0 for row in block.bins)
    sound &= all(row.taken_up is None or 0 < row.taken_up < 1 for row in block.bins)
    told.check("bin-floor", sound, bool(shown["bins"]))
    numbers = len(shown["bands"]) + 6 * len(shown["bins"]) + len(shown["followed"])
    numbers += sum(4 + len(e["bias_bound"]) + 3 * len(e["first_stage"]) for e in shown["effects"])
    numbers += sum(2 * len(move["effect"]) + len(move["bias_bound"]) for move in shown["moves"])
    most = floors.max_parameter_share * sum(block.households)
    told.check("side-numbers", numbers <= most + ROUNDING, bool(effects))
    told.held["side-numbers"] += "release-parameters" in shown["held"]
    told.check("followed-floor", min(block.households) >= arm, bool(shown["followed"]))
    moves = {one["percent"]: one for one in shown["moves"]}
    for row in block.moved:
        move = moves.get(round(100 * row.part))
        released = bool(move and move["effect"])
        told.check("move-floor", _moves(study, row), released)
        if move is not None and not released and move["held"] is None:
            told.wrong.append("listed: a moved threshold")


def _moves(study: Study, row: MovedRow) -> bool:
    floors, basis = study.disclosure, row.basis
    if basis is None or row.band is None:
        return False
    return (
        min(row.households, basis.households) >= floors.min_households_arm
        and min(basis.households_with, basis.households_without) >= floors.min_households_cell
        and basis.largest_share <= floors.max_largest_weight
        and basis.two_largest_share <= floors.max_two_largest_weight
        and (basis.apart is None or basis.apart >= floors.min_households_cell)
        and row.band.std_error >= ERRORS[0]
    )
