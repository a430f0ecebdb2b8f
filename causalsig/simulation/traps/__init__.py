"""Traps that change what the extract says, not what happened: each its own file and its own draws.

They act on a site's canonical tables, in a fixed order, and give new tables. Traps of the dynamics (who is
contacted, what returns) act where things happen; every trap's name and size is in
:mod:`causalsig.simulation.switches`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalsig.simulation.switches import Traps
    from causalsig.sources.schema import SiteTables

__all__ = ["set_traps"]


def set_traps(tables: SiteTables, traps: Traps, key: int) -> SiteTables:
    """Set the traps of the extract that are in force; the same tables when there is none.

    Parameters
    ----------
    tables : SiteTables
        What a faultless extract would hold; not changed.
    traps : Traps
        Sizes in force (:meth:`causalsig.simulation.switches.Traps.in_force`).
    key : int
        The site's key of random streams.
    """
    if traps.opt_outs.share > 0.0:
        from causalsig.simulation.traps.opt_outs import opt_outs

        tables = opt_outs(tables, traps.opt_outs, key)
    if traps.missing_links is not None:
        from causalsig.simulation.traps.missing_links import missing_links

        tables = missing_links(tables, traps.missing_links, key)
    if traps.reach_not_recorded.share > 0.0:
        from causalsig.simulation.traps.reach_not_recorded import reach_not_recorded

        tables = reach_not_recorded(tables, traps.reach_not_recorded, key)
    if traps.canaries.households:
        from causalsig.simulation.traps.canaries import canaries

        tables = canaries(tables, traps.canaries)
    return tables
