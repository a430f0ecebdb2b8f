"""The page of a review: exactly what would leave, every value beside what it says and the rule it passed.

A document is a tree. Its values are shown where they stand: what an entry says of itself as rows, a list of
plain entries as a table with an entry a row. Nothing is chosen, left out or rounded; a test compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from causalsig.release import grid
from causalsig.release.reading import Leaf, held_back, read_leaves
from causalsig.release.registry import judged
from causalsig.report.field_words import in_language
from causalsig.report.numbers import Language, band, decimal, month_name
from causalsig.report.words import HARD_SPACE, Words
from causalsig.texts import catalogue

if TYPE_CHECKING:
    from causalsig.release.fields import Field
    from causalsig.release.remember import LedgerTold
    from causalsig.release.review import Review

WIDEST = 10
"""Columns that a table may have; entries with more values than that are shown one by one."""
SIGNIFICANT = 4
"""Digits of what a value stands for: more than any grid carries, which is a quarter of a standard error."""
BESIDE_LEVEL = 3
"""Below a question, of which there are few, an entry's own values stand beside each other in one row."""
ABSENT = "–"
_LABELS = 4


@dataclass(frozen=True, slots=True)
class Shown:
    """Values in one cell: ``says`` is what they stand for; ``parts`` are (place, value as it leaves)."""

    says: str
    parts: tuple[tuple[str, str], ...]
    sign: str = ""
    number: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    """What a column or a row holds, and the rule that lets it pass."""

    name: str
    meaning: str
    measure: str
    rule: str
    code: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A list of plain entries: a row an entry."""

    name: str
    columns: tuple[Heading, ...]
    rows: tuple[tuple[Shown, ...], ...]
    judges: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """An entry of the document: its own values, the lists in it, and the entries below it.

    ``judges`` are all rules that judged it, as (title, code); each number has the one of its own field.
    """

    id: str
    title: str
    level: int
    own: Grid | None
    rows: tuple[tuple[Heading, Shown], ...]
    grids: tuple[Grid, ...]
    empty: tuple[str, ...]
    groups: tuple[Group, ...]
    judges: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A whole review, ready for its template."""

    state: str
    kind: str
    values: int
    facts: tuple[tuple[Markup, str], ...]
    steps: tuple[tuple[str, ...], ...]
    held: tuple[tuple[str, str, str], ...]
    document: Group


def review_view(review: Review, language: Language, told: LedgerTold | None = None) -> Reviewed:
    """Build the page of a review.

    Parameters
    ----------
    review : Review
        As it was read; whatever its state.
    language : {"nl", "en"}
    told : LedgerTold, optional
        What the ledger will be told of it.
    """
    words, document = Words(language, "review"), review.document
    facts = [
        (words("payload"), review.payload_hash),
        (words("demo"), words.plain("yes" if review.demo else "no")),
        (words("ledger"), review.ledger or words.plain("no-ledger")),
        (words("told"), review.told or words.plain("no-told")),
        *_of_ledger(told, words),
        (words("study"), getattr(document, "study_digest", None) or words.plain("no-study")),
        *((words(f"key-{one.role}"), one.key_id) for one in review.signatures),
    ]
    steps = tuple(
        (one.at, words.plain(f"step-{one.step}"), words.plain(f"role-{one.role}"), one.name, one.reason)
        for one in review.log
    )
    titles = catalogue(language)
    held = tuple((what, code, titles[f"release.rules.{code}.title"]) for what, code in held_back(document))
    values = document.model_dump(mode="json")
    return Reviewed(
        state=review.state,
        kind=document.kind,
        values=len(read_leaves(values)),
        facts=tuple(facts),
        steps=steps,
        held=held,
        document=document_group(values, language),
    )


def _of_ledger(told: LedgerTold | None, words: Words) -> Iterator[tuple[Markup, str]]:
    if told is not None:
        yield words("told-folder"), told.folder
        yield words("told-lines"), str(told.lines)
        yield words("told-head"), told.head
        yield words("told-numbers"), str(told.numbers)
        yield words("told-sets"), str(told.sets)
        yield words("told-households"), told.households


