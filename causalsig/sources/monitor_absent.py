"""Which of the monitor's figures a source cannot give, and why: left out by name, whatever the numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from causalsig.counts import AbsentFigure, MonitorCounts, RateCount, ShareCount

if TYPE_CHECKING:
    from causalsig.sources.findings import Carries

OF_ALL_SIGNALS: Final = (
    "signals_per_1000",
    "signals_per_episode",
    "mix",
    "signals_by_creditor",
    "reached",
    "reached_by_creditor",
)
"""Figures over all signals, or over all who could have been offered help. Reach by method and acceptance are
over cases."""
OF_EARLIER_SIGNALS: Final = ("single", "successive")
"""Groups of the mix that need a look-back."""


def leave_out_absent(counts: MonitorCounts, carries: Carries) -> MonitorCounts:
    """Take out the figures that the source cannot give, and list them with the reason.

    Parameters
    ----------
    counts : MonitorCounts
    carries : {"all_signals", "cases_only"}
        Of :class:`causalsig.sources.findings.ReadResult`.
    """
    absent: list[AbsentFigure] = []
    if carries == "cases_only":
        absent += [AbsentFigure(figure, "", "source-cases-only") for figure in OF_ALL_SIGNALS]
    elif _looks_back_at_nothing(counts):
        absent += [AbsentFigure("mix", group, "source-repeat-flags-missing") for group in OF_EARLIER_SIGNALS]
    gone = {(item.figure, item.group) for item in absent}

    def there(cell: RateCount | ShareCount) -> bool:
        group = cell.group if isinstance(cell, ShareCount) else ""
        return gone.isdisjoint({(cell.figure, ""), (cell.figure, group)})

    return replace(
        counts,
        rates=tuple(rate for rate in counts.rates if there(rate)),
        shares=tuple(share for share in counts.shares if there(share)),
        absent=tuple(absent),
    )


def _looks_back_at_nothing(counts: MonitorCounts) -> bool:
    """Whether there are episodes, and of none it is known what came before: no flags, no signals held."""
    mix = [share for share in counts.shares if share.figure == "mix"]
    known = [share.denominator for share in mix if share.group in OF_EARLIER_SIGNALS]
    return not any(known) and any(share.denominator for share in mix)
