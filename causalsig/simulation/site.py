"""One municipality: its tables as an adapter would read them, and the truth about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from causalsig.errors import SimulationError
from causalsig.simulation.clones import LONG, SHORT
from causalsig.simulation.months import BURN_IN_MONTHS as BURN_IN_MONTHS
from causalsig.simulation.months import Run
from causalsig.simulation.sites import MONTHS_OF_DATA

if TYPE_CHECKING:
    from causalsig.simulation.scenario import Scenario
    from causalsig.simulation.sites import SiteSpec
    from causalsig.simulation.truth import SiteTruth
    from causalsig.sources.schema import SiteTables

SHORTEST_RUN: Final = 6


@dataclass(frozen=True, slots=True)
class SimulatedSite:
    """A municipality's tables, and the truth about them.

    Attributes
    ----------
    tables : SiteTables
        Canonical tables as an adapter would read them from the site's extract.
    truth : SiteTruth or None
        Potential outcomes and propensities of every episode that can enter; None when not asked for.
    spec : SiteSpec
    """

    tables: SiteTables
    truth: SiteTruth | None
    spec: SiteSpec


def simulate_site(
    spec: SiteSpec,
    scenario: Scenario,
    seed: int,
    *,
    months: int = MONTHS_OF_DATA,
    truth: bool = True,
    six_months: bool = True,
) -> SimulatedSite:
    """Simulate one municipality; the same seed and spec give the same site, in any order and any process.

    Parameters
    ----------
    spec : SiteSpec
    scenario : Scenario
    seed : int
    months : int
        Months of data before the extraction date; twelve of burn-in go before them.
    truth : bool
        Let clones live under every arm.
    six_months : bool
        Follow clones for six months of batches too; three cost half as much.

    Raises
    ------
    SimulationError
        ``simulation-months`` when the run is too short to hold anything.
    """
    if months < SHORTEST_RUN:
        raise SimulationError(
            "simulation-months",
            expected=f"at least {SHORTEST_RUN} months of data",
            found=f"{months}",
            mend="Ask for more months.",
        )
    law = scenario.resolved()
    run = Run.start(spec, law, seed, months, LONG if six_months else SHORT, truth)
    for month in range(len(run.calendar)):
        run.live(month)
    from causalsig.simulation.tables import site_tables
    from causalsig.simulation.traps import set_traps
    from causalsig.simulation.truth import site_truth

    tables = site_tables(run.ledger, run.people, run.calendar, spec, law, run.key)
    return SimulatedSite(
        tables=set_traps(tables, law.traps, run.key),
        truth=site_truth(run.clones, run.calendar, spec, law, run.key) if truth else None,
        spec=spec,
    )
