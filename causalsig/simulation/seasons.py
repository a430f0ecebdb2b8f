"""Seasons, levels by year, outages: what all households of a site meet in a month."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation import draws
from causalsig.simulation.population import ENERGY, FIRST_CREDITOR, HEALTH, OWN_HAZARD, WATER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation.switches import Traps

LEVELS: Final = {
    2021: (0.83, 0.91, 1.06, 0.66),
    2022: (0.83, 0.91, 1.06, 0.66),
    2023: (0.91, 1.13, 1.23, 0.76),
}
"""Onset of (health, rent, energy, water) arrears relative to 2024.

Was one level a year (0.75 and 0.91), which gave 2.8 and 3.5 signals where the monitor has 3.3 and 4.0, and
too large a share of health. By creditor it gives the levels, 45 and 41 % health, and 9 % water in 2023.
"""
ENERGY_WINDOW: Final = (2022, 12)
BEFORE_ENERGY_WINDOW: Final = 0.7
END_OF_SUPPLY_FROM: Final = (2023, 4)
WINTER: Final = (11, 12, 1, 2)
CREDITORS: Final = FIRST_CREDITOR[-1] + 2


def seasonal_factor(year: int, month: int, traps: Traps) -> NDArray[np.float32]:
    """Level and season of onset for (health, rent, energy, water), 1 on average in 2024 and later."""
    law = traps.calendar_shocks
    factor = np.ones(OWN_HAZARD)
    if law.years:
        factor *= LEVELS.get(year, (1.0,) * OWN_HAZARD if year > 2021 else LEVELS[2021])
        if (year, month) < ENERGY_WINDOW:
            factor[ENERGY] *= BEFORE_ENERGY_WINDOW
    factor[HEALTH] *= (law.march_health if month == 3 else 1.0) / (1 + (law.march_health - 1) / 12)
    factor[ENERGY] *= (law.winter_energy if month in WINTER else 1.0) / (1 + (law.winter_energy - 1) / 3)
    if year < 2024:
        factor[WATER] *= traps.billing.water_before_2024
    return factor.astype(np.float32)


def surprise(seed: int, month: int, traps: Traps) -> float:
    """National shock on all onsets of a month; the same for every site of a seed."""
    sd = traps.calendar_shocks.surprise
    if sd == 0.0:
        return 1.0
    shock = draws.normals(draws.site_key(seed, "country"), month, draws.SURPRISE, np.zeros(1, np.int64), 1)
    return float(np.exp(sd * shock[0] - sd**2 / 2))


def outages(key: int, month: int, share: float) -> NDArray[np.bool_]:
    """Creditors without delivery this month, shape (14,)."""
    creditors = np.arange(CREDITORS) + (1 << 21)
    return draws.uniforms(key, month, draws.SPILL, creditors) < share


def end_of_supply(year: int, month: int, traps: Traps) -> bool:
    """Say whether energy suppliers send end-of-supply signals in this month."""
    return not traps.calendar_shocks.years or (year, month) >= END_OF_SUPPLY_FROM