def document_group(document: Mapping[str, Any], language: Language) -> Group:
    """Lay out a dumped document of whatever kind, every value once.

    Parameters
    ----------
    document : mapping
        ``model_dump(mode="json")`` of a valid document.
    language : {"nl", "en"}
    """
    found = {leaf.place: leaf for leaf in read_leaves(document)}
    return _Layout(Words(language, "review"), found).group(document, "", "", 2)


class _Layout:
    """Lays out the tree of a document; holds what all its parts need."""

    def __init__(self, words: Words, leaves: Mapping[str, Leaf]) -> None:
        self.words, self.leaves, self.language = words, leaves, words.language

    def group(self, entry: Mapping[str, Any], place: str, name: str, level: int) -> Group:
        """Lay out one entry with all that is below it."""
        plain, lists = _parted(entry, place)
        grids, groups, empty = [], [], []
        for at, inner in lists:
            called = _called(at)
            if not inner:
                empty.append(called)
            elif self._is_table(inner, at):
                grids.append(self._grid(inner, at, self._part(called)))
            else:
                groups += [
                    self.group(one, f"{at}[{number}]", called, level + 1) for number, one in enumerate(inner)
                ]
        cells = self._merged(plain)
        beside = [leaves for leaves in cells if not leaves[0].place.endswith("]")]
        own = None
        if level > BESIDE_LEVEL and 1 < len(beside) <= WIDEST:
            cells = [leaves for leaves in cells if leaves not in beside]
            headings = tuple(self._heading(leaves[0]) for leaves in beside)
            own = Grid("", headings, (tuple(map(self._shown, beside)),))
        shown = tuple((self._heading(leaves[0]), self._shown(leaves)) for leaves in cells)
        return Group(
            _id(place),
            self._title(entry, name),
            level,
            own,
            shown,
            tuple(grids),
            tuple(empty),
            tuple(groups),
            self._judges(place.rpartition("[")[0]),
        )

    def _is_table(self, entries: list[Any], at: str) -> bool:
        parted = [_parted(one, f"{at}[{number}]") for number, one in enumerate(entries)]
        columns = {tuple(_called(leaves[0].place) for leaves in self._merged(plain)) for plain, _ in parted}
        return not any(lists for _, lists in parted) and len(columns) == 1 and len(min(columns)) <= WIDEST

    def _grid(self, entries: list[Any], at: str, name: str) -> Grid:
        rows = [self._merged(_parted(one, f"{at}[{number}]")[0]) for number, one in enumerate(entries)]
        columns = tuple(self._heading(leaves[0]) for leaves in rows[0])
        shown = tuple(tuple(map(self._shown, row)) for row in rows)
        return Grid(name, columns, shown, self._judges(at))

    def _judges(self, at: str) -> tuple[tuple[str, str], ...]:
        """Name the rules that judged every entry of a list."""
        titles = catalogue(self.language)
        return tuple((titles[f"release.rules.{code}.title"], code) for code in judged(at))

    def _merged(self, places: list[str]) -> list[tuple[Leaf, ...]]:
        """Put an exponent in one cell with the number that it belongs to."""
        cells: list[tuple[Leaf, ...]] = []
        told = set(places)
        for place in places:
            stem = place.removesuffix("_exponent")
            if stem != place and stem in told:
                continue
            if place.endswith(".exponent") and place.replace(".exponent", ".digits") in told:
                continue
            with_it = (f"{place}_exponent", place.removesuffix("digits") + "exponent")
            cells.append(
                (self.leaves[place], *(self.leaves[one] for one in with_it if one in told and one != place))
            )
        return cells

    def _shown(self, cell: tuple[Leaf, ...]) -> Shown:
        first = cell[0]
        base = "10" if first.field.grid.startswith("two significant digits") else "2"
        return Shown(
            says=self._says(first),
            parts=tuple((leaf.place, written(leaf.value)) for leaf in cell),
            sign=f"× {base}" if len(cell) > 1 else "",
            number=isinstance(first.value, int) and not isinstance(first.value, bool),
        )

    def _says(self, leaf: Leaf) -> str:
        """Say what a value stands for; "" where it says it itself."""
        value = leaf.value
        if leaf.stands_for is not None:
            return _four(leaf.stands_for, self.language)
        if isinstance(value, bool):
            return self.words.plain("yes" if value else "no")
        if not isinstance(value, str):
            return ""
        if value in grid.BANDS:
            if value == grid.BANDS[0]:
                return self.words.plain("under")
            return band(grid.band_limits(value), self.language).replace(" ", HARD_SPACE)
        if leaf.field.grid == "year and month" and value:
            return month_name(value, self.language).replace(" ", HARD_SPACE)
        titles = catalogue(self.language)
        # A code is explained by what its refusal means, which is no name of a gate that passed.
        gate = leaf.path.endswith(("verdicts[].code", "gates[].code"))
        own = f"report.check.{value.removeprefix('gate-')}.name" if gate else f"codes.{value}.title"
        keys = (f"release.rules.{value}.title", own, f"report.arm.{value}.short")
        return next((titles[key] for key in keys if key in titles), "")

    def _heading(self, leaf: Leaf) -> Heading:
        field: Field = leaf.field
        measure = [in_language(part, self.language) for part in (field.unit, field.grid) if part != "-"]
        rule = catalogue(self.language).get(f"release.rules.{field.rule}.title")
        return Heading(
            name=_called(leaf.place),
            meaning=in_language(field.meaning, self.language),
            measure="; ".join(measure),
            rule=rule or in_language(field.rule, self.language),
            code=field.rule if rule else "",
        )

    def _title(self, entry: Mapping[str, Any], name: str) -> str:
        """Name an entry by its own codes."""
        own = [
            value
            for value in entry.values()
            if isinstance(value, str) and value not in grid.BANDS and len(value) < len("0" * 64)
        ]
        return " · ".join([self._part(name), *own[:_LABELS]]) if name else ""

    def _part(self, name: str) -> str:
        """Name a list of entries."""
        last = name.rpartition(".")[2]
        return self.words.plain(f"part.{last}") if self.words.has(f"part.{last}") else last.replace("_", " ")


