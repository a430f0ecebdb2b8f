"""The rows of one municipality out of a workbook that may hold several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalsig.errors import SourceError
from causalsig.sources.values import parse_column, text
from causalsig.sources.xxllnc_layout import CASES_TAB, SIGNALS_TAB

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from causalsig.sources.findings import FindingList
    from causalsig.sources.workbook import Cell, Sheet

COLUMN = "Gemeente"


def label(cell: Cell) -> str:
    """Municipality as it is compared: without the word gemeente, codes as four digits."""
    written = " ".join(text(cell).casefold().split()).removeprefix("gemeente ")
    return written.zfill(4) if written.isdecimal() else written


def labels_of(sheet: Sheet) -> frozenset[str]:
    """Labels of all municipalities in a sheet; none when it does not say."""
    if not sheet.has(COLUMN):
        return frozenset()
    return frozenset(parse_column(sheet.column(COLUMN), label)) - {""}


def asked_labels(municipality: str, name: str | None) -> frozenset[str]:
    """Labels under which this municipality may stand: its code, and its name."""
    return frozenset({label(municipality)} | ({label(name)} if name else set()))


def choose_labels(
    present: AbstractSet[str],
    municipality: str,
    name: str | None,
    *,
    where: str,
    table: str,
    findings: FindingList,
) -> tuple[AbstractSet[str], bool]:
    """Say which labels are this municipality's, and whether there are others.

    Parameters
    ----------
    present : set of str
        Labels (see :func:`label`) in the source, without the blank one.
    municipality : str
    name : str or None
    where, table : str
        For the message and the finding.

    Raises
    ------
    SourceError
        ``source-municipality-not-found``.
    """
    wanted = present & asked_labels(municipality, name)
    if not wanted:
        if len(present) > 1 or (present and name):
            raise SourceError(
                "source-municipality-not-found",
                expected=f"rows of municipality {municipality}",
                found=f"{len(present)} other and none of it",
                mend="Give the name as the export writes it, or the right file.",
                where=where,
            )
        findings.add("source-municipality-unconfirmed", table, severity="info")
        wanted = present
    return wanted, bool(present - wanted)


def select_municipality(
    sheets: Mapping[str, Sheet], municipality: str, name: str | None, findings: FindingList
) -> tuple[dict[str, Sheet], bool]:
    """Keep this municipality's signals and cases, and say whether others were in the file.

    Raises
    ------
    SourceError
        ``source-municipality-not-found``: several municipalities and none is this one, or a name was given
        that the file does not have.
    """
    chosen = dict(sheets)
    signals = sheets[SIGNALS_TAB.casefold()]
    if not signals.has(COLUMN):
        findings.add("source-municipality-unconfirmed", SIGNALS_TAB, severity="info")
        return chosen, False
    # Signals that all lack the name are those of the municipality that the cases name.
    wanted, several = choose_labels(
        labels_of(signals) or labels_of(sheets[CASES_TAB.casefold()]),
        municipality,
        name,
        where=f"tab {SIGNALS_TAB}",
        table=SIGNALS_TAB,
        findings=findings,
    )
    for tab in (SIGNALS_TAB, CASES_TAB):
        sheet = sheets[tab.casefold()]
        if sheet.has(COLUMN):
            # One tab may write the code where the other writes the name.
            chosen[tab.casefold()] = keep_rows(
                sheet, tab, wanted | asked_labels(municipality, name), several, findings
            )
    return chosen, several


def keep_rows(
    sheet: Sheet, tab: str, wanted: AbstractSet[str], several: bool, findings: FindingList
) -> Sheet:
    """Keep the rows of the wanted labels and count the others."""
    labels = parse_column(sheet.column(COLUMN), label)
    blank = labels.count("")
    other = sum(label not in wanted for label in labels) - blank
    findings.add("source-municipality-blank", tab, count=blank)
    findings.add("source-other-municipality", tab, count=other, severity="info")
    # A row that names none can only be told apart when there is nothing to tell apart.
    return sheet.take([label in wanted or (not label and not several) for label in labels])
