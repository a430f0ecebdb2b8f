"""The xxllnc flat sheet of 2024-2025 as data: one row a case.

No specification is published. ``seen`` marks the headers that stand in the lab's public notebooks; the others
are worded after them and wait for a real export to confirm them, so nothing but what was seen is required.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from causalsig.sources.xxllnc_layout import Column

if TYPE_CHECKING:
    from causalsig.sources.xxllnc_layout import Role

SHEET: Final = "flat sheet"
"""What findings call it: a tab's own name is free text."""
MUNICIPALITY_HEADER: Final = "Gemeente"
MARK: Final = "ris matching: "
"""How the headers that only this format has begin, in lower case."""
CREDITORS: Final = 3
INTERIM: Final = 7


@dataclass(frozen=True, slots=True)
class FlatColumn:
    """One column: its header, where it goes, how it is read, and whether a public notebook shows it."""

    header: str
    target: str
    role: Role
    seen: bool = False
    required: bool = False

    def column(self, prefix: str = "") -> Column:
        """Column as the tab reader takes it, with the prefix of its group."""
        return Column(prefix + self.header, self.target, self.role, self.required)


CASE: Final = (
    FlatColumn("Volgnummer", "case_id", "key", seen=True, required=True),
    FlatColumn("RIS Matching: Hash", "household_key", "key"),
    FlatColumn("RIS Matching: Datum melding", "received_on", "date", seen=True, required=True),
    FlatColumn("RIS Matching: Achterstandsbedrag", "amount_cents", "amount", seen=True, required=True),
    FlatColumn("RIS Matching: Termijnbedrag", "instalment_cents", "amount"),
    FlatColumn("RIS Matching: Wijk", "district", "key"),
    *(
        FlatColumn(f"RIS Matching: Recidive maand-{month}", f"repeat_m{month}", "flag", seen=True)
        for month in range(1, 7)
    ),
    FlatColumn("RIS Matching: Type melding", "crisis", "crisis"),
    FlatColumn("RIS Matching: Datum doorgezet", "forwarded_on", "date"),
    FlatColumn("RIS Matching: Leeftijd", "age", "age"),
    FlatColumn("RIS Matching: Minderjarige kinderen", "minor_children", "flag"),
    FlatColumn("RIS Vroeg eropaf: Ingetrokken", "withdrawn", "flag"),
    FlatColumn("RIS Vroeg eropaf: Onterecht", "unjustified", "flag"),
    FlatColumn("RIS Vroeg eropaf: Afgerond d.d.", "closed_on", "date"),
)
"""What a row says of its case and of the first signal in it."""

CREDITOR: Final = (
    FlatColumn("type melder", "creditor_type", "creditor_type"),
    FlatColumn("startdatum contact", "contacted_on", "date", seen=True),
)
"""What a row says of each of its first three signals."""

ATTEMPT: Final = (
    FlatColumn("Contact(poging) en bereik, Datum contact(poging)", "attempted_on", "date", seen=True),
    FlatColumn("Contact(poging) en bereik, Wijze van contact(poging)", "method", "method"),
    FlatColumn("Contact(poging) en bereik, Dagdeel", "daypart", "daypart"),
    FlatColumn("Persoon bereikt", "reached", "flag", seen=True),
    FlatColumn("Resultaat contact, Wil de klant hulp?", "wants_help", "wants_help", seen=True),
)
RESULT: Final = FlatColumn("Wat is het eindresultaat", "result", "result")


def creditor_prefix(number: int) -> str:
    """Prefix of the columns of the first (1), second or third signal."""
    return f"Melder {number}: "


def interim_prefix(number: int) -> str:
    """Prefix of the columns of the ``number``-th interim result."""
    return f"{number}e tussenresultaat: "


FINAL_PREFIX: Final = "Eindresultaat: "


def headers() -> list[str]:
    """All headers the reader takes, in the order of a sheet."""
    listed = [column.header for column in CASE[:1]] + [MUNICIPALITY_HEADER]
    listed += [column.header for column in CASE[1:]]
    for number in range(1, CREDITORS + 1):
        listed += [creditor_prefix(number) + column.header for column in CREDITOR]
    for number in range(1, INTERIM + 1):
        listed += [interim_prefix(number) + column.header for column in ATTEMPT]
    return listed + [FINAL_PREFIX + column.header for column in (*ATTEMPT, RESULT)]
