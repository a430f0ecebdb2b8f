"""A histogram of amounts with the share that returned in each bin, when bins are as fine as one pleases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.attack.attacks import Attack, Trial, coin
from causalsig.attack.determined import by_arm, by_bin

if TYPE_CHECKING:
    from causalsig.attack.scene import Scene, Victim
    from causalsig.cohort.build import Cohort
    from causalsig.records import ReleasedArms

ATTACK: Final = Attack(
    name="fine-bins",
    victim="household",
    source="Handbook: n = 400 in 50 bins leaves 47 % of the bins under 10",
    knows="the household's amount to the euro, and its arm",
    guesses="whether it returned, where all of its bin did, or nobody",
    chance="one half: households are drawn so",
    held_by="bins of ten households at least; none of bins that all or none returned in",
    off="shares by arm in bins of one euro",
)
ZERO_OF_LEVEL: Final = 6.0
"""The covariate is the logarithm of the amount in euro less six."""


def trials(scene: Scene, block: ReleasedArms, cohort: Cohort, victim: Victim) -> Iterator[Trial]:
    """Look the household's bin up."""
    if "log_amount" not in cohort.covariate_names:
        return
    level = cohort.covariates[:, cohort.covariate_names.index("log_amount")]
    site = scene.document.site_code
    amounts = np.exp(level + ZERO_OF_LEVEL)
    told = by_bin(scene.document, block.outcome, float(amounts[victim.row]))
    told = by_arm(scene.document, victim.arm, block.outcome) if told is None else told
    bins = np.round(amounts)
    own = (bins == bins[victim.row]) & (cohort.treatment.astype(str) == victim.arm)
    share = float(np.mean(cohort.outcomes[block.outcome][own] > 0))
    exact = None if 0.0 < share < 1.0 else share == 1.0
    for setting, answer in (("on", told), ("off", exact)):
        guess = coin(ATTACK.name, setting, site) if answer is None else answer
        yield Trial(ATTACK.name, setting, site, guess == victim.returned, 0.5)  # type: ignore[arg-type]
