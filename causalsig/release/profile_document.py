"""The closed document of kind ``profile``: what a statistician must know of a site's data to plan a study.

Bands of households by code, by month and by finding; shares on grids of what is missing, of what is linked
and of how acceptance is coded. No minimum, no maximum, no day, no name, no word that is not in a code list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, model_validator

from causalsig.codes import CREDITOR_TYPES, DAYPARTS, METHODS, RESULTS
from causalsig.counts import AmountNotation, FindingCount, ProfileCounts, Scale, ScaleCount, ShareCount
from causalsig.errors import RefusedError
from causalsig.release import grid
from causalsig.release.build import ReleaseIdentity
from causalsig.release.cell_rules import BUDGET, CELL_FLOOR, CLASS_FLOOR, sift_counts
from causalsig.release.documents import Closed, Code, Month
from causalsig.release.registry import rule as registered
from causalsig.release.site_documents import (
    CellExponent,
    Header,
    HeldBack,
    ShareSteps,
    ShownBand,
    TableName,
    budget,
    check_share,
    check_tables,
    header,
    make,
    share_fields,
)
from causalsig.release.vocabulary import to_code
from causalsig.study.models import Disclosure

_NAMES = {
    "signals": (
        "signal_id household_key received_on arrears_start creditor_id creditor_type amount_cents "
        "instalment_cents crisis age minor_children repeat_m1 repeat_m2 repeat_m3 repeat_m4 repeat_m5 "
        "repeat_m6 district forwarded_on case_id episode_id new_arrears"
    ),
    "episodes": "episode_id household_key matched_on period_start period_end n_creditors case_id",
    "cases": "case_id household_key opened_on closed_on withdrawn unjustified result",
    "attempts": "attempt_id case_id attempted_on method daypart reached wants_help is_final",
    "followups": "case_id followed_up_on method",
    "creditors": "creditor_id creditor_type",
}
COLUMNS: Mapping[str, frozenset[str]] = MappingProxyType(
    {table: frozenset(names.split()) for table, names in _NAMES.items()}
)
"""The names a profile may speak of: those of the canonical tables, never those of a file."""
MISSING = "missing"
_FLAG = ("yes", "no", MISSING)
CODE_LISTS: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("signals", "creditor_type"): (*CREDITOR_TYPES, MISSING),
        ("signals", "crisis"): _FLAG,
        ("signals", "minor_children"): _FLAG,
        ("signals", "new_arrears"): _FLAG,
        ("cases", "withdrawn"): _FLAG,
        ("cases", "unjustified"): _FLAG,
        ("cases", "result"): (*RESULTS, MISSING),
        ("attempts", "method"): (*METHODS, MISSING),
        ("attempts", "daypart"): (*DAYPARTS, MISSING),
        ("attempts", "reached"): _FLAG,
        ("attempts", "wants_help"): _FLAG,
        ("followups", "method"): (*METHODS, MISSING),
    }
)
"""Every code that is counted, by table and column."""
HELD_TABLES = frozenset(
    {"findings", "scale", "missing", "links", "acceptance"}
    | {f"codes_{table}_{column}" for table, column in CODE_LISTS}
    | {f"months_{table}" for table in COLUMNS}
)
"""Every table of which something can be held back."""
LINKS = (
    "signals_to_households",
    "signals_to_cases",
    "signals_to_creditors",
    "cases_to_signals",
    "attempts_to_cases",
    "followups_to_cases",
)
ACCEPTANCE = (
    "reached_of_cases",
    "accepted_of_reached",
    "declined_of_reached",
    "paid_of_reached",
    "quick_fix_of_accepted",
    "reached_of_accepted",
    "wants_help_of_accepted",
)
ACROSS_A_MEDIAN = 2
"""Whether a median lies within bounds rests on the households at either side of it: each side holds the
floor."""
State = Literal["mixed", "nearly_all", "nearly_none", "not_carried"]
"""nearly_all, nearly_none: all but fewer than 10 households, fewer than 10 households; none included.
not_carried: the source has no such column, which is a fact of its format."""


class FindingEntry(Closed):
    """A finding: about the file (no band), or of rows that stand for at least so many households."""

    code: Code
    table: TableName | None
    column: str | None
    households: ShownBand | None

    @model_validator(mode="after")
    def _known_place(self) -> FindingEntry:
        _check_column(self.table, self.column)
        return self


class ScaleEntry(Closed):
    """Whether the arrears of a kind of creditor are on a plausible scale; no amount."""

    creditor_type: str
    scale: Scale

    @model_validator(mode="after")
    def _in_its_list(self) -> ScaleEntry:
        if self.creditor_type not in CREDITOR_TYPES:
            raise ValueError("not a kind of creditor")
        return self


class CodeEntry(Closed):
    """Households with a code."""

    table: TableName
    column: str
    code: str
    households: ShownBand

    @model_validator(mode="after")
    def _in_its_list(self) -> CodeEntry:
        if self.code not in CODE_LISTS.get((self.table, self.column), ()):
            raise ValueError("not a code of this column's list")
        return self


class MonthEntry(Closed):
    """Households with a row of this table in a month."""

    table: TableName
    month: Month
    households: ShownBand


class StateEntry(Closed):
    """A share on the grid of its band, or that it is nearly all or nearly none of the households."""

    state: State
    households: ShownBand | None
    value: ShareSteps | None
    value_exponent: CellExponent | None

    @model_validator(mode="after")
    def _share_when_mixed(self) -> StateEntry:
        there = [part is not None for part in (self.households, self.value, self.value_exponent)]
        if there != [self.state == "mixed"] * 3:
            raise ValueError("a share stands beside the state 'mixed', and only there")
        if self.households is not None and self.value is not None and self.value_exponent is not None:
            check_share(self.households, self.value, self.value_exponent)
        return self


class RowsEntry(StateEntry):
    """A share of rows that are there, whatever the format carries."""

    @model_validator(mode="after")
    def _of_rows(self) -> RowsEntry:
        if self.state == "not_carried":
            raise ValueError("only a figure of acceptance may not be carried")
        return self


class MissingEntry(RowsEntry):
    """Share of a table's rows in which a column is empty."""

    table: TableName
    column: str

    @model_validator(mode="after")
    def _known_place(self) -> MissingEntry:
        _check_column(self.table, self.column)
        return self


