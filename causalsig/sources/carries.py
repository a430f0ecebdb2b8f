"""Which format carries which canonical column: one table, for the readers, the tests and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from causalsig.sources.ddas_versions import NOT_CARRIED
from causalsig.sources.schema import TABLES

if TYPE_CHECKING:
    from causalsig.sources.findings import FindingList

Carry = Literal["exact", "euro", "named", "first", "derived", "no"]
"""exact: the same value · euro: rounded to whole euros · named: the same under another name · first: of the
first signal of a case only · derived: not in the format, follows from other columns · no: not there."""

Column = tuple[str, str]

_KEYS: Mapping[Column, Carry] = {
    ("signals", "household_key"): "named",
    ("episodes", "household_key"): "named",
    ("cases", "household_key"): "named",
}
_ALL: Mapping[Column, Carry] = {
    **{(table, name): "exact" for table, kinds in TABLES.items() for name in kinds},
    **_KEYS,
}
_EPISODES: Mapping[Column, Carry] = {("episodes", name): "derived" for name in TABLES["episodes"]}

_XXLLNC_2026: Mapping[Column, Carry] = {
    **_ALL,
    **_EPISODES,
    ("signals", "arrears_start"): "no",
    ("signals", "episode_id"): "derived",
    ("signals", "new_arrears"): "derived",
    ("cases", "household_key"): "derived",
    ("cases", "opened_on"): "derived",
    ("attempts", "attempt_id"): "named",
}

_XXLLNC_FLAT: Mapping[Column, Carry] = {
    **_XXLLNC_2026,
    **{("signals", name): "first" for name in TABLES["signals"]},
    **{("followups", name): "no" for name in TABLES["followups"]},
    ("signals", "signal_id"): "no",
    ("signals", "household_key"): "named",
    ("signals", "creditor_id"): "no",
    ("signals", "arrears_start"): "no",
    ("signals", "episode_id"): "derived",
    ("signals", "new_arrears"): "derived",
    ("creditors", "creditor_id"): "no",
    ("creditors", "creditor_type"): "no",
}

_DDAS: Mapping[Column, Carry] = {
    **_ALL,
    **{(table, name): "no" for table, names in NOT_CARRIED.items() for name in names},
    **{("followups", name): "no" for name in TABLES["followups"]},
    ("signals", "creditor_id"): "no",
    ("signals", "amount_cents"): "euro",
    ("signals", "forwarded_on"): "derived",
    ("signals", "case_id"): "named",
    ("signals", "episode_id"): "derived",
    ("signals", "new_arrears"): "derived",
    ("episodes", "episode_id"): "derived",
    ("episodes", "n_creditors"): "derived",
    ("episodes", "case_id"): "named",
    ("cases", "case_id"): "named",
    ("cases", "closed_on"): "derived",
    ("attempts", "attempt_id"): "named",
    ("attempts", "case_id"): "named",
    ("creditors", "creditor_id"): "no",
    ("creditors", "creditor_type"): "no",
}

CARRIES: Final[Mapping[str, Mapping[Column, Carry]]] = MappingProxyType(
    {
        "xxllnc_2026": _XXLLNC_2026,
        "xxllnc_flat": _XXLLNC_FLAT,
        "ddas": _DDAS,
        "canonical": _ALL,
        "database": _ALL,
    }
)
"""By format; every canonical column has its entry."""


def both_carry(left: str, right: str) -> tuple[Column, ...]:
    """Columns whose values can be compared between two formats."""
    return tuple(
        column
        for column in _ALL
        if not {CARRIES[left][column], CARRIES[right][column]} & {"no", "derived", "named"}
    )


def note_what_is_not_carried(name: str, findings: FindingList) -> None:
    """Note each column that a format has no place for."""
    for (table, column), carry in CARRIES[name].items():
        if carry == "no":
            findings.add("source-column-not-in-format", table, column, severity="info")
