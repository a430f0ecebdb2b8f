"""What a page tells of thresholds, from a release, the pool of the others and the study."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from causalsig.records import Verdict
from causalsig.release.crossed_read import released_moves, released_thresholds
from causalsig.report.pages import OwnGates, OwnMove, OwnThresholds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from causalsig.moved import MoveByOthers, ReleasedMove
    from causalsig.records import PoolResult
    from causalsig.release.crossed_entries import CrossingEntry, GateEntry
    from causalsig.release.documents import EstimatesDocument
    from causalsig.study.models import Study

BEFORE_OTHERS = ("changed_band", "changed_jumps")
"""Routes of a site's own that come before those by other sites."""
_SAME = ("question", "outcome", "below", "above", "score", "cutoff", "period", "part")


def own_thresholds(
    document: EstimatesDocument, study: Study, others: PoolResult | None = None
) -> OwnThresholds | None:
    """Decode what a release says of its thresholds; None where the study does not ask.

    Parameters
    ----------
    others : PoolResult, optional
        The pool of the others that is meant for this site: with it come answers by them.
    """
    if not document.thresholds:
        return None
    [entry] = document.thresholds
    codes = [*entry.refusals, *(c for one in entry.crossings for c in (*one.refusals, *one.held))]
    answers = () if others is None else others.moved_by_others
    return OwnThresholds(
        released_thresholds(document),
        tuple(dict.fromkeys(codes)),
        tuple(_move(move, study, answers) for move in released_moves(document)),
        tuple(_gates(crossing) for crossing in entry.crossings),
    )


def _move(move: ReleasedMove, study: Study, answers: Sequence[MoveByOthers]) -> OwnMove:
    asked = study.questions.threshold
    capacity = None if asked is None else asked.moving.capacity
    price = study.price_of_moving(move.below, move.above)
    given = next((one for one in answers if all(getattr(one, n) == getattr(move, n) for n in _SAME)), None)
    own_first = move.band is not None and move.band.route in BEFORE_OTHERS
    if given is None or own_first:
        return OwnMove(move, move.band, 0, price, capacity)
    return OwnMove(move, given.band, given.sites, price, capacity)


def _gates(crossing: CrossingEntry) -> OwnGates:
    return OwnGates(
        score=crossing.score,
        cutoff=crossing.cutoff.value,
        below=crossing.below,
        above=crossing.above,
        verdicts=tuple(map(_verdict, crossing.gates)),
        reasons=tuple(dict.fromkeys((*crossing.refusals, *crossing.held))),
        donut=crossing.donut,
    )


def _verdict(gate: GateEntry) -> Verdict:
    value = math.nan if gate.value is None else gate.value / 100.0
    return Verdict("design", gate.code, gate.passed, value, gate.threshold / 1000.0, None, None)
