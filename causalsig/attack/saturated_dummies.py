"""Coefficients of a regression in which one household has a dummy of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.attack.attacks import Attack, Trial, coin
from causalsig.attack.determined import by_arm

if TYPE_CHECKING:
    from causalsig.attack.scene import Scene, Victim
    from causalsig.cohort.build import Cohort
    from causalsig.records import ReleasedArms

ATTACK: Final = Attack(
    name="saturated-dummies",
    victim="household",
    source="Handbook: acro passes a one-person dummy, from which the debt is read exactly",
    knows="the household's covariates and arm, and that it alone has a trait",
    guesses="whether it returned",
    chance="one half: households are drawn so",
    held_by="coefficients of models are not in the schema; dominance and effective size of arms",
    off="all coefficients of a least-squares regression of the outcome",
)


def trials(scene: Scene, block: ReleasedArms, cohort: Cohort, victim: Victim) -> Iterator[Trial]:
    """Add up the coefficients that the household has."""
    site = scene.document.site_code
    arms = np.unique(cohort.treatment.astype(str))
    own = np.arange(cohort.size) == victim.row
    design = np.column_stack(
        [np.ones(cohort.size), cohort.covariates, *(cohort.treatment == arm for arm in arms[1:]), own]
    ).astype(np.float64)
    values = cohort.outcomes[block.outcome]
    known = ~np.isnan(values)
    coefficients = np.linalg.lstsq(design[known], (values[known] > 0).astype(np.float64), rcond=None)[0]
    told = by_arm(scene.document, victim.arm, block.outcome)
    guess = coin(ATTACK.name, "on", site) if told is None else told
    yield Trial(ATTACK.name, "on", site, guess == victim.returned, 0.5)
    read = float(design[victim.row] @ coefficients) > 0.5
    yield Trial(ATTACK.name, "off", site, read == victim.returned, 0.5)
