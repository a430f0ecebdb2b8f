"""Two releases of the same households, between which the record of one changed: a return came, or went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from causalsig.attack.attacks import Attack, coin
from causalsig.attack.differences import (
    Difference,
    exact_numbers_of,
    minus,
    order_of,
    released_numbers_of,
)
from causalsig.attack.extracts import without_later_signals

if TYPE_CHECKING:
    from causalsig.attack.scene import Scene
    from causalsig.cohort.build import Cohort
    from causalsig.records import ReleasedArms

ATTACK: Final = Attack(
    name="changed-record",
    victim="household",
    source="Handbook: repeated releases, not tried there; threat model: a household that changed and stayed",
    knows="two releases of the same households, and the arm of the one whose record changed between them",
    guesses="whether it was a return that was added, or one that was taken away",
    chance="one half: a coin decides which extract comes first",
    held_by="ledger: refused where 1 to 9 records changed (`ledger-few-changed`); then grids",
    off="the exact mean of the outcome in the arm, twice",
)


def differences(scene: Scene, block: ReleasedArms, cohort: Cohort) -> Iterator[Difference]:
    """Run the study again as if a household that did return had never."""
    victim = scene.victim(block, cohort, returned=True)
    if victim is None:
        return
    order, site = order_of(scene.study, block.question), scene.document.site_code
    changed = scene.analyse(
        without_later_signals(scene.read.tables, victim.key, int(cohort.time_zero[victim.row]))
    )
    taken_away = coin("which first", site)
    passed = scene.ledger_lets_pass([changed])
    told = (
        released_numbers_of(scene.document, block, victim.arm),
        released_numbers_of(changed.document, block, victim.arm),
    )
    exact = (
        exact_numbers_of(scene.run.result, block, victim.arm),
        exact_numbers_of(changed.result, block, victim.arm),
    )
    one = [(block.outcome, block.estimand)]
    grid, plain = (
        minus(*(pair if taken_away else pair[::-1]), keys) for pair, keys in ((told, order), (exact, one))
    )
    yield Difference(ATTACK.name, "on", site, grid if passed else None, taken_away)
    yield Difference(ATTACK.name, "no-ledger", site, grid, taken_away)
    yield Difference(ATTACK.name, "off", site, plain, taken_away)