def written(value: object) -> str:
    """Write a value as it leaves; a dash where there is none, two quotes where a code is empty."""
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) or '""'


def contents(group: Group, deepest: int) -> Iterator[Group]:
    """Yield the groups that a list of contents names."""
    for one in group.groups:
        if one.level <= deepest:
            yield one
            yield from contents(one, deepest)


def _parted(entry: Any, place: str) -> tuple[list[str], list[tuple[str, list[Any]]]]:
    """Part an entry into the places of its own values, and its lists of entries with their places."""
    if not isinstance(entry, dict):
        return [place], []
    plain: list[str] = []
    lists: list[tuple[str, list[Any]]] = []
    for name, value in entry.items():
        at = f"{place}.{name}" if place else name
        if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
            lists.append((at, value))
        elif isinstance(value, list):
            plain += [f"{at}[{number}]" for number in range(len(value))]
            lists += [] if value else [(at, value)]
        elif isinstance(value, dict):
            inner_plain, inner_lists = _parted(value, at)
            plain, lists = plain + inner_plain, lists + inner_lists
        else:
            plain.append(at)
    return plain, lists


def _called(place: str) -> str:
    """Name a value within the entry that it stands in."""
    return place.rpartition("].")[2]


def _id(place: str) -> str:
    return "at-" + place.replace("[", "-").replace("]", "").replace(".", "-")


def _four(value: float, language: Language) -> str:
    """Write a number with four significant digits, as the language writes them."""
    if value == 0:
        return "0"
    magnitude = len(f"{abs(value):.0f}") if abs(value) >= 1 else -_zeros(abs(value))
    text = decimal(value, language, max(SIGNIFICANT - magnitude, 0))
    mark = "," if language == "nl" else "."
    return text.rstrip("0").rstrip(mark) if mark in text else text


def _zeros(value: float) -> int:
    """Count the zeros behind the decimal mark of a number below one."""
    return -int(f"{value:e}".partition("e")[2]) - 1
