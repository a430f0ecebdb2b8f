"""Which sites are behind a pool and behind each of its contrasts, held against the pools made before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from causalsig.release.pool_document import PoolDocument
from causalsig.release.pools_made import FEW_CHANGED, PoolsMade, few_changed, site_mark

if TYPE_CHECKING:
    from causalsig.records import PooledContrast, PoolResult, ReleasedArms
    from causalsig.release.keys import SigningKey
    from causalsig.release.pool_entries import PooledContrastEntry
    from causalsig.release.pools_made import Marks
    from causalsig.release.signed import OpenedRelease


class PoolsApart:
    """One pool that is being made, beside those that were made before.

    Parameters
    ----------
    folder : Path
        Of the university's private key.
    digest : str
        Of the study.
    opened : sequence of (path, release)
        What is pooled.
    blocks : sequence of ReleasedArms
        Of the same releases.
    """

    def __init__(
        self,
        folder: Path,
        digest: str,
        opened: Sequence[tuple[Path, OpenedRelease]],
        blocks: Iterable[ReleasedArms],
    ) -> None:
        self._made = PoolsMade(folder)
        self._digest = digest
        releases: dict[str, list[str]] = defaultdict(list)
        for _, item in opened:
            releases[item.document.site_code].append(item.payload_hash)
        self._marks = {code: site_mark(code, hashes) for code, hashes in releases.items()}
        self._sites = frozenset(self._marks.values())
        self._behind = _behind(blocks, self._marks)
        earlier = self._made.of_study(digest)
        # Of a pool that is refused as a whole no part is held back: that would make it one for nobody to see.
        refused = any(few_changed(self._sites, one.marks) for one in earlier)
        self._few = frozenset(
            number
            for one in (() if refused else earlier)
            for number, marks in self._behind.items()
            if (before := one.marks_of(number)) is not None and few_changed(marks, before)
        )

    def hold(self, result: PoolResult) -> PoolResult:
        """Take from what may be shown each contrast that too few sites joined or left since it was shown."""
        contrasts = tuple(
            replace(row, publishable=False, reasons=(*row.reasons, FEW_CHANGED))
            if self._few.intersection(_names(row))
            else row
            for row in result.contrasts
        )
        return replace(result, contrasts=contrasts)

    def record(self, documents: Sequence[PoolDocument], key: SigningKey) -> None:
        """Remember what is about to be written, if any of it is to be shown; or refuse it.

        Raises
        ------
        RefusedError, ReleaseError
            As :meth:`causalsig.release.pools_made.PoolsMade.record`.
        """
        if not any(map(_shows, documents)):
            return
        rows = (row for document in documents for row in document.contrasts if row.publishable)
        names = {name for row in rows for name in _names(row)}
        shown = {name: self._behind[name] for name in names & self._behind.keys()}
        self._made.record(self._digest, self._sites, shown, key)


def _shows(document: PoolDocument) -> bool:
    """Whether any entry of a document may be shown."""
    lists = (getattr(document, name) for name in PoolDocument.model_fields)
    entries = (entry for found in lists if isinstance(found, tuple) for entry in found)
    return any(getattr(entry, "publishable", False) for entry in entries)


def _names(row: PooledContrast | PooledContrastEntry) -> tuple[str, ...]:
    """Name a contrast, and the means of both of its arms, which are shown beside it."""
    head = "/".join((row.question, row.outcome, row.estimand, row.estimator))
    return f"{head}/{row.arm}-{row.reference}", f"{head}/{row.arm}", f"{head}/{row.reference}"


def _behind(blocks: Iterable[ReleasedArms], marks: Mapping[str, str]) -> dict[str, Marks]:
    """Give the sites behind each mean and contrast, by its name; an arm of few returns is one too."""
    found: dict[str, set[str]] = defaultdict(set)
    for block in blocks:
        head = "/".join((block.question, block.outcome, block.estimand, block.estimator))
        arms = {*block.arms, *(one.arm for one in block.classes)}
        contrasts = {f"{arm}-{block.reference}" for arm in arms if block.reference in arms}
        for name in arms | contrasts:
            found[f"{head}/{name}"].add(marks[block.site])
    return {name: frozenset(sites) for name, sites in found.items()}
