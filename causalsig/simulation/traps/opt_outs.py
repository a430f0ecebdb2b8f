"""Households that object to being in the system: what comes in later is removed, and looks like no return."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation import draws
from causalsig.simulation.traps.luck import luck_of_households

if TYPE_CHECKING:
    from causalsig.simulation.switches import OptOuts
    from causalsig.sources.schema import SiteTables

DAYS_TO_OBJECT: Final = 30


def opt_outs(tables: SiteTables, law: OptOuts, key: int) -> SiteTables:
    """Remove the signals, episodes and cases of objectors from a month after the first attempt on."""
    cases, attempts, signals = tables.cases, tables.attempts, tables.signals
    first = attempts.groupby("case_id")["attempted_on"].min()
    attempted = cases["case_id"].map(first)
    by_household = attempted.groupby(cases["household_key"]).min()
    objected = signals["household_key"].map(by_household) + np.timedelta64(DAYS_TO_OBJECT, "D")
    objector = luck_of_households(key, draws.OPT_OUT, signals["household_key"]) < law.share
    removed = objector & (signals["received_on"] > objected).to_numpy()
    kept = signals[~removed].reset_index(drop=True)
    gone = set(signals.loc[removed, "case_id"].dropna()) - set(kept["case_id"].dropna())
    episodes = tables.episodes
    return replace(
        tables,
        signals=kept,
        episodes=episodes[episodes["episode_id"].isin(kept["episode_id"])].reset_index(drop=True),
        cases=cases[~cases["case_id"].isin(gone)].reset_index(drop=True),
        attempts=attempts[~attempts["case_id"].isin(gone)].reset_index(drop=True),
        followups=tables.followups[~tables.followups["case_id"].isin(gone)].reset_index(drop=True),
    )
