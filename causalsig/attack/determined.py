"""What released shares say for certain of a household: that all of its group returned, or nobody."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from causalsig.release import grid
from causalsig.release.build import released_arms
from causalsig.release.crossed_entries import DISTANCE_EXPONENT, mean_exponent

if TYPE_CHECKING:
    from causalsig.release.documents import EstimatesDocument


def by_arm(document: EstimatesDocument, arm: str, outcome: str) -> bool | None:
    """Answer from the released means of an arm; None where they leave both answers open."""
    answers = [
        _at_an_end(block.means[block.arms.index(arm)], block.steps[block.arms.index(arm)] / 2.0)
        for block in released_arms(document)
        if block.outcome == outcome and arm in block.arms
    ]
    return next((answer for answer in answers if answer is not None), None)


def by_bin(document: EstimatesDocument, outcome: str, amount: float) -> bool | None:
    """Answer from the released bin of amounts that lies nearest; None where it leaves both answers open.

    Parameters
    ----------
    document : EstimatesDocument
    outcome : str
        Bins are of a threshold's primary outcome.
    amount : float
        Of the household's episode, in euro.
    """
    for crossing in (one for part in document.thresholds for one in part.crossings):
        same = any(effect.primary and effect.outcome == outcome for effect in crossing.effects)
        if not same or not crossing.bins or crossing.score != "amount" or amount <= 0.0:
            continue
        cutoff = crossing.cutoff.value
        distance = math.log(amount / cutoff) if crossing.scale == "log" else amount - cutoff
        exponent = DISTANCE_EXPONENT[crossing.scale]
        nearest = min(
            crossing.bins, key=lambda entry: abs(grid.from_steps(entry.distance, exponent) - distance)
        )
        step = mean_exponent(nearest)
        return _at_an_end(grid.from_steps(nearest.mean, step), grid.from_steps(1, step) / 2.0)
    return None


def _at_an_end(mean: float, slack: float) -> bool | None:
    if mean <= slack:
        return False
    return True if mean >= 1.0 - slack else None
