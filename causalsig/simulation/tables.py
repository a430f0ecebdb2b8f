"""From a site's ledger to the canonical tables an adapter would read from its extract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from causalsig.simulation import draws
from causalsig.simulation.attempts import KNOWN_IN_DEBT_HELP, NOT_REACHED, NOTHING_FOUND
from causalsig.simulation.ledger import columns
from causalsig.simulation.population import CREDITOR_COUNTS, CREDITOR_TYPES, OWN_HAZARD
from causalsig.sources.arrears import new_arrears
from causalsig.sources.episodes import episodes_by_matching_day
from causalsig.sources.schema import SiteTables, conform

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from causalsig.simulation.calendar import Calendar
    from causalsig.simulation.ledger import Ledger
    from causalsig.simulation.population import Population
    from causalsig.simulation.scenario import Scenario
    from causalsig.simulation.sites import SiteSpec

RETENTION_MONTHS: Final = {"strict6": (6, 6, 6), "6-12-18": (6, 12, 18)}
"""Months a signal is kept: not taken up, taken up, help accepted."""
DISTRICTS: Final = 12
QUICK_FIX: Final = 0.65
TALK: Final = 0.34
"""Of the reached who accept nothing, who had an advice talk that some sites book as quick fix.

Retuned from 0.20: as many talks are booked as help in some sites as help is booked as a talk in others, so
the country's recorded acceptance is its true one."""
METHODS: Final = np.array(("letter", "text_message", "phone", "home_visit"), dtype=object)
DAYPARTS: Final = np.array(("morning", "afternoon", "evening"), dtype=object)


def household_keys(key: int, household: NDArray[np.int64]) -> NDArray[np.object_]:
    """Key of each household, 16 hexadecimal characters, as meaningless as a keyed hash."""
    distinct, where = np.unique(household, return_inverse=True)
    mixed = distinct.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    text = mixed.astype(">u8").tobytes().hex()
    return np.array([text[i : i + 16] for i in range(0, len(text), 16)], dtype=object)[where]


def site_tables(
    ledger: Ledger, people: Population, calendar: Calendar, spec: SiteSpec, scenario: Scenario, key: int
) -> SiteTables:
    """Write the extract: what retention left on the extraction date, nothing after it."""
    import pandas as pd

    extract = calendar.extract
    cases = _cases(columns(ledger.cases), spec, key, extract)
    signals = _signals(columns(ledger.signals), people, calendar, spec, key, extract, cases)
    attempts = _attempts(columns(ledger.attempts), key, extract, cases)
    signals["new_arrears"] = new_arrears(signals)
    episodes, signals["episode_id"] = episodes_by_matching_day(signals, spec.matching)
    linked = signals.loc[signals["case_id"].notna(), ["case_id", "household_key"]].drop_duplicates("case_id")
    holder = linked.set_index("case_id")["household_key"]
    cases["household_key"] = holder.reindex(cases["case_id"]).to_numpy()
    followups = _followups(cases, extract, key)
    names = [f"melder-{i + 1:02d}" for i in range(sum(CREDITOR_COUNTS))]
    kinds = [kind for kind, n in zip(CREDITOR_TYPES, CREDITOR_COUNTS, strict=False) for _ in range(n)]
    return SiteTables(
        municipality=spec.code,
        extracted_on=scenario.extracted_on,
        signals=conform("signals", signals),
        episodes=conform("episodes", episodes),
        cases=conform("cases", cases),
        attempts=conform("attempts", attempts),
        followups=conform("followups", followups),
        creditors=conform("creditors", pd.DataFrame({"creditor_id": names, "creditor_type": kinds})),
    )


def _texts(prefix: str, number: NDArray[np.int64]) -> NDArray[np.object_]:
    return np.array([f"{prefix}{i:06d}" if i >= 0 else None for i in number.tolist()], dtype=object)


def _dates(day: NDArray[np.int64]) -> NDArray[np.datetime64]:
    return day.astype("datetime64[D]").astype("datetime64[s]")


def _cases(c: dict[str, Any], spec: SiteSpec, key: int, extract: int) -> pd.DataFrame:
    """Cases opened; closing and result only when before the extraction date."""
    import pandas as pd

    opened = c["zero"]
    closed = opened + c["close_day"]
    over = closed <= extract
    luck = draws.uniforms(key, 0, draws.RESULT, c["case"])
    talk = draws.uniforms(key, 0, draws.CODING, c["case"])
    reached = c["reached_day"] < NOT_REACHED
    quick = c["accepted"] & (luck < QUICK_FIX)
    result = np.where(luck < 0.625, "known_in_debt_help", "not_resident").astype(object)
    result[c["attempted"]] = "not_reached"
    ended = c["found"] != NOTHING_FOUND
    result[ended] = np.where(c["found"][ended] == KNOWN_IN_DEBT_HELP, "known_in_debt_help", "not_resident")
    result[reached] = np.where(luck[reached] < 0.55, "declined", "already_paid")
    result[c["accepted"]] = "follow_up_help"
    result[quick] = "quick_fix"
    booked_as_no = np.zeros(len(result), np.bool_)
    if spec.acceptance_coding == "declined":
        booked_as_no = quick
        result[quick] = "declined"
    booked_as_yes = reached & ~c["accepted"] & (talk < TALK) & (spec.acceptance_coding == "quick_fix")
    result[booked_as_yes] = "quick_fix"
    result[~over] = None
    return pd.DataFrame(
        {
            "case_id": _texts("z", c["case"]),
            "opened_on": _dates(opened),
            "closed_on": pd.Series(_dates(closed)).where(over),
            "withdrawn": 0.0,
            "unjustified": 0.0,
            "result": result,
            "accepted": c["accepted"],
            "booked_as_no": booked_as_no,
            "booked_as_yes": booked_as_yes,
            "number": c["case"],
            "accepted_in_sight": c["accepted"] & (opened + c["reached_day"] <= extract),
        }
    )


