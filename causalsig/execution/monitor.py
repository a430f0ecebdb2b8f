"""A site's monitor figures: read, count, hold back what may not leave, and put the rest up for review."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from causalsig.execution.describe import Described, describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from causalsig.counts import MonitorCounts
    from causalsig.release.build import ReleaseIdentity
    from causalsig.release.household_sets import Member
    from causalsig.release.monitor_document import MonitorDocument
    from causalsig.sources.findings import Carries, ReadResult
    from causalsig.sources.schema import SiteTables
    from causalsig.study.inventory import Site

CENTS = 100.0


def monitor_of(
    tables: SiteTables, site: Site, *, carries: Carries = "all_signals", since: str | None = None
) -> MonitorCounts:
    """Count a site's monitor figures with what the inventory says of it, but for what the source cannot give.

    Parameters
    ----------
    tables : SiteTables
    site : Site
    carries : {"all_signals", "cases_only"}
        What the format of the source declares.
    since : str, optional
        First month that may be counted, "2026-05".
    """
    from causalsig.sources.monitor import monitor_counts
    from causalsig.sources.monitor_absent import leave_out_absent

    counts = monitor_counts(
        tables,
        inhabitants=site.inhabitants,
        guaranteed_months=site.guaranteed_months,
        threshold_cents=site.rule.threshold_eur * CENTS,
        since=since,
    )
    return leave_out_absent(counts, carries)


def monitor_site(
    source: Path,
    site: Site,
    *,
    keys: Path,
    folder: Path,
    wave: int = 1,
    force: bool = False,
    since: str | None = None,
) -> Described:
    """Make the monitor of one site, from the month `since` on where one is given.

    See :func:`causalsig.execution.describe.describe`.
    """

    def build(read: ReadResult, identity: ReleaseIdentity) -> MonitorDocument:
        from causalsig.release.monitor_document import build_monitor

        counts = monitor_of(read.tables, site, carries=read.carries, since=since)
        return build_monitor(counts, identity=identity, floors=site.floors)

    def of_whom(read: ReadResult) -> Mapping[str, Iterable[Member]]:
        from causalsig.sources.monitor_members import monitor_members

        return monitor_members(
            read.tables,
            guaranteed_months=site.guaranteed_months,
            threshold_cents=site.rule.threshold_eur * CENTS,
            since=since,
        )

    return describe("monitor", source, site, build, of_whom, keys=keys, folder=folder, wave=wave, force=force)
