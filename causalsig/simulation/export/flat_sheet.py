"""Invented municipalities as the flat sheet that xxllnc exported in 2024 and 2025: one row a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from causalsig.simulation import xxllnc
from causalsig.sources import xxllnc_flat_layout as layout
from causalsig.sources.lookup import look_up
from causalsig.sources.schema import SiteTables

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

TAB = "Export"
POSTCODE = "RIS Matching: Postcode (4)"
"""In the sheet and never read: four digits of a postcode say where, not who."""


def write_flat_sheet(
    tables: SiteTables | Sequence[SiteTables],
    path: Path | str,
    *,
    names: Sequence[str],
    locale: Literal["nl", "en"] = "nl",
) -> None:
    """Write municipalities as one flat sheet with the same bytes every time.

    A case has one row, with the date and amount of its first signal (by date and number), the kinds of the
    creditors of its first three, seven interim attempts and a final one. What has no place is left out:
    further signals and attempts, signals without a case, follow-ups.

    Parameters
    ----------
    tables : SiteTables or a sequence of them
        Not changed. Case numbers must differ between municipalities.
    path : Path or str
        The .xlsx file; an existing one is replaced.
    names : sequence of str
        Each municipality's name for column Gemeente.
    locale : {"nl", "en"}
        Notation of amounts, stored as text.
    """
    sites = [tables] if isinstance(tables, SiteTables) else list(tables)
    headers = [*layout.headers(), POSTCODE]
    rows: list[list[Any]] = [headers]
    for site, name in zip(sites, names, strict=True):
        columns = flat_columns(site, name=name, locale=locale)
        empty = [""] * len(site.cases)
        rows += map(list, zip(*(columns.get(header, empty) for header in headers), strict=True))
    xxllnc.write_tabs({TAB: rows}, path)


def flat_columns(site: SiteTables, *, name: str, locale: Literal["nl", "en"]) -> dict[str, Sequence[Any]]:
    """Cells of every column by header, one a case in the order of the cases."""
    cases = site.cases
    signals = site.signals[site.signals["case_id"].notna()].sort_values(
        ["case_id", "received_on", "signal_id"], kind="stable"
    )
    number = signals.groupby("case_id").cumcount()
    by_number = [
        signals[number == at].set_index("case_id").reindex(cases["case_id"].to_numpy()).reset_index()
        for at in range(layout.CREDITORS)
    ]
    started = look_up(cases["case_id"], site.attempts.groupby("case_id")["attempted_on"].min())
    columns = _case(site, by_number[0], name, locale)
    for at, part in enumerate(by_number, 1):
        prefix = layout.creditor_prefix(at)
        there = part["signal_id"].notna()
        columns[f"{prefix}type melder"] = xxllnc._tokens(part["creditor_type"], xxllnc._CREDITOR_KINDS)
        columns[f"{prefix}startdatum contact"] = xxllnc._dates(started.where(there.to_numpy()))
    return columns | _attempts(site)


def _case(
    site: SiteTables, first: pd.DataFrame, name: str, locale: Literal["nl", "en"]
) -> dict[str, Sequence[Any]]:
    cases = site.cases
    return {
        "Volgnummer": xxllnc._text(cases["case_id"]),
        layout.MUNICIPALITY_HEADER: [name] * len(cases),
        "RIS Matching: Hash": xxllnc._hashes(first["household_key"], site.municipality),
        "RIS Matching: Datum melding": xxllnc._dates(first["received_on"]),
        "RIS Matching: Achterstandsbedrag": xxllnc._amounts(first["amount_cents"], locale),
        "RIS Matching: Termijnbedrag": xxllnc._amounts(first["instalment_cents"], locale),
        "RIS Matching: Wijk": xxllnc._text(first["district"]),
        **{
            f"RIS Matching: Recidive maand-{month}": xxllnc._flags(first[f"repeat_m{month}"])
            for month in range(1, 7)
        },
        "RIS Matching: Type melding": xxllnc._flags(first["crisis"], yes="Crisis", no="Eropaf"),
        "RIS Matching: Datum doorgezet": xxllnc._dates(first["forwarded_on"]),
        "RIS Matching: Leeftijd": xxllnc._whole(first["age"]),
        "RIS Matching: Minderjarige kinderen": xxllnc._flags(first["minor_children"]),
        "RIS Vroeg eropaf: Ingetrokken": xxllnc._flags(cases["withdrawn"]),
        "RIS Vroeg eropaf: Onterecht": xxllnc._flags(cases["unjustified"]),
        "RIS Vroeg eropaf: Afgerond d.d.": xxllnc._dates(cases["closed_on"]),
        POSTCODE: [str(1000 + at % 9000) for at in range(len(cases))],
    }


def _attempts(site: SiteTables) -> dict[str, Sequence[Any]]:
    """Interim attempts in their order, and the last final one of each case with its result."""
    attempts = site.attempts.sort_values(["case_id", "attempted_on", "attempt_id"], kind="stable")
    final = attempts["is_final"] == 1
    interim = attempts[~final]
    order = interim.groupby("case_id").cumcount()
    columns: dict[str, Sequence[Any]] = {}
    for at in range(layout.INTERIM):
        columns |= _group(site, interim[order == at], layout.interim_prefix(at + 1))
    columns |= _group(site, attempts[final].drop_duplicates("case_id", keep="last"), layout.FINAL_PREFIX)
    results = xxllnc._tokens(site.cases["result"], xxllnc._RESULTS)
    return columns | {layout.FINAL_PREFIX + layout.RESULT.header: results}


def _group(site: SiteTables, rows: pd.DataFrame, prefix: str) -> dict[str, Sequence[Any]]:
    part = rows.set_index("case_id").reindex(site.cases["case_id"].to_numpy())
    made = part["attempt_id"].notna().to_numpy()
    reached = np.where(made, xxllnc._flags(part["reached"], unknown="N.v.t."), "").tolist()
    cells: Mapping[str, Sequence[Any]] = {
        "attempted_on": xxllnc._dates(part["attempted_on"]),
        "method": xxllnc._tokens(part["method"], xxllnc._METHODS),
        "daypart": xxllnc._tokens(part["daypart"], xxllnc._DAYPARTS),
        "reached": reached,
        "wants_help": xxllnc._flags(part["wants_help"], yes="ja", no="Nee, traject afgesloten"),
    }
    return {prefix + column.header: cells[column.target] for column in layout.ATTEMPT}
