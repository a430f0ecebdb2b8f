"""Three municipalities with results, a canary in every column of their workbooks, from run to reports."""

from __future__ import annotations

from typing import Any, Final

from evidence.claims._canary_afterwards import afterwards
from evidence.claims._canary_runs import codes_of, desk, full_run, told
from evidence.claims._canary_sources import NAME, TOWN, Rows
from evidence.claims._canary_words import CANARIES

INHABITANTS: Final = 40_000
MONTHS: Final = 30
SITES: Final = 3
SEED: Final = 4_321
EVERY_AMOUNT: Final = 5
"""Each fifth amount is the canary: any quantile, mode, largest or smallest that leaked would be it."""
EVERY_KEY: Final = 3
FEW: Final = 24
"""Cells of a column that the analysis needs as it is: enough to be seen, too few to be refused for."""
DUTCH_AMOUNT: Final = "4.321,00"
_AMOUNTS: Final = ("Achterstandsbedrag", "Termijnbedrag")
_KEYS: Final = ("Hash", "SignaalID", "Meldingnummer", "ID", "Melder ID")
_KEPT: Final = ("Gemeente",)


def planted_tabs(seed: int) -> dict[str, Rows]:
    """Rows of an invented workbook with a canary in every column, and every link between the tabs kept."""
    from causalsig.simulation import SiteSpec, load_scenario, simulate_site
    from causalsig.simulation.xxllnc import workbook_tabs
    from causalsig.sources.xxllnc_layout import MAPPING

    spec = SiteSpec(codes_of(1)[0], TOWN, INHABITANTS)
    made = simulate_site(spec, load_scenario("ignorable"), seed, months=MONTHS, truth=False)
    tabs = {tab: [[*row] for row in rows] for tab, rows in workbook_tabs(made.tables, name=TOWN).items()}
    read = {(tab, column.header) for tab, columns in MAPPING.items() for column in columns}
    for tab, rows in tabs.items():
        for at, header in enumerate(rows[0]):
            _plant(rows[1:], at, header, (tab, header) in read)
        rows[0].append(NAME)
        for number, row in enumerate(rows[1:]):
            row.append(CANARIES[number % len(CANARIES)].value)
    return tabs


def _plant(rows: Rows, at: int, header: str, read: bool) -> None:
    if header in _KEPT:
        return
    for number, row in enumerate(rows):
        canary = CANARIES[(number + at) % len(CANARIES)].value
        if header in _KEYS:
            # The same for the same key wherever it stands, so that rows still belong together.
            if row[at] and sum(map(ord, str(row[at]))) % EVERY_KEY == 0:
                row[at] = f"{NAME} {row[at]}"
        elif header in _AMOUNTS:
            if number % EVERY_AMOUNT == 0:
                row[at] = DUTCH_AMOUNT
        elif not read or number < min(FEW, len(rows) // 8):
            row[at] = canary


def country() -> dict[str, Any]:
    """Take them through every command; some of their questions must have an answer that is released."""
    from causalsig.simulation import load_scenario
    from causalsig.simulation.xxllnc import write_tabs

    codes = codes_of(SITES)
    extracted_on = load_scenario("ignorable").extracted_on
    with desk(codes, extracted_on=extracted_on, inhabitants=INHABITANTS, months=MONTHS) as at:
        for number, code in enumerate(codes):
            write_tabs(planted_tabs(SEED + number), at.sources / f"{code} {NAME}.xlsx")
        ended = full_run(at, refused="monitor")
        found = at.run("study", "flow", "vroegsignalering", at.folder / "outbox", *_demo(at), "--out", "flow")
        ended["study flow"] = found.code
        out = ("--out", at.folder / "run", "--site", codes[0], "--replications", "2")
        given = (at.sources, "--inventory", at.inventory)
        ended["certify"] = at.run("certify", "vroegsignalering", *given, *out).code
        failed = [name for name, code in ended.items() if code not in (0, 1)]
        at.wrong += [f"country: {name} ended with {ended[name]}" for name in failed]
        if "pool" not in ended:
            at.wrong.append("country: nothing was released")
        ended |= afterwards(at, codes[0])
        at.search()
        return told(at, ended)


def _demo(at: Any) -> tuple[object, ...]:
    return ("--keys", at.keys, "--demo")
