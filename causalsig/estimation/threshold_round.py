"""Is a cutoff a round number, to which scores are rounded? Its own score is then better left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from causalsig.estimation.threshold_table import ScoreTable

ROUND = 10
"""A cutoff that is a multiple of so many steps of the scores is a round one: amounts are rounded to it."""
FINE = 20
"""Distinct scores a side, at least, where leaving one of them out costs little."""
SAME_STEP = 1e-6
"""Steps that a round cutoff may lie beside a multiple, by rounding of the scores."""


def donut_at_round(table: ScoreTable, cutoff: float) -> float:
    """Half-width that leaves out the score of a round cutoff itself, or 0.

    Who rounds, and who wants to be over the line, ends up at the cutoff's own score; where too few do so for
    a heap to show, they bias the jump all the same. It is decided from the scores alone, before outcomes: the
    cutoff is a multiple of `ROUND` steps of the scores, and each side has `FINE` distinct ones.
    """
    below = int(np.searchsorted(table.values, cutoff))
    if min(below, len(table.values) - below) < FINE:
        return 0.0
    step = smallest_step(table)
    place = cutoff / (ROUND * step)
    return step / 2.0 if abs(place - round(place)) * ROUND < SAME_STEP else 0.0


def smallest_step(table: ScoreTable) -> float:
    """Smallest difference between two scores; infinite of one score."""
    return float(np.diff(table.values).min(initial=np.inf))
