"""Households whose every free cell is a token: a test that finds one outside the site has found a leak."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

if TYPE_CHECKING:
    from causalsig.simulation.switches import Canaries
    from causalsig.sources.schema import SiteTables

WORD: Final = "kanarie"
CENTS: Final = 98_765_432.0
"""An amount nobody owes; 987654.32 and 987.654,32 are the texts to look for."""
AGE: Final = 117.0


def canaries(tables: SiteTables, law: Canaries) -> SiteTables:
    """Turn the first households of the extract, by key, into canaries."""
    chosen = sorted(tables.episodes["household_key"].dropna().unique())[: law.households]
    household = {key: f"{WORD}huis{i:03d}" for i, key in enumerate(chosen)}
    signals = tables.signals
    own = signals["household_key"].isin(chosen).to_numpy()
    case_ids = sorted(signals.loc[own, "case_id"].dropna().unique())
    case = {key: f"{WORD}zaak{i:03d}" for i, key in enumerate(case_ids)}
    creditor = f"{WORD}melder"
    signals = signals.assign(
        household_key=_renamed(signals["household_key"], household),
        case_id=_renamed(signals["case_id"], case),
        creditor_id=signals["creditor_id"].mask(own, creditor),
        district=signals["district"].mask(own, f"{WORD}wijk"),
        amount_cents=signals["amount_cents"].mask(own, CENTS),
        age=signals["age"].mask(own, AGE),
    )
    ours = signals["creditor_id"] == creditor
    kinds = signals.loc[ours, "creditor_type"].drop_duplicates().tolist()[:1]
    added = pd.DataFrame({"creditor_id": [creditor] * len(kinds), "creditor_type": kinds})
    return replace(
        tables,
        signals=signals,
        episodes=tables.episodes.assign(
            household_key=_renamed(tables.episodes["household_key"], household),
            case_id=_renamed(tables.episodes["case_id"], case),
        ),
        cases=tables.cases.assign(
            household_key=_renamed(tables.cases["household_key"], household),
            case_id=_renamed(tables.cases["case_id"], case),
        ),
        attempts=tables.attempts.assign(case_id=_renamed(tables.attempts["case_id"], case)),
        followups=tables.followups.assign(case_id=_renamed(tables.followups["case_id"], case)),
        creditors=pd.concat([tables.creditors, added.astype(object)], ignore_index=True),
    )


def canary_tokens() -> tuple[str, ...]:
    """Texts that must never be found outside the site."""
    return (WORD, "98765432", "987654.32", "987654,32", "987.654,32", "987,654.32")


def _renamed(values: Any, names: dict[str, str]) -> Any:
    return values.map(lambda value: names.get(value, value), na_action="ignore").astype(object)
