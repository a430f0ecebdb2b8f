"""Four releases of overlapping households, of which no two differ by few, and together by one household.

Without the groups S and T, each of eleven households that share only the victim: what all minus (all without
S) minus (all without T) plus (all without both) leaves is what the victim adds. Any two of the four differ by
ten households or more, so a ledger that compares two at a time lets them all pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.attack.attacks import Attack, dice
from causalsig.attack.differences import (
    Difference,
    Numbers,
    Told,
    exact_numbers_of,
    minus,
    order_of,
    released_numbers_of,
)
from causalsig.attack.extracts import without_households

if TYPE_CHECKING:
    from causalsig.attack.scene import Scene, Victim
    from causalsig.cohort.build import Cohort
    from causalsig.records import ReleasedArms

ATTACK: Final = Attack(
    name="overlapping",
    victim="household",
    source="Handbook: overlapping releases, not tried there; threat model: three releases together",
    knows="four releases of overlapping households, and the household's arm",
    guesses="whether the household that they leave over had returned",
    chance="one half: households are drawn so",
    held_by="grids; the ledger compares two releases at a time, and none of these are few apart",
    off="the exact mean of the outcome in the arm, four times",
)


def differences(scene: Scene, block: ReleasedArms, victim: Victim, cohort: Cohort) -> Iterator[Difference]:
    """Run the study without S, without T and without both, and combine the four."""
    order, site = order_of(scene.study, block.question), scene.document.site_code
    apart = max(scene.study.disclosure.min_households_cell, 10)
    others = np.setdiff1d(cohort.household_keys.astype(str), [victim.key])
    drawn = dice(ATTACK.name, site).choice(others, 2 * apart, replace=False).tolist()
    one, two = drawn[:apart], drawn[apart:]
    erased = ([victim.key, *one], [victim.key, *two], [victim.key, *one, *two])
    runs = [scene.analyse(without_households(scene.read.tables, gone)) for gone in erased]
    passed = scene.ledger_lets_pass(runs)
    told = _together(
        [released_numbers_of(scene.document, block, victim.arm)]
        + [released_numbers_of(run.document, block, victim.arm) for run in runs],
        order,
    )
    yield Difference(ATTACK.name, "on", site, told if passed else None, victim.returned)
    yield Difference(ATTACK.name, "no-ledger", site, told, victim.returned)
    exact = _together(
        [exact_numbers_of(run.result, block, victim.arm) for run in (scene.run, *runs)],
        [(block.outcome, block.estimand)],
    )
    yield Difference(ATTACK.name, "off", site, exact, victim.returned)


def _together(told: list[Numbers], order: list[tuple[str, str]]) -> Told:
    """Take (all - without S) - (without T - without both), number by number."""
    whole, without_one, without_two, without_both = told
    first, second = minus(whole, without_one, order), minus(without_two, without_both, order)
    means, errors = (
        tuple(a - b for a, b in zip(one, other, strict=True))
        for one, other in zip(first, second, strict=True)
    )
    return means, errors
