"""A review in the form of ACRO's results, so that a viewer made for those is the checker's screen.

ACRO (https://github.com/AI-SDC/ACRO) writes ``results.json``, a CSV file a table, ``config.json`` and
``checksums/``; `acro.record.load_records` and the SACRO viewer read them. It is a screen and stays with the
provider: a decision taken in the viewer lets nothing leave.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from causalsig.release.reading import Leaf, held_back, read_leaves
from causalsig.report.field_words import in_language
from causalsig.report.numbers import Language
from causalsig.report.reviewed import Grid, Group, Shown, document_group
from causalsig.report.words import Words
from causalsig.texts import catalogue

if TYPE_CHECKING:
    from causalsig.release.review import Review

ACRO_VERSION: Final = "1.0.2"
"""The version of ACRO whose form this is: `load_records` reads its own version only."""
RESULTS, CONFIG, CHECKSUMS = "results.json", "config.json", "checksums"
HELD_BACK = "held-back"
_COLUMNS = ("place", "value", "stands_for", "meaning", "unit", "grid", "rule", "rule_says")
_COMMANDS: Final[Mapping[str, str]] = {
    "estimates": "causalsig site run",
    "profile": "causalsig site profile",
    "monitor": "causalsig site monitor",
}
_NAME = re.compile(r"[^a-z0-9]+")


def acro_files(review: Review, language: Language) -> dict[str, bytes]:
    """Write what would leave as ACRO's results: every value once, each table with the rules it passed.

    Parameters
    ----------
    review : Review
        As it was read; whatever its state.
    language : {"nl", "en"}
        Of meanings and rules. Places, values and codes are as they leave.

    Returns
    -------
    dict of name to bytes
        The same review gives the same bytes. Nothing that a person typed is in them.
    """
    values = review.document.model_dump(mode="json")
    told = _Told(review, language)
    leaves = read_leaves(values)
    results: dict[str, dict[str, Any]] = {}
    tables: dict[str, bytes] = {}
    parts = [part for part in _parts(document_group(values, language)) if part[1]]
    for number, (title, own, judges) in enumerate(parts, start=1):
        uid = f"{number:03d}-{_NAME.sub('-', (title or review.document.kind).casefold()).strip('-')}"
        own_leaves = [leaf for leaf in leaves if leaf.place in own]
        results[uid], tables[f"{uid}_0.csv"] = told.table(uid, title, own_leaves, judges)
    results[HELD_BACK], tables[f"{HELD_BACK}_0.csv"] = told.held(held_back(review.document))
    head = {"version": ACRO_VERSION, "tool": _tool(values["package_version"]), "results": results}
    files = {RESULTS: _json(head), CONFIG: _json(values["floors"]), **tables}
    sums = {
        f"{CHECKSUMS}/{name}.txt": hashlib.sha256(content).hexdigest().encode()
        for name, content in files.items()
    }
    return files | sums


class _Told:
    """Tells of each table what ACRO tells of an output; holds what all of them need."""

    def __init__(self, review: Review, language: Language) -> None:
        self.kind, self.language = review.document.kind, language
        self.words, self.titles = Words(language, "review"), catalogue(language)
        own = [entry.at for entry in review.log if entry.payload_hash == review.payload_hash]
        self.at = own[0] if own else ""

    def table(
        self, uid: str, title: str, leaves: Sequence[Leaf], judges: Sequence[tuple[str, str]]
    ) -> tuple[dict[str, Any], bytes]:
        """Tell of one table of values: all have passed, by the rule beside each and those of the whole."""
        rules = Counter(leaf.field.rule for leaf in leaves)
        outcome = {
            "rule": {leaf.place: leaf.field.rule for leaf in leaves},
            "rule_says": {leaf.place: self._rule(leaf.field.rule) for leaf in leaves},
        }
        result = self._result(uid, title or self.kind, rules, outcome, {rule: [] for rule in rules})
        if judges:
            named = "; ".join(f"{rule} [{code}]" for rule, code in judges)
            result["comments"] = [*result["comments"], f"{self.words.plain('judges')} {named}"]
        return result, _csv(_COLUMNS, map(self._row, leaves))

    def held(self, rows: Sequence[tuple[str, str]]) -> tuple[dict[str, Any], bytes]:
        """Tell what was held back; a viewer marks each of these cells with the code of its rule."""
        rules = Counter(rule for _, rule in rows)
        cells: dict[str, list[list[int]]] = {rule: [] for rule in rules}
        for number, (_, rule) in enumerate(rows):
            cells[rule].append([number, 0])
        outcome = {"rule": {str(number): rule for number, (_, rule) in enumerate(rows)}}
        result = self._result(HELD_BACK, self.words.plain("held"), rules, outcome, cells)
        comment = self.words.plain("held-intro" if rows else "held-none")
        listed = [(str(number), what, rule, self._rule(rule)) for number, (what, rule) in enumerate(rows)]
        return result | {"comments": [comment]}, _csv(("number", "what", "rule", "rule_says"), listed)

    def _result(
        self,
        uid: str,
        title: str,
        rules: Mapping[str, int],
        outcome: Mapping[str, Any],
        cells: Mapping[str, list[list[int]]],
    ) -> dict[str, Any]:
        # A viewer parts a summary at each semicolon.
        counted = [f"{self._rule(rule)} [{rule}]: {count}" for rule, count in sorted(rules.items())]
        checked = {"summary": dict(sorted(rules.items())), "cells": dict(sorted(cells.items()))}
        return {
            "uid": uid,
            "status": "pass",
            "type": "table",
            "properties": {"method": title},
            "files": [{"name": f"{uid}_0.csv", "sdc": checked}],
            "outcome": outcome,
            "command": _COMMANDS[self.kind],
            "summary": "; ".join(["pass", *(one.replace("; ", ", ") for one in counted)]),
            "timestamp": self.at,
            "comments": [self.words.plain("acro-comment")],
            "exception": "",
            "fair": {},
        }

    def _row(self, leaf: Leaf) -> tuple[str, ...]:
        field = leaf.field
        return (
            leaf.place,
            leaf.value if isinstance(leaf.value, str) else json.dumps(leaf.value),
            "" if leaf.stands_for is None else f"{leaf.stands_for:.6g}",
            *(in_language(part, self.language) for part in (field.meaning, field.unit, field.grid)),
            field.rule,
            self._rule(field.rule),
        )

    def _rule(self, code: str) -> str:
        return self.titles.get(f"release.rules.{code}.title") or in_language(code, self.language)


def _parts(group: Group, level: int = 0) -> Iterator[tuple[str, set[str], list[tuple[str, str]]]]:
    """Yield every table of a document: its title, the places of its values, and the rules that judged it.

    A plain list of the document itself is a table of its own; one of a question or a block goes with it.
    """
    own = [cell for _, cell in group.rows] + (_cells(group.own) if group.own else [])
    inside = [] if level == 0 else [cell for grid in group.grids for cell in _cells(grid)]
    judges = [*group.judges, *(judge for grid in group.grids if level for judge in grid.judges)]
    yield group.title, _places([*own, *inside]), list(dict.fromkeys(judges))
    for grid in group.grids if level == 0 else ():
        yield grid.name, _places(_cells(grid)), list(grid.judges)
    for inner in group.groups:
        yield from _parts(inner, level + 1)


def _cells(grid: Grid) -> list[Shown]:
    return [cell for row in grid.rows for cell in row]


def _places(cells: Sequence[Shown]) -> set[str]:
    return {place for cell in cells for place, _ in cell.parts}


def _tool(version: str) -> dict[str, str]:
    return {"@type": "SoftwareApplication", "name": "causalsig", "version": version}


def _csv(columns: Sequence[str], rows: Iterator[tuple[str, ...]] | Sequence[tuple[str, ...]]) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return written.getvalue().encode()


def _json(values: Any) -> bytes:
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()
