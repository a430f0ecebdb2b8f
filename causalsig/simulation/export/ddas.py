"""Invented municipalities as a file of the national exchange standard, DDAS-Vroegsignalering."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from causalsig.codes import CREDITOR_TYPES, DAYPARTS, RESULTS
from causalsig.errors import SimulationError
from causalsig.sources import ddas_versions as layout
from causalsig.sources.ddas_versions import VERSIONS
from causalsig.sources.schema import SiteTables

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from causalsig.sources.ddas_versions import Version, VersionName

NEVER_ISSUED: Final = ("SA", "SD", "SS")
"""Letter pairs that Dutch postcodes never carry; nor does one begin with a zero, as all of these do."""
LETTERS: Final = "ABCDEFGHJKLMNPRTUVWXYZ23456789"
ADDITION: Final = 4
"""Signs of an addition to the house number: so many that no two households of a country meet."""
HOUSE_NUMBERS: Final = 99_999
OLDEST_AGE: Final = 120
USUAL_DAYS: Final = 35
"""Days from the start of an arrear to its first signal, where nothing is known: creditors wait for thirty."""
_ELEVEN_TEST: Final = np.arange(9, 1, -1)

_STAND_INS: Final = {
    "follow_up_help": RESULTS["follow_up_help_financial"],
    "taken_up": "Nog niet opgepakt",
}
"""Token of an older version that lacks a code: the nearest help, and the status its own examples give.
A method that is missing stays out, and is read as unknown."""

Record = dict[str, Any]


def write_ddas(
    tables: SiteTables | Sequence[SiteTables],
    path: Path | str,
    *,
    version: VersionName = "1.2",
    by_person: Collection[str] = (),
) -> None:
    """Write municipalities as one DDAS file, with the same bytes every time.

    Every episode becomes a case of the standard; one that was not taken up has a result that says so. Cases
    none of whose signals is kept cannot be written: the standard has none. Amounts are rounded to whole
    euros. Where the start of an arrear is unknown, one is invented that fits whether the signal reports new
    arrears: the standard has no instalments to tell that from. Addresses follow from the household key and
    cannot exist, nor can citizen numbers: they all fail the eleven-test. There are no names.

    Parameters
    ----------
    tables : SiteTables or a sequence of them
        Canonical tables; not changed. One delivery each.
    path : Path or str
        The .json file; an existing one is replaced.
    version : {"0.9", "1.1-draft", "1.2-draft", "1.2"}
        Codes that an older version lacks are written as the nearest one it has.
    by_person : collection of str
        Creditor types that deliver a citizen number; from 1.0 on without an address.

    Raises
    ------
    SimulationError
        ``simulation-ddas-version``.
    """
    if version not in VERSIONS:
        raise SimulationError(
            "simulation-ddas-version",
            expected=f"a version of {', '.join(VERSIONS)}",
            found="another one",
            mend="Choose one of these.",
        )
    sites = [tables] if isinstance(tables, SiteTables) else list(tables)
    file = ddas_file(sites, VERSIONS[version], by_person)
    text = json.dumps(file, ensure_ascii=False, separators=(",", ":"))
    Path(path).write_bytes(text.encode())


def ddas_file(sites: Sequence[SiteTables], version: Version, by_person: Collection[str] = ()) -> Record:
    """Build the file as Python objects, for tests that change it before they write it."""
    end = max(site.extracted_on for site in sites)
    first = min(site.signals["received_on"].min() for site in sites)
    return {
        "startdatumLevering": first.date().isoformat(),
        "einddatumLevering": end.isoformat(),
        "aanleverdatumEnTijd": f"{end.isoformat()}T23:00:00Z",
        "codeGegevensleverancier": "SIMULATIE",
        layout.DELIVERIES: [
            {
                "teller": number,
                layout.MUNICIPALITY: site.municipality,
                version.organisation: {"naam": "Bedachte gemeente", "kvk-nummer": "00000000"},
                layout.SIGNALS: _signals(site, version, by_person),
                layout.CASES: _cases(site, version),
            }
            for number, site in enumerate(sites, 1)
        ],
    }


def address_of(household: str) -> tuple[str, str, str]:
    """Postcode, house number and addition that belong to a household key and to no real place."""
    number = int.from_bytes(blake2b(household.encode(), digest_size=12, person=b"address").digest(), "big")
    number, code = divmod(number, 1000)
    number, pair = divmod(number, len(NEVER_ISSUED))
    number, house = divmod(number, HOUSE_NUMBERS)
    signs = []
    for _ in range(ADDITION):
        number, sign = divmod(number, len(LETTERS))
        signs.append(LETTERS[sign])
    return f"0{code:03d}{NEVER_ISSUED[pair]}", str(house + 1), "".join(signs)


def person_of(household: str) -> str:
    """Nine digits that belong to a household key and are no citizen number: they fail the eleven-test."""
    drawn = int.from_bytes(blake2b(household.encode(), digest_size=8, person=b"person").digest(), "big")
    eight = f"{drawn % 10**8:08d}"
    rest = int(_ELEVEN_TEST @ np.array([int(digit) for digit in eight])) % 11
    # A number is real when its last digit equals the rest.
    return f"{eight}{(rest + 1) % 10}"


def _days(values: pd.Series) -> list[str | None]:
    texts = np.datetime_as_string(values.to_numpy("datetime64[D]"))
    return [None if day == "NaT" else day for day in texts.tolist()]


def _texts(values: pd.Series) -> list[str | None]:
    return [value if isinstance(value, str) else None for value in values.to_numpy(dtype=object)]


def _starts(signals: pd.DataFrame) -> list[str | None]:
    """Start of each arrear as known, else after the signal before it when it is new, else as it was then."""
    received = signals["received_on"].to_numpy("datetime64[D]")
    known = signals["arrears_start"].to_numpy("datetime64[D]")
    started = known.copy()
    households, kinds, creditors = (
        _texts(signals[name]) for name in ("household_key", "creditor_type", "creditor_id")
    )
    new = signals["new_arrears"].to_numpy("float64")
    before: dict[tuple[str | None, str | None], np.datetime64] = {}
    running: dict[tuple[str | None, str | None], np.datetime64] = {}
    order = signals.sort_values(["received_on", "signal_id"], kind="stable").index
    for row in signals.index.get_indexer(order):
        if np.isnat(received[row]) or households[row] is None:
            continue
        kind, creditor = (households[row], kinds[row]), (households[row], creditors[row])
        if np.isnat(known[row]):
            earliest = before.get(kind, np.datetime64(0, "D")) + 1
            usual = min(max(received[row] - USUAL_DAYS, earliest), received[row])
            started[row] = usual if new[row] == 1 else running.get(creditor, usual)
        before[kind], running[creditor] = received[row], started[row]
    return [None if day == "NaT" else day for day in np.datetime_as_string(started).tolist()]


def _tokens(values: pd.Series, tokens: dict[str, str]) -> list[str | None]:
    return [None if code is None else tokens[code] for code in _texts(values)]


def _flags(values: pd.Series) -> list[bool | None]:
    return [None if flag != flag else bool(flag) for flag in values.to_numpy("float64").tolist()]


def _euros(cents: pd.Series) -> list[int | None]:
    return [None if cent != cent else int(cent + 50) // 100 for cent in cents.to_numpy("float64").tolist()]


def _written(tokens: Any) -> dict[str, str]:
    """Token of each code; the first where a version has several, a stand-in where it has none."""
    found: dict[str, str] = {}
    for token, code in tokens.items():
        found.setdefault(code, token)
    return {**{code: token for code, token in _STAND_INS.items() if token in tokens}, **found}


def _filled(**fields: Any) -> Record:
    return {name: value for name, value in fields.items() if value is not None}


def _signals(site: SiteTables, version: Version, by_person: Collection[str]) -> list[Record]:
    signals = site.signals
    statuses = _written(version.statuses)
    kinds = _texts(signals["creditor_type"])
    columns = zip(
        _texts(signals["signal_id"]),
        _flags(signals["crisis"]),
        _euros(signals["amount_cents"]),
        _starts(signals),
        _days(signals["received_on"]),
        [statuses["pending" if case is None else "taken_up"] for case in _texts(signals["case_id"])],
        [None if kind is None else CREDITOR_TYPES[kind] for kind in kinds],
        _clients(signals, kinds, version, by_person),
        strict=True,
    )
    return [
        _filled(
            ID=number,
            crisissignaal=crisis,
            warmeOverdracht=False,
            bedrag=euros,
            ontstaansdatum=start,
            signaaldatum=day,
            status=status,
            signaalpartner=_filled(type=kind),
            client=client,
        )
        for number, crisis, euros, start, day, status, kind, client in columns
    ]


def _clients(
    signals: pd.DataFrame, kinds: Sequence[str | None], version: Version, by_person: Collection[str]
) -> list[Record]:
    names = version.client
    both = "Straatnaam" in version.client_ignored
    keys = _texts(signals["household_key"])
    addresses = {key: address_of(key) for key in set(keys) - {None} if key is not None}
    born = _birth_dates(signals)
    clients: list[Record] = []
    for key, kind, birth in zip(keys, kinds, born, strict=True):
        person = kind in by_person
        client: Record = {}
        if key is not None and person:
            client[names["person"]] = person_of(key)
        if not person or both:
            if key is not None:
                where = zip(("postcode", "number", "addition"), addresses[key], strict=True)
                client.update({names[part]: value for part, value in where})
            if birth is not None:
                client[names["born_on"]] = birth
        clients.append(client)
    return clients


def _birth_dates(signals: pd.DataFrame) -> list[str | None]:
    """Day on which someone of this age had a birthday last: the age on the day of the signal is exact."""
    received = signals["received_on"].to_numpy("datetime64[D]")
    age = signals["age"].to_numpy("float64")
    known = ~np.isnat(received) & (age >= 0) & (age <= OLDEST_AGE)
    month = received.astype("datetime64[M]")
    day = np.where(known, (received - month.astype("datetime64[D]")).astype("int64"), 0)
    earlier = month - (np.where(known, age, 0).astype("int64") * 12).astype("timedelta64[M]")
    # A leap day has no counterpart in most years: the day before it, which is a birthday already past.
    last = (earlier + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
    born: NDArray[np.datetime64] = np.minimum(
        earlier.astype("datetime64[D]") + day.astype("timedelta64[D]"), last
    )
    texts = np.datetime_as_string(born).tolist()
    return [text if yes else None for text, yes in zip(texts, known.tolist(), strict=True)]


def _cases(site: SiteTables, version: Version) -> list[Record]:
    episodes, cases = site.episodes, site.cases.set_index("case_id")
    results, names = _written(version.results), version.case
    inside = site.signals[site.signals["episode_id"].notna()]
    signals = inside.groupby("episode_id")["signal_id"].agg(list).to_dict()
    attempts = _attempts(site, version)
    numbers = _texts(episodes["case_id"])
    later = episodes["case_id"].duplicated().to_numpy()
    opened = dict(zip(cases.index, _days(cases["opened_on"]), strict=True))
    ended = dict(zip(cases.index, _tokens(cases["result"], results), strict=True))
    records: list[Record] = []
    dates = (_days(episodes[name]) for name in ("matched_on", "period_start", "period_end"))
    rows = zip(_texts(episodes["episode_id"]), numbers, later, *dates, strict=True)
    for episode, number, again, matched, start, end in rows:
        # A case that goes on in a later episode is written where it began.
        known = number in opened and not again
        record = {
            names["result"]: ended[number] if known else RESULTS["not_taken_up_other"],
            names["matched_on"]: matched,
            names["period_start"]: start,
            names["period_end"]: end,
            names["opened_on"]: opened[number] if known else None,
            layout.SIGNALS: [{"ID": signal} for signal in signals[episode]],
            layout.ATTEMPTS: attempts.get(str(number)) if known else None,
        }
        records.append({field: value for field, value in record.items() if value is not None})
    return records


def _attempts(site: SiteTables, version: Version) -> dict[str, list[Record]]:
    attempts = site.attempts
    methods = _written(version.methods)
    columns = zip(
        _texts(attempts["case_id"]),
        [None if code is None else methods.get(code) for code in _texts(attempts["method"])],
        _flags(attempts["reached"]),
        _days(attempts["attempted_on"]),
        [None if part is None else DAYPARTS[part] for part in _texts(attempts["daypart"])],
        strict=True,
    )
    made: dict[str, list[Record]] = {}
    for number, method, reached, day, part in columns:
        record = _filled(soort=method, bereikt=reached, datum=day, dagdeel=part)
        made.setdefault(str(number), []).append(record)
    return made
