"""Tables small enough to check by eye, and the municipality and study they are read with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd

from causalsig.sources.arrears import new_arrears
from causalsig.sources.episodes import episodes_by_matching_day
from causalsig.sources.schema import Matching, SiteTables, conform
from causalsig.study.inventory import Site

EXTRACTED = date(2026, 6, 30)
MATCHING = Matching("monthly", 15)
DAY = timedelta(days=1)


def site(**changes: Any) -> Site:
    traits: dict[str, Any] = {
        "code": "9001",
        "name": "Voorbeeldstad",
        "inhabitants": 60_000,
        "retention": "full",
        "retention_months": 24,
    }
    return Site(**(traits | changes))


def signal(
    household: str, day: date, creditor: str = "rent", amount: int = 50_000, **more: Any
) -> dict[str, Any]:
    row = {
        "household_key": household,
        "received_on": day,
        "creditor_id": creditor,
        "creditor_type": creditor,
        "amount_cents": amount,
        "instalment_cents": 10_000,
    }
    return row | more


CASE_COLUMNS = ["case_id", "household_key", "opened_on", "closed_on", "result"]
ATTEMPT_COLUMNS = ["attempt_id", "case_id", "attempted_on", "method", "reached", "wants_help"]


def tables(
    signals: list[dict[str, Any]],
    cases: Sequence[dict[str, Any]] = (),
    attempts: Sequence[dict[str, Any]] = (),
) -> SiteTables:
    frame = pd.DataFrame(signals)
    frame["signal_id"] = [f"s{i}" for i in range(len(frame))]
    frame = conform("signals", frame)
    frame["new_arrears"] = new_arrears(frame)
    episodes, frame["episode_id"] = episodes_by_matching_day(frame, MATCHING)
    return SiteTables(
        municipality="9001",
        extracted_on=EXTRACTED,
        signals=frame,
        episodes=conform("episodes", episodes),
        cases=conform("cases", pd.DataFrame(list(cases), columns=CASE_COLUMNS)),
        attempts=conform(
            "attempts",
            pd.DataFrame(list(attempts), columns=ATTEMPT_COLUMNS),
        ),
        followups=conform("followups", pd.DataFrame()),
        creditors=conform("creditors", pd.DataFrame()),
    )
