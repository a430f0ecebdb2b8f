"""A count that is suppressed, read back from a mean and its standard error at full precision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.attack.attacks import Attack, Trial, dice
from causalsig.release.build import released_arms

if TYPE_CHECKING:
    from causalsig.attack.scene import Scene
    from causalsig.cohort.build import Cohort
    from causalsig.records import ReleasedArms

ATTACK: Final = Attack(
    name="float-channel",
    victim="household",
    source="Handbook: a suppressed small n recovered from a mean, in every case",
    knows="that a cell of 2 to 9 episodes exists, with both outcomes, and every number of its arm",
    guesses="how many episodes the cell has",
    chance="one in eight: the counts that a suppressed cell with both outcomes can have",
    held_by="integers on grids; a rate is suppressed with its count",
    off="mean and standard error of the cell as floats, without its count",
)
SMALL: Final = range(2, 10)


def trials(scene: Scene, block: ReleasedArms, cohort: Cohort) -> Iterator[Trial]:
    """Divide the variance of one outcome by the squared standard error."""
    site = scene.document.site_code
    draw = dice(ATTACK.name, site)
    cells = _small_cells(cohort, block)
    if not cells:
        return
    arm, count, returned = cells[int(draw.integers(len(cells)))]
    chance = 1.0 / len(SMALL)
    yield Trial(ATTACK.name, "on", site, _from_release(scene, arm, draw) == count, chance)
    mean = returned / count
    error = float(np.sqrt(mean * (1.0 - mean) / count))
    yield Trial(ATTACK.name, "off", site, round(mean * (1.0 - mean) / error**2) == count, chance)


def _small_cells(cohort: Cohort, block: ReleasedArms) -> list[tuple[str, int, int]]:
    """Arm, episodes and returns of every cell of arm and month with 2 to 9 episodes and both outcomes.

    Where a month has more, the first of them in the order of the cohort: a cell of a finer table.
    """
    values = cohort.outcomes[block.outcome]
    months = cohort.time_zero.astype("datetime64[D]").astype("datetime64[M]").astype(str)
    arms = cohort.treatment.astype(str)
    found = []
    for arm in block.arms:
        for month in np.unique(months):
            rows = np.flatnonzero((arms == arm) & (months == month) & ~np.isnan(values))
            size = int(dice("cell", arm, month).integers(SMALL.start, SMALL.stop))
            returned = int((values[rows[:size]] > 0).sum())
            count = min(size, len(rows))
            if count in SMALL and 0 < returned < count:
                found.append((arm, count, returned))
    return found


def _from_release(scene: Scene, arm: str, draw: np.random.Generator) -> int:
    """Try the same on every released mean of the arm; where none gives such a count, guess."""
    for block in released_arms(scene.document):
        if block.kind == "any" and arm in block.arms:
            at = block.arms.index(arm)
            mean, variance = block.means[at], block.covariance[at][at]
            count = round(mean * (1.0 - mean) / variance)
            if count in SMALL:
                return count
    return int(draw.integers(SMALL.start, SMALL.stop))