def _signals(
    s: dict[str, Any],
    people: Population,
    calendar: Calendar,
    spec: SiteSpec,
    key: int,
    extract: int,
    cases: pd.DataFrame,
) -> pd.DataFrame:
    """Signals still held; each creditor delivers on its own day, 1 to 10, of the month."""
    import pandas as pd

    creditor = people.creditor[s["household"], s["contract"]].astype(np.int64)
    received = s["day"]
    case = s["case"]
    taken = case >= 0
    accepted = np.zeros(len(case), np.bool_)
    accepted[taken] = cases["accepted_in_sight"].to_numpy()[case[taken]]
    kept = _kept(received, taken, accepted, spec, calendar, extract)
    s = {name: column[kept] for name, column in s.items()}
    creditor, received = creditor[kept], received[kept]
    contract, taken = s["contract"], taken[kept]
    kinds = np.array(CREDITOR_TYPES, dtype=object)
    names = np.array([f"melder-{i + 1:02d}" for i in range(sum(CREDITOR_COUNTS))], dtype=object)
    flags = {f"repeat_m{k}": (s["recent"] >> np.uint8(k - 1)) & np.uint8(1) for k in range(1, 7)}
    instalment = people.instalment[s["household"], np.minimum(contract, OWN_HAZARD)]
    return pd.DataFrame(
        {
            "signal_id": _texts("s", np.flatnonzero(kept)),
            "household_key": household_keys(key, s["household"]),
            "received_on": _dates(received),
            "creditor_id": names[creditor],
            "creditor_type": kinds[contract],
            "amount_cents": s["cents"],
            "instalment_cents": instalment,
            "crisis": s["crisis"].astype(np.float64),
            "age": s["age"],
            "minor_children": s["minor"].astype(np.float64),
            **flags,
            "district": _texts("w", s["household"] % DISTRICTS),
            "forwarded_on": pd.Series(_dates(s["zero"])).where(taken),
            "case_id": _texts("z", s["case"]),
            "arrears_start": pd.NaT,
            "new_arrears": np.nan,
        }
    )


def _kept(
    received: NDArray[np.int64],
    taken: NDArray[np.bool_],
    accepted: NDArray[np.bool_],
    spec: SiteSpec,
    calendar: Calendar,
    extract: int,
) -> NDArray[np.bool_]:
    """Signals the retention regime leaves on the extraction date."""
    if spec.retention not in RETENTION_MONTHS:
        return np.ones(len(received), np.bool_)
    longest = np.array(RETENTION_MONTHS[spec.retention])
    # The extract is on a month's last day, so what is k months old began with the month k before the next.
    oldest = calendar.first_day[np.maximum(len(calendar) - longest, 0)]
    kind = np.where(accepted, 2, np.where(taken, 1, 0))
    kept: NDArray[np.bool_] = received >= oldest[kind]
    return kept


def _attempts(a: dict[str, Any], key: int, extract: int, cases: pd.DataFrame) -> pd.DataFrame:
    """Write the attempts up to the extraction date; the last of a closed case is its final one."""
    import pandas as pd

    day = a["zero"] + a["day"]
    order = np.lexsort((a["number"], a["case"]))
    order = order[day[order] <= extract]
    case, number = a["case"][order], a["number"][order]
    address = case * 16 + number
    method = METHODS[a["method"][order]]
    mail = draws.uniforms(key, 1, draws.RESULT, address) < 0.3
    method[(method == "text_message") & mail] = "email"
    reached = a["reached"][order]
    wants = np.where(reached, a["accepted"][order].astype(np.float64), np.nan)
    wants[reached & cases["booked_as_no"].to_numpy()[case]] = 0.0
    wants[reached & cases["booked_as_yes"].to_numpy()[case]] = 1.0
    closed = cases["closed_on"].notna().to_numpy()[case]
    last = np.append(case[1:] != case[:-1], True) if len(case) else np.empty(0, np.bool_)
    part = (draws.uniforms(key, 2, draws.RESULT, address) * 3).astype(np.int64)
    daypart = DAYPARTS[part]
    daypart[a["method"][order] < 2] = None
    return pd.DataFrame(
        {
            "attempt_id": _texts("p", np.arange(len(case))),
            "case_id": _texts("z", case),
            "attempted_on": _dates(day[order]),
            "method": method,
            "daypart": daypart,
            "reached": reached.astype(np.float64),
            "wants_help": wants,
            "is_final": (last & closed).astype(np.float64),
        }
    )


def _followups(cases: pd.DataFrame, extract: int, key: int) -> pd.DataFrame:
    """Half of the accepted are called once more, two months after their case opened."""
    import pandas as pd

    luck = draws.uniforms(key, 3, draws.FOLLOWUP, cases["number"].to_numpy())
    on = cases["opened_on"].to_numpy("datetime64[D]").astype(np.int64) + 60
    rows = np.flatnonzero(cases["accepted_in_sight"].to_numpy() & (luck < 0.5) & (on <= extract))
    return pd.DataFrame(
        {
            "case_id": cases["case_id"].to_numpy()[rows],
            "followed_up_on": _dates(on[rows]),
            "method": np.full(len(rows), "phone", dtype=object),
        }
    )
