"""The share that returned in each leaf of a tree that was grown until its leaves were pure."""

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
    name="tree-leaves",
    victim="household",
    source="Handbook: every outcome at leaf size 1, none at 10",
    knows="the household's covariates and its arm",
    guesses="whether it returned, where all of its leaf did, or nobody",
    chance="one half: households are drawn so",
    held_by="a learned rule leaves as arms by leaf and gains over all: no outcome of a leaf is in the schema",
    off="the share in each leaf of a tree with one household a leaf",
)


def trials(scene: Scene, block: ReleasedArms, cohort: Cohort, victim: Victim) -> Iterator[Trial]:
    """Drop the household down the tree."""
    from sklearn.tree import DecisionTreeClassifier

    site = scene.document.site_code
    arms = np.unique(cohort.treatment.astype(str))
    seen = np.column_stack([cohort.covariates, *(cohort.treatment.astype(str) == arm for arm in arms)])
    values = cohort.outcomes[block.outcome]
    known = ~np.isnan(values)
    tree = DecisionTreeClassifier(random_state=0).fit(seen[known], values[known] > 0)
    leaves = tree.predict_proba(seen[[victim.row]])[0]
    share = float(leaves[list(tree.classes_).index(True)])
    exact = None if 0.0 < share < 1.0 else share == 1.0
    told = by_arm(scene.document, victim.arm, block.outcome)
    for setting, answer in (("on", told), ("off", exact)):
        guess = coin(ATTACK.name, setting, site) if answer is None else answer
        yield Trial(ATTACK.name, setting, site, guess == victim.returned, 0.5)  # type: ignore[arg-type]
