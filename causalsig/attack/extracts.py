"""Other extracts of an invented municipality: with households erased, or with what came later taken away."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from causalsig.sources.schema import SiteTables


def without_households(tables: SiteTables, households: Collection[str]) -> SiteTables:
    """Take everything of some households out of an extract, as an erasure does."""
    gone = set(households)
    kept: dict[str, Any] = {}
    for name in ("signals", "episodes", "cases"):
        frame = getattr(tables, name)
        kept[name] = frame[~frame["household_key"].isin(gone)].reset_index(drop=True)
    left = set(kept["cases"]["case_id"])
    for name in ("attempts", "followups"):
        frame = getattr(tables, name)
        kept[name] = frame[frame["case_id"].isin(left)].reset_index(drop=True)
    return replace(tables, **kept)


def without_later_signals(tables: SiteTables, household: str, day: int) -> SiteTables:
    """Take away the signals of one household after a day (since 1970): it stays, and never returned."""
    signals = tables.signals
    later = signals["received_on"].to_numpy() > np.datetime64(day, "D")
    gone = (signals["household_key"] == household).to_numpy() & later
    return replace(tables, signals=signals[~gone].reset_index(drop=True))