class LinkEntry(RowsEntry):
    """Share of rows that find what they refer to."""

    link: Literal[
        "signals_to_households",
        "signals_to_cases",
        "signals_to_creditors",
        "cases_to_signals",
        "attempts_to_cases",
        "followups_to_cases",
    ]


class AcceptanceEntry(StateEntry):
    """How acceptance is coded, as a share of cases."""

    figure: Literal[
        "reached_of_cases",
        "accepted_of_reached",
        "declined_of_reached",
        "paid_of_reached",
        "quick_fix_of_accepted",
        "reached_of_accepted",
        "wants_help_of_accepted",
    ]


class ProfileDocument(Header):
    """Kind ``profile``."""

    kind: Literal["profile"]
    amounts: AmountNotation
    scale: tuple[ScaleEntry, ...] = Field(max_length=len(CREDITOR_TYPES))
    findings: tuple[FindingEntry, ...] = Field(max_length=200)
    codes: tuple[CodeEntry, ...] = Field(max_length=200)
    months: tuple[MonthEntry, ...] = Field(max_length=2000)
    missing: tuple[MissingEntry, ...] = Field(max_length=100)
    links: tuple[LinkEntry, ...] = Field(max_length=len(LINKS))
    acceptance: tuple[AcceptanceEntry, ...] = Field(max_length=len(ACCEPTANCE))
    suppressions: tuple[HeldBack, ...] = Field(max_length=100)

    @model_validator(mode="after")
    def _known_tables(self) -> ProfileDocument:
        check_tables(self.suppressions, HELD_TABLES)
        return self

    @model_validator(mode="after")
    def _within_budget(self) -> ProfileDocument:
        highest = grid.band_limits(self.households)[1]
        entries = (*self.missing, *self.links, *self.acceptance)
        numbers = sum(entry.state == "mixed" for entry in entries)
        if highest is not None and numbers * 1000 > self.floors.max_parameter_share_per_mille * highest:
            raise ValueError("more shares than the households allow")
        return self


def _check_column(table: str | None, column: str | None) -> None:
    if column is not None and column not in COLUMNS.get(table or "", ()):
        raise ValueError("not a column of the canonical tables")


def build_profile(
    counts: ProfileCounts, *, identity: ReleaseIdentity, floors: Disclosure | None = None
) -> ProfileDocument:
    """Run the rules over a profile's counts and write what may leave.

    Parameters
    ----------
    counts : ProfileCounts
    identity : ReleaseIdentity
    floors : Disclosure, optional
        The site's own, where it tightens the house's.

    Raises
    ------
    RefusedError
        ``release-cell-floor``: the site has too few households for anything to leave.
    ReleaseError
        ``release-schema`` when something in the counts has no place in the document.
    """
    floors = floors or Disclosure()
    if counts.households < floors.min_households_cell:
        raise too_few(floors)
    held: list[tuple[str, str]] = []
    codes, months = _codes(counts, floors, held), _months(counts, floors, held)
    left = budget(counts.households, floors)
    shares = {}
    # How acceptance is coded decides whether a site can be pooled; what is missing can be asked again.
    for name in ("acceptance", "links", "missing"):
        shares[name] = _states(getattr(counts, name), floors, left, name, held)
        left -= sum(fields["state"] == "mixed" for _, fields in shares[name])
    return make(
        ProfileDocument,
        kind="profile",
        **header(identity, f"{counts.extracted_on:%Y-%m}", counts.households, floors),
        amounts=counts.amounts,
        scale=_scale(counts.scale, floors, held),
        findings=_findings(counts.findings, floors, held),
        codes=codes,
        months=months,
        missing=tuple(
            make(MissingEntry, table=cell.figure, column=cell.group, **fields)
            for cell, fields in shares["missing"]
        ),
        links=tuple(make(LinkEntry, link=cell.figure, **fields) for cell, fields in shares["links"]),
        acceptance=tuple(
            make(AcceptanceEntry, figure=cell.figure, **fields) for cell, fields in shares["acceptance"]
        )
        + tuple(
            make(AcceptanceEntry, figure=figure, state="not_carried", **_NO_SHARE)
            for figure in counts.not_carried
        ),
        suppressions=tuple(
            make(HeldBack, rule=rule, table=table) for table, rule in sorted(dict.fromkeys(held))
        ),
    )


