"""Checks of the scale of amounts: a lost decimal sign makes them ten or a hundred times as large."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from causalsig.sources.amounts import SMALLEST_SAMPLE
from causalsig.sources.checks_view import as_objects, group_medians, month_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from causalsig.counts import Scale
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
PLAUSIBLE_CENTS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "rent": (17_000, 425_000),
        "energy": (7_000, 175_000),
        "health_insurance": (5_000, 125_000),
        "water": (1_000, 37_500),
    }
)
"""Where the median arrear of a kind of creditor lies, whatever the municipality.

A fifth to five times the medians of the invented country (850, 350, 250 and 75 euro), which are assumptions;
within it lie what is published and known: corporations' mean arrear of 1,280 euro (CreditExpo 2023), one to
three premiums of about 150 euro, and since 2024 a month of water, for which the lower end is lower still.
Ten times as much or as little of any of them is outside.
"""
MOST_ABOVE_ARREARS: Final = 0.5
"""Share of the signals that may owe less than one instalment: in the invented country one in six."""


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
    far_off = sum(scale != "usual" for scale in scale_by_kind(tables).values())
    findings.add("source-amount-implausible", "signals", "amount_cents", far_off, "error")
    _check_instalments(tables, view, findings)


def scale_by_kind(tables: SiteTables) -> dict[str, Scale]:
    """Say for each kind of creditor with enough amounts whether their median is a plausible one."""
    kinds, names = pd.factorize(as_objects(tables.signals["creditor_type"]))
    cents = tables.signals["amount_cents"].to_numpy("float64")
    told = (cents > 0) & (kinds >= 0)
    found: dict[str, Scale] = {}
    for kind, size, median in zip(*group_medians(kinds[told], cents[told]), strict=True):
        low, high = PLAUSIBLE_CENTS.get(names[kind], (0.0, np.inf))
        if names[kind] in PLAUSIBLE_CENTS and size >= SMALLEST_SAMPLE:
            found[names[kind]] = "below" if median < low else "above" if median > high else "usual"
    return found


def _check_instalments(tables: SiteTables, view: View, findings: FindingList) -> None:
    """Whether most signals owe less than one instalment: then the columns are exchanged, or one is scaled."""
    instalments = tables.signals["instalment_cents"].to_numpy("float64")
    both = (view.cents > 0) & (instalments > 0)
    above = int((instalments[both] > view.cents[both]).sum())
    if both.sum() >= AMOUNTS_FOR_A_SHARE and above > MOST_ABOVE_ARREARS * both.sum():
        findings.add("source-instalment-above-arrears", "signals", "instalment_cents", above, "error")


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
