"""Signals without their case number: the old ones, and some of the young ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from causalsig.simulation import draws
from causalsig.simulation.traps.luck import luck_of_numbered

if TYPE_CHECKING:
    from causalsig.simulation.switches import MissingLinks
    from causalsig.sources.schema import SiteTables


def missing_links(tables: SiteTables, law: MissingLinks, key: int) -> SiteTables:
    """Cut links, and with them the household of every case that no signal points at any more."""
    signals = tables.signals
    month = signals["received_on"].to_numpy("datetime64[M]")
    oldest = np.datetime64(tables.extracted_on, "M") - law.months
    lost = luck_of_numbered(key, draws.LINK, signals["signal_id"]) < law.share
    linked = (month > oldest) & ~lost
    signals = signals.assign(case_id=signals["case_id"].where(linked, None))
    known = signals.dropna(subset=["case_id"]).drop_duplicates("case_id").set_index("case_id")
    case_of = signals.dropna(subset=["case_id", "episode_id"]).drop_duplicates("episode_id")
    households = tables.cases["case_id"].map(known["household_key"])
    links = tables.episodes["episode_id"].map(case_of.set_index("episode_id")["case_id"])
    return replace(
        tables,
        signals=signals,
        episodes=tables.episodes.assign(case_id=links.where(links.notna(), None)),
        cases=tables.cases.assign(household_key=households.where(households.notna(), None)),
    )
