"""One household is erased, the study is run again, and both releases are subtracted as wholes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from causalsig.attack.attacks import Attack
from causalsig.attack.differences import (
    Difference,
    exact_numbers_of,
    minus,
    order_of,
    released_numbers_of,
)
from causalsig.attack.extracts import without_households

if TYPE_CHECKING:
    from causalsig.attack.scene import Scene, Victim
    from causalsig.records import ReleasedArms

ATTACK: Final = Attack(
    name="erasure",
    victim="household",
    source="Handbook: differencing after one erasure; 88 to 92 % from a whole release, all at full precision",
    knows="both releases as wholes, and the household's arm",
    guesses="whether the household that was erased had returned",
    chance="one half: households are drawn so",
    held_by="ledger: cohorts 1 to 9 households apart are refused; then grids",
    off="the exact mean of the outcome in the arm, twice",
)


def differences(scene: Scene, block: ReleasedArms, victim: Victim) -> Iterator[Difference]:
    """Run the study without the household, and subtract what each setting lets out."""
    order, site = order_of(scene.study, block.question), scene.document.site_code
    again = scene.analyse(without_households(scene.read.tables, [victim.key]))
    first = released_numbers_of(scene.document, block, victim.arm)
    second = released_numbers_of(again.document, block, victim.arm)
    told = minus(first, second, order)
    passed = scene.ledger_lets_pass([again])
    yield Difference(ATTACK.name, "on", site, told if passed else None, victim.returned)
    yield Difference(ATTACK.name, "no-ledger", site, told, victim.returned)
    exact = minus(
        exact_numbers_of(scene.run.result, block, victim.arm),
        exact_numbers_of(again.result, block, victim.arm),
        [(block.outcome, block.estimand)],
    )
    yield Difference(ATTACK.name, "off", site, exact, victim.returned)