def too_few(floors: Disclosure) -> RefusedError:
    """Make the refusal of a site that has fewer households than the floor of one cell."""
    return RefusedError(
        CELL_FLOOR,
        expected=f"at least {floors.min_households_cell} households",
        found="fewer",
        mend="Nothing can leave of so small a source; check that it is the whole extract.",
    )


@registered("count", CELL_FLOOR, "10 households: ESSnet/DwB, ABS, acro", ("min_households_cell",))
def _findings(
    findings: Sequence[FindingCount], floors: Disclosure, held: list[tuple[str, str]]
) -> tuple[FindingEntry, ...]:
    """List findings about the file, and those of enough households; of the others not even the code."""
    entries = {}
    for finding in findings:
        known = finding.households is None or finding.households >= floors.min_households_cell
        if known:
            place = (finding.table or None, finding.column or None)
            band = None if finding.households is None else grid.band(finding.households)
            code = to_code(finding.code)
            entries[(code, *place)] = make(
                FindingEntry, code=code, table=place[0], column=place[1], households=band
            )
    held.append(("findings", CELL_FLOOR))  # always: it must not tell whether there was a small one
    return tuple(entries.values())


@registered("count", CELL_FLOOR, "10 households: ESSnet/DwB, ABS, acro", ("min_households_cell",))
def _scale(
    cells: Sequence[ScaleCount], floors: Disclosure, held: list[tuple[str, str]]
) -> tuple[ScaleEntry, ...]:
    """Give the scale of each kind of creditor whose median has enough households on either side."""
    shown = [cell for cell in cells if cell.households >= ACROSS_A_MEDIAN * floors.min_households_cell]
    held.append(("scale", CELL_FLOOR))  # always: kinds with few amounts are among those not there
    return tuple(make(ScaleEntry, creditor_type=cell.creditor_type, scale=cell.scale) for cell in shown)


def _codes(counts: ProfileCounts, floors: Disclosure, held: list[tuple[str, str]]) -> tuple[CodeEntry, ...]:
    entries = []
    for (table, column), codes in CODE_LISTS.items():
        cells = [c for c in counts.codes if (c.table, c.column) == (table, column) and c.code in codes]
        total = next((c.households for c in counts.codes if (c.table, c.column) == (table, "")), 0)
        released, some_held = sift_counts(cells, total, floors)
        held += [(f"codes_{table}_{column}", CELL_FLOOR)] * some_held
        entries += [
            make(CodeEntry, table=table, column=column, code=cell.code, households=band)
            for cell, band in released
        ]
    return tuple(entries)


def _months(counts: ProfileCounts, floors: Disclosure, held: list[tuple[str, str]]) -> tuple[MonthEntry, ...]:
    entries = []
    for table in dict.fromkeys(cell.table for cell in counts.months):
        cells = [cell for cell in counts.months if cell.table == table]
        # No total: a household is in several months, and of all months together nothing is said.
        released, some_held = sift_counts(cells, 0, floors)
        held += [(f"months_{table}", CELL_FLOOR)] * some_held
        entries += [
            make(MonthEntry, table=table, month=cell.code, households=band) for cell, band in released
        ]
    return tuple(entries)


_NO_SHARE: dict[str, Any] = dict.fromkeys(("households", "value", "value_exponent"))


@registered("state", CELL_FLOOR, "10 households: ESSnet/DwB, ABS, acro", ("min_households_cell",))
@registered("state", CLASS_FLOOR, "10 households with and without: ESSnet/DwB, ABS", ("min_households_cell",))
@registered(
    "state", BUDGET, "released numbers at most 10 % of the households: vantage6 GLM", ("max_parameter_share",)
)
def _states(
    cells: Sequence[ShareCount], floors: Disclosure, left: int, name: str, held: list[tuple[str, str]]
) -> list[tuple[ShareCount, dict[str, Any]]]:
    """Give the state of each share of enough households, and the share itself while numbers are left."""
    found: list[tuple[ShareCount, dict[str, Any]]] = []
    floor, spent = floors.min_households_cell, 0
    for cell in cells:
        with_it, without = cell.households_with >= floor, cell.households_without >= floor
        if cell.households < floor or not (with_it or without):
            held.append((name, CELL_FLOOR))
        elif with_it != without:
            found.append((cell, _NO_SHARE | {"state": "nearly_all" if with_it else "nearly_none"}))
        elif spent >= left:
            held.append((name, BUDGET))
        else:
            spent += 1
            found.append((cell, {"state": "mixed", **share_fields(cell)}))
    return found
