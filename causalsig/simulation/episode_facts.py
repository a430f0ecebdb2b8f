"""Episodes as a municipality sees them in the month they are matched, with what is recorded wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation import draws, seasons
from causalsig.simulation.choice import Facts
from causalsig.simulation.population import CONTRACTS, ENERGY, RENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation.arrears import Batch
    from causalsig.simulation.calendar import Calendar
    from causalsig.simulation.population import Population
    from causalsig.simulation.scenario import Scenario

END_OF_SUPPLY: Final = 0.24
_BIT: Final = np.uint8(1) << np.arange(CONTRACTS, dtype=np.uint8)


def episode_facts(
    people: Population,
    key: int,
    calendar: Calendar,
    month: int,
    batch: Batch,
    household: NDArray[np.int64],
    scenario: Scenario,
) -> tuple[Facts, NDArray[np.bool_], NDArray[np.float64]]:
    """Give the facts of a month's episodes, crisis by signal (m, 5), and the age as recorded (m,).

    ``household`` is whose draws each row of ``batch`` shares, (m,).
    """
    traps = scenario.traps
    crisis = np.zeros((len(household), CONTRACTS), np.bool_)
    if seasons.end_of_supply(int(calendar.year[month]), int(calendar.month[month]), traps):
        luck = draws.uniforms(key, month, draws.CRISIS, household)
        crisis[:, ENERGY] = batch.reported[:, ENERGY] & (luck < END_OF_SUPPLY)
    any_crisis: NDArray[np.bool_] = crisis[:, ENERGY]
    age = people.age[household].astype(np.float64)
    absurd = traps.absurd_ages.share
    if absurd > 0.0:
        dirt = draws.uniforms(key, month, draws.AGE_DIRT, household)
        age = np.where(dirt < absurd, np.where(dirt < absurd / 2, np.nan, -7973.0), age)
    back = np.uint8((1 << scenario.assignment.successive_months) - 1)
    facts = Facts(
        household=household,
        contracts=np.asarray((batch.reported * _BIT).sum(axis=1, dtype=np.uint8)),
        multiple=batch.reported.sum(axis=1) >= 2,
        successive=(batch.recent & back) > 0,
        rent_or_crisis=batch.reported[:, RENT] | any_crisis,
        minor=people.minor[household],
        repeat=np.asarray(~batch.new.any(axis=1)),
        youth=(age >= 18) & (age < 27),
        crisis=any_crisis,
        cents=batch.amount.sum(axis=1),
        stress=people.stress[household],
    )
    return facts, crisis, age
