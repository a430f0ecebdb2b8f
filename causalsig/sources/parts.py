"""Which canonical table a part of a format becomes: its tab, its list of objects, or its one sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from causalsig.sources import ddas_versions as ddas
from causalsig.sources import xxllnc_flat_layout as flat
from causalsig.sources import xxllnc_layout as workbook
from causalsig.sources.schema import TABLES

TABLE_OF_PART: Final[Mapping[str, str]] = MappingProxyType(
    {
        workbook.SIGNALS_TAB: "signals",
        workbook.CASES_TAB: "cases",
        workbook.CREDITORS_TAB: "creditors",
        workbook.INTERIM_TAB: "attempts",
        workbook.FINAL_TAB: "attempts",
        workbook.FOLLOWUPS_TAB: "followups",
        ddas.SIGNALS: "signals",
        ddas.CLIENT: "signals",
        ddas.PARTNER: "signals",
        ddas.CASES: "cases",
        ddas.ATTEMPTS: "attempts",
        **{table: table for table in TABLES},
    }
)
"""Parts whose rows are those of one table; findings name the part in which they were met."""
_OF_A_ROW: Final = ("cases", "signals", "attempts")
"""Tables that a row of the flat sheet becomes, the one it is a row of first."""
_GROUPS: Final = MappingProxyType(
    {
        **{column.target: ("signals", flat.CREDITORS) for column in flat.CREDITOR},
        **{column.target: ("attempts", flat.INTERIM + 1) for column in flat.ATTEMPT},
    }
)
"""Columns that a row of the flat sheet has several times: the table they tell of, and how many times."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a finding's count is of.

    Attributes
    ----------
    table : str
        Canonical table it tells of; "" when the part is none whose rows are counted.
    rows_of : str
        Table whose rows the part's rows are.
    cells : int
        Cells of the column in one row, at the most.
    """

    table: str
    rows_of: str
    cells: int = 1


def counted_in(part: str, column: str) -> Counted:
    """Say what the count of a finding is of. A row of the flat sheet is a case, whatever else it holds."""
    if part != flat.SHEET:
        table = TABLE_OF_PART.get(part, "")
        return Counted(table, table)
    if column in _GROUPS:
        table, cells = _GROUPS[column]
        return Counted(table, _OF_A_ROW[0], cells)
    table = next((table for table in _OF_A_ROW if column in TABLES[table]), _OF_A_ROW[0])
    return Counted(table, _OF_A_ROW[0])
