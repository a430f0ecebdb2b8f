"""Invented municipalities as the workbook a municipality would export from xxllnc (2026)."""

from __future__ import annotations

import datetime as dt
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from causalsig.codes import CREDITOR_TYPES, METHODS, RESULTS
from causalsig.simulation.traps.mixed_locales import mix_locales
from causalsig.sources.lookup import look_up
from causalsig.sources.xxllnc_layout import (
    CASES_TAB,
    CREDITORS_TAB,
    FINAL_TAB,
    FOLLOWUPS_TAB,
    INTERIM_TAB,
    SIGNALS_TAB,
    TABS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from causalsig.sources.schema import SiteTables

Tabs = dict[str, list[list[Any]]]

CREATED: Final = dt.datetime(2026, 1, 1)
"""The same in every file, so that the same tables give the same bytes."""
REACH_SHOWN_EVERY: Final = 40
"""The cases' own reach column says N.v.t. but for one case in so many, as in the real export."""

_CREDITOR_KINDS = {
    **CREDITOR_TYPES,
    "rent": "een woningcorporatie",
    "energy": "een energieleverancier",
    "water": "een drinkwaterbedrijf",
    "health_insurance": "een zorgverzekeraar",
    "mortgage": "een hypotheekverstrekker",
}
_METHODS = {**METHODS, "phone": "Telefonisch"}
_DAYPARTS = {
    "morning": "ochtend (9.00-12.30 u)",
    "afternoon": "middag (12.30-18.00 u)",
    "evening": "avond (18.00-21.00 u)",
}
_RESULTS = {**RESULTS, "follow_up_help": "Verwijzing"}


def write_workbook(
    tables: SiteTables,
    path: Path | str,
    *,
    name: str,
    locale: Literal["nl", "en"] = "nl",
    mixed_locales: float = 0.0,
) -> None:
    """Write a municipality's tables as an xxllnc 2026 workbook.

    The workbook has no matching date, no episodes, no start of an arrear and no opening date of a case of
    its own: what reads it derives them again. Staff are role words.

    Parameters
    ----------
    tables : SiteTables
        Canonical tables; not changed.
    path : Path or str
        The .xlsx file; an existing one is replaced.
    name : str
        The municipality's name for column Gemeente.
    locale : {"nl", "en"}
        Notation of amounts, stored as text: 1.234,56 or 1,234.56.
    mixed_locales : float
        Share of the amounts written in the other notation (trap ``mixed_locales``).
    """
    write_tabs(workbook_tabs(tables, name=name, locale=locale, mixed_locales=mixed_locales), path)


def workbook_tabs(
    tables: SiteTables, *, name: str, locale: Literal["nl", "en"] = "nl", mixed_locales: float = 0.0
) -> Tabs:
    """Rows of every tab, the header first; empty cells are empty strings."""
    signals = _signals(tables, name, locale)
    if mixed_locales > 0.0:
        for header in ("Termijnbedrag", "Achterstandsbedrag"):
            signals[header] = mix_locales(signals[header], mixed_locales)
    columns = {
        SIGNALS_TAB: signals,
        CASES_TAB: _cases(tables, name),
        CREDITORS_TAB: _creditors(tables.creditors),
        **_contacts(tables),
        FOLLOWUPS_TAB: _followups(tables.followups),
    }
    return {tab: _rows(tab, columns[tab]) for tab in TABS}


def write_tabs(tabs: Mapping[str, Sequence[Sequence[Any]]], path: Path | str) -> None:
    """Write rows as an .xlsx workbook with the same bytes every time."""
    import xlsxwriter

    # Not in constant memory: a shared table of strings is faster to write and to read, and a third smaller.
    book = xlsxwriter.Workbook(str(path))
    book.set_properties({"created": CREATED})
    for tab, rows in tabs.items():
        sheet = book.add_worksheet(tab)
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    if cell:
                        sheet.write_string(at, column, cell)
                elif cell is not None:
                    sheet.write_number(at, column, cell)
    book.close()


def _rows(tab: str, columns: Mapping[str, Sequence[Any]]) -> list[list[Any]]:
    """Columns by header into rows in the order of the export; columns not given are empty."""
    unknown = set(columns) - set(TABS[tab])
    if unknown:
        raise KeyError(sorted(unknown))
    length = len(next(iter(columns.values())))
    empty = [""] * length
    rows = zip(*(columns.get(header, empty) for header in TABS[tab]), strict=True)
    return [list(TABS[tab]), *map(list, rows)]


def _text(values: pd.Series) -> list[str]:
    return ["" if value is None or value != value else str(value) for value in values.to_numpy(dtype=object)]


def _dates(values: pd.Series) -> list[str]:
    texts = np.datetime_as_string(values.to_numpy("datetime64[D]"))
    return ["" if day == "NaT" else f"{day[8:10]}-{day[5:7]}-{day[:4]}" for day in texts.tolist()]


def _flags(values: pd.Series, *, yes: str = "Ja", no: str = "Nee", unknown: str = "") -> list[str]:
    return [
        yes if value == 1 else no if value == 0 else unknown for value in values.to_numpy("float64").tolist()
    ]


def _amounts(cents: pd.Series, locale: Literal["nl", "en"]) -> list[str]:
    texts = ["" if value != value else f"{value / 100:,.2f}" for value in cents.to_numpy("float64").tolist()]
    if locale == "en":
        return texts
    swap = str.maketrans(",.", ".,")
    return [written.translate(swap) for written in texts]


def _codes(values: pd.Series, tokens: Mapping[str, str], missing: str = "") -> list[str]:
    return [missing if value is None else tokens[value] for value in values.to_numpy(dtype=object)]


def _whole(values: pd.Series) -> list[int | str]:
    return ["" if value != value else int(value) for value in values.to_numpy("float64").tolist()]


def _hashes(keys: pd.Series, municipality: str) -> list[str]:
    digests = {
        key: blake2b(f"{municipality}/{key}".encode(), digest_size=16).hexdigest()
        for key in keys.dropna().unique()
    }
    return [digests.get(key, "") for key in keys]


def _creditor_names(creditors: pd.DataFrame) -> dict[str, str]:
    kinds = _codes(creditors["creditor_type"], CREDITOR_TYPES, "Overige")
    return {
        str(key): f"{kind} {at}"
        for at, (key, kind) in enumerate(zip(creditors["creditor_id"], kinds, strict=True), 1)
    }


def _signals(tables: SiteTables, name: str, locale: Literal["nl", "en"]) -> dict[str, Sequence[Any]]:
    signals = tables.signals
    forwarded = signals["forwarded_on"].notna()
    repeats = {f"Recidive maand-{month}": signals[f"repeat_m{month}"] for month in range(1, 7)}
    size = look_up(signals["episode_id"], tables.episodes.set_index("episode_id")["n_creditors"])
    names = _creditor_names(tables.creditors)
    started = look_up(signals["case_id"], tables.attempts.groupby("case_id")["attempted_on"].min())
    any_repeat = signals[[f"repeat_m{month}" for month in range(1, 7)]].max(axis=1)
    return {
        "SignaalID": _text(signals["signal_id"]),
        "Hash": _hashes(signals["household_key"], tables.municipality),
        "Gemeente": [name] * len(signals),
        "Datum melding": _dates(signals["received_on"]),
        "Melder (submerk)": [names.get(key, "") for key in signals["creditor_id"]],
        "Wijk": _text(signals["district"]),
        "Bakje": ["Doorgezet" if yes else "Niet doorgezet" for yes in forwarded],
        "Recidive": _flags(any_repeat),
        "Schuiver": ["Nee"] * len(signals),
        "Match": ["Ja" if value > 1 else "Nee" for value in size.to_numpy("float64")],
        **{header: _flags(values) for header, values in repeats.items()},
        "Type melding": _flags(signals["crisis"], yes="Crisis", no="Eropaf"),
        "Soort melding": ["Meervoudig" if value > 1 else "Enkelvoudig" for value in size.to_numpy("float64")],
        "Doorgezet": ["Ja" if yes else "Nee" for yes in forwarded],
        "Datum doorgezet": _dates(signals["forwarded_on"]),
        "Meldingnummer": _text(signals["case_id"]),
        "Leeftijd": _whole(signals["age"]),
        "Minderjarige kinderen": _flags(signals["minor_children"]),
        "Melder ID": _text(signals["creditor_id"]),
        "Termijnbedrag": _amounts(signals["instalment_cents"], locale),
        "Achterstandsbedrag": _amounts(signals["amount_cents"], locale),
        "Startdatum contact": _dates(started),
    }


def _cases(tables: SiteTables, name: str) -> dict[str, Sequence[Any]]:
    cases = tables.cases
    creditors = look_up(cases["case_id"], tables.signals.groupby("case_id")["creditor_id"].nunique())
    reached = look_up(cases["case_id"], tables.attempts.groupby("case_id")["reached"].max())
    shown = np.arange(len(cases)) % REACH_SHOWN_EVERY == REACH_SHOWN_EVERY - 1
    closed = cases["closed_on"].notna()
    return {
        "Meldingnummer": _text(cases["case_id"]),
        "Gemeente": [name] * len(cases),
        "Aantal melders": _whole(creditors),
        "Ingetrokken": _flags(cases["withdrawn"]),
        "Onterecht": _flags(cases["unjustified"]),
        "Afgerond": ["Ja" if yes else "Nee" for yes in closed],
        "Afgerond d.d.": _dates(cases["closed_on"]),
        "Bereikt": _flags(reached.where(shown), unknown="N.v.t."),
        "Uitvoerder": ["Team vroegsignalering"] * len(cases),
        "Gezien": ["Ja" if yes else "Nee" for yes in cases["opened_on"].notna()],
        "Gezien d.d.": _dates(cases["opened_on"]),
    }


def _creditors(creditors: pd.DataFrame) -> dict[str, Sequence[Any]]:
    return {
        "ID": _text(creditors["creditor_id"]),
        "Melder": list(_creditor_names(creditors).values()),
        "Type melder": _codes(creditors["creditor_type"], _CREDITOR_KINDS, "Overige"),
    }


def _contacts(tables: SiteTables) -> dict[str, dict[str, Sequence[Any]]]:
    """Split contacts: attempts before the last; and the last with the result, or the result alone."""
    import pandas as pd

    attempts = tables.attempts.sort_values(["case_id", "attempted_on"], kind="stable", ignore_index=True)
    results = tables.cases.set_index("case_id")["result"].dropna()
    final = attempts["is_final"] == 1
    last = final & ~attempts["case_id"].where(final).duplicated(keep="last")
    attempts["result"] = look_up(attempts["case_id"], results).where(last, None)
    alone = results[~results.index.isin(attempts.loc[last, "case_id"])]
    rows = pd.DataFrame({"case_id": alone.index, "result": alone.to_numpy(dtype=object)})
    finals = pd.concat([attempts[final], rows], ignore_index=True) if len(rows) else attempts[final]
    return {INTERIM_TAB: _attempts(attempts[~final]), FINAL_TAB: _attempts(finals)}


def _attempts(attempts: pd.DataFrame) -> dict[str, Sequence[Any]]:
    made = attempts["attempt_id"].notna()
    staff = [f"Medewerker {at % 5 + 1}" if yes else "" for at, yes in enumerate(made)]
    reached = _flags(attempts["reached"], unknown="N.v.t.")
    return {
        "ID": [str(at) for at in range(1, len(attempts) + 1)],
        "Meldingnummer": _text(attempts["case_id"]),
        "Datum contactpoging": _dates(attempts["attempted_on"]),
        "Naam medewerker": staff,
        "Wijze van contactpoging": _tokens(attempts["method"], _METHODS),
        "Dagdeel": _tokens(attempts["daypart"], _DAYPARTS),
        "Persoon bereikt": [word if yes else "" for word, yes in zip(reached, made, strict=True)],
        "Wil de klant hulp": _flags(attempts["wants_help"], yes="ja", no="Nee, traject afgesloten"),
        "Wat is het eindresultaat": _tokens(attempts["result"], _RESULTS),
    }


def _tokens(values: pd.Series, tokens: Mapping[str, str]) -> list[str]:
    return [tokens.get(value, "") for value in values.to_numpy(dtype=object)]


def _followups(followups: pd.DataFrame) -> dict[str, Sequence[Any]]:
    return {
        "ID": [str(at) for at in range(1, len(followups) + 1)],
        "Meldingnummer": _text(followups["case_id"]),
        "Datum": _dates(followups["followed_up_on"]),
        "Wijze van contact": _tokens(followups["method"], _METHODS),
        "Onderwerp": ["Nazorg"] * len(followups),
        "Wilt u een nieuwe FollowUp inplannen": ["Nee"] * len(followups),
    }
