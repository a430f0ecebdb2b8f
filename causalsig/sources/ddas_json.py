"""Opening a DDAS file without trusting it, choosing one municipality's deliveries, and naming the version."""

from __future__ import annotations

import gc
import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from causalsig.errors import SourceError
from causalsig.failures import shown_name
from causalsig.sources.ddas_versions import (
    CASES,
    CLIENT,
    DELIVERIES,
    MUNICIPALITY,
    SIGNALS,
    TOP_FIELDS,
    VERSIONS,
    Version,
)
from causalsig.sources.findings import FindingList

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What the files hold of one municipality.

    Attributes
    ----------
    version : Version
    signals, cases : list of dict
        Of all its deliveries together.
    files : list of dict
        Of the files that hold it, their own fields: when and over which period was delivered.
    """

    version: Version
    signals: list[Record]
    cases: list[Record]
    files: list[Record]


def open_json(path: Path) -> Record:
    """Whole file as an object with a list of deliveries.

    Raises
    ------
    SourceError
        ``source-not-found``, ``source-unreadable``, ``source-empty``, ``source-not-json`` (cut off, not
        UTF-8, a field twice in one object, no number, nested too deep) or ``source-not-ddas``.
    """
    content = _bytes(path)
    try:
        with _collector_paused():
            value = json.loads(
                content.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_not_a_number
            )
    except (ValueError, RecursionError):
        # The parser's own message quotes nothing but positions; it stops here all the same.
        raise SourceError(
            "source-not-json",
            expected="a whole JSON file in UTF-8",
            found="something else",
            mend="Export or copy it again; compare sizes to see whether it was cut off.",
            where=shown_name(path),
        ) from None
    del content
    if not isinstance(value, dict) or not isinstance(value.get(DELIVERIES), list) or not value[DELIVERIES]:
        raise SourceError(
            "source-not-ddas",
            expected=f"an object with a list of '{DELIVERIES}', one or more",
            found="JSON of another shape",
            mend="Give the file as it is made for the national exchange standard DDAS-Vroegsignalering.",
            where=shown_name(path),
        )
    return value


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Halve the time: among millions of new objects every search for garbage is idle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise SourceError(
            "source-not-found",
            expected="a DDAS file",
            found="no file there",
            mend="Give the path of the .json file.",
            where=shown_name(path),
        )
    try:
        content = path.read_bytes()
    except OSError:
        raise SourceError(
            "source-unreadable",
            expected="a file this user may read",
            found="a file that cannot be opened",
            mend="Check the file's permissions.",
            where=shown_name(path),
        ) from None
    if not content:
        raise SourceError(
            "source-empty",
            expected="a DDAS file",
            found="a file of zero bytes",
            mend="Export it again.",
            where=shown_name(path),
        )
    return content


def _object(pairs: list[tuple[str, Any]]) -> Record:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found


def _not_a_number(text: str) -> NoReturn:
    raise ValueError("not a number of JSON")


def municipalities(path: Path | str) -> frozenset[str]:
    """Codes of all municipalities that a file has a delivery of."""
    deliveries = objects(open_json(Path(path))[DELIVERIES], DELIVERIES, FindingList())
    return frozenset(_label(delivery.get(MUNICIPALITY)) for delivery in deliveries) - {""}


def select_deliveries(
    files: Sequence[Record], municipality: str, version: str | None, findings: FindingList
) -> Deliveries:
    """Put one municipality's deliveries in all files together; the others are counted and left out.

    Raises
    ------
    SourceError
        ``source-municipality-not-found`` or ``source-ddas-version``.
    """
    inside = [objects(file[DELIVERIES], DELIVERIES, findings) for file in files]
    deliveries = [item for items in inside for item in items]
    labels = [_label(delivery.get(MUNICIPALITY)) for delivery in deliveries]
    findings.add(
        "source-wrong-json-type",
        DELIVERIES,
        MUNICIPALITY,
        sum(type(delivery.get(MUNICIPALITY)) not in (str, type(None)) for delivery in deliveries),
    )
    findings.add("source-municipality-blank", DELIVERIES, MUNICIPALITY, labels.count(""))
    asked = _label(municipality)
    chosen = [item for item, label in zip(deliveries, labels, strict=True) if label == asked]
    if not chosen:
        raise SourceError(
            "source-municipality-not-found",
            expected=f"a delivery of municipality {municipality}",
            found=f"{len(deliveries)} deliveries and none of it",
            mend="Give the right file, or look at the municipality's code: four digits, zeros in front.",
        )
    other = len(deliveries) - len(chosen) - labels.count("")
    findings.add("source-other-municipality", DELIVERIES, MUNICIPALITY, other, "info")
    signals = [item for part in chosen for item in objects(part.get(SIGNALS), SIGNALS, findings)]
    cases = [item for part in chosen for item in objects(part.get(CASES), CASES, findings)]
    settled = _settle_version(chosen, signals, cases, version)
    # The version's name comes from our own table: a place where it can be told, not a value from the file.
    findings.add("source-format-version", "DDAS", settled.name, severity="info")
    check_fields(files, TOP_FIELDS, "", findings)
    check_fields(chosen, settled.delivery_fields, DELIVERIES, findings)
    # Another municipality's period says nothing on until when this one is known.
    heads = [
        {field: value for field, value in file.items() if field != DELIVERIES}
        for file, items in zip(files, inside, strict=True)
        if any(_label(item.get(MUNICIPALITY)) == asked for item in items)
    ]
    return Deliveries(settled, signals, cases, heads)


def _label(code: object) -> str:
    """Municipality's code as it is compared: four digits, whatever became of its leading zeros."""
    if type(code) not in (str, int):
        return ""
    written = str(code).strip()
    return written.zfill(4) if written.isdecimal() else written


def _settle_version(
    deliveries: Sequence[Record], signals: Sequence[Record], cases: Sequence[Record], declared: str | None
) -> Version:
    """Find the version whose names of fields fit best; of two that fit alike, the later one."""
    if declared is not None:
        for name, version in VERSIONS.items():
            if name == declared:
                return version
        raise SourceError(
            "source-ddas-version",
            expected=f"a version of {', '.join(VERSIONS)}, or none",
            found="another one",
            mend="Leave it out: the names of the fields tell the version.",
        )
    clients = [client for signal in signals if isinstance(client := signal.get(CLIENT), dict)]
    used = (_names(deliveries), _names(clients), _names(cases))

    def fit(version: Version) -> int:
        known = (version.delivery_fields, version.client_fields, version.case_fields)
        return sum(len(names & fields) for names, fields in zip(used, known, strict=True))

    return max(reversed(tuple(VERSIONS.values())), key=fit)


def _names(records: Iterable[Record]) -> set[str]:
    return set().union(*records)


def objects(items: object, where: str, findings: FindingList) -> list[Record]:
    """List of objects at a place that should hold one; whatever is none is counted and left out."""
    if items is None:
        return []
    if not isinstance(items, list):
        findings.add("source-wrong-json-type", where)
        return []
    found = [item for item in items if isinstance(item, dict)]
    findings.add("source-wrong-json-type", where, count=len(items) - len(found))
    return found


def check_fields(
    records: Iterable[Record], allowed: frozenset[str], where: str, findings: FindingList
) -> None:
    """Count objects with a field that the version does not have; its name may be a value and is not told."""
    findings.add("source-unknown-field", where, count=sum(not record.keys() <= allowed for record in records))
