"""Checks of the scale of amounts: a lost decimal sign makes them ten or a hundred times as large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from causalsig.sources.checks_view import as_objects, group_medians, month_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.sources.checks_view import View
    from causalsig.sources.findings import FindingList
    from causalsig.sources.schema import SiteTables

JUMP: Final = 8.0
"""Just under the tenfold that a lost decimal sign makes."""
AMOUNTS_FOR_A_MEDIAN: Final = 10
AMOUNTS_FOR_A_SHARE: Final = 50
LARGEST_SHARE_FAR_OFF: Final = 0.1
"""Share of a creditor's amounts eight times the usual: 1 % where the log has a spread of 0.9."""
FEWEST_PEERS: Final = 3


def check_amounts(tables: SiteTables, view: View, findings: FindingList) -> None:
    """Hold the amounts of each creditor against its usual ones, and against those of its kind."""
    told = (view.cents > 0) & (view.creditor >= 0)
    _check_months(view, told & ~np.isnan(view.received), findings)
    creditor, cents = view.creditor[told], view.cents[told]
    unique, sizes, medians = group_medians(creditor, cents)
    usual = np.full(len(tables.creditors), np.nan)
    usual[unique] = medians
    far = np.bincount(creditor[cents >= JUMP * usual[creditor]], minlength=len(usual))[unique]
    mixed = (sizes >= AMOUNTS_FOR_A_SHARE) & (far > LARGEST_SHARE_FAR_OFF * sizes)
    findings.add("source-amount-two-scales", "signals", "amount_cents", int(mixed.sum()))
    enough = sizes >= AMOUNTS_FOR_A_MEDIAN
    off = _unlike_their_kind(tables, unique[enough], medians[enough])
    findings.add("source-amount-unlike-kind", "signals", "amount_cents", off)
    whole = len(cents) >= AMOUNTS_FOR_A_SHARE and not np.any(cents % 100)
    findings.add("source-amount-whole-euros", "signals", "amount_cents", int(whole), "info")


def _check_months(view: View, told: NDArray[np.bool_], findings: FindingList) -> None:
    if not told.any():
        return
    month = month_of(view.received[told])
    span = int(month.max() - month.min()) + 1
    group, sizes, medians = group_medians(view.creditor[told] * span + month - month.min(), view.cents[told])
    enough = sizes >= AMOUNTS_FOR_A_MEDIAN
    creditor, medians = group[enough] // span, medians[enough]
    unique, _, usual = group_medians(creditor, medians)
    ratio = medians / usual[np.searchsorted(unique, creditor)]
    jumps = int(((ratio >= JUMP) | (ratio <= 1 / JUMP)).sum())
    findings.add("source-amount-jump", "signals", "amount_cents", jumps, "error")


def _unlike_their_kind(tables: SiteTables, creditors: NDArray[np.int64], medians: NDArray[np.float64]) -> int:
    """How many creditors have a median eight times that of the creditors of their kind, or an eighth."""
    kinds, names = pd.factorize(as_objects(tables.creditors["creditor_type"])[creditors])
    off = 0
    for kind in range(len(names)):
        peers = medians[kinds == kind]
        if len(peers) >= FEWEST_PEERS:
            ratio = peers / np.median(peers)
            off += int(((ratio >= JUMP) | (ratio <= 1 / JUMP)).sum())
    return off
