"""Which sites are behind a pool and behind each of its numbers, held against the pools made before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from causalsig.execution.pools_behind import Pooled, names_of_gain, names_of_row, sites_behind
from causalsig.release.pool_document import PoolDocument, pool_result
from causalsig.release.pools_made import FEW_CHANGED, PoolsMade, few_changed, site_mark

if TYPE_CHECKING:
    from causalsig.records import PoolResult
    from causalsig.release.keys import SigningKey
    from causalsig.release.pools_made import Marks
    from causalsig.release.signed import OpenedRelease

_ROWS: Final = (
    "contrasts",
    "robustness",
    "balance",
    "calibrated",
    "groups",
    "contacts",
    "thresholds",
    "curves",
    "moves",
)
"""Fields of a pool whose rows say whether they may be shown; of rules their gains do."""


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
    given : Pooled
        What these released.
    key : SigningKey
        The university's.
    """

    def __init__(
        self,
        folder: Path,
        digest: str,
        opened: Sequence[tuple[Path, OpenedRelease]],
        given: Pooled,
        key: SigningKey,
    ) -> None:
        self._made, self._digest, self._key = PoolsMade(folder), digest, key
        releases: dict[str, list[str]] = defaultdict(list)
        for _, item in opened:
            releases[item.document.site_code].append(item.payload_hash)
        marks = {code: site_mark(code, hashes) for code, hashes in releases.items()}
        self._sites = frozenset(marks.values())
        self._behind: dict[str, Marks] = {
            name: frozenset(marks[site] for site in sites) for name, sites in sites_behind(given).items()
        }
        earlier = self._made.of_study(digest, key)
        self.held = any(few_changed(self._sites, one.marks) for one in earlier)
        """Whether nothing of this pool may be shown: too few sites came or went since an earlier one."""
        self._few = frozenset(
            number
            for one in earlier
            for number, marks in self._behind.items()
            if (before := one.marks_of(number)) is not None and few_changed(marks, before)
        )

    def hold(self, result: PoolResult) -> PoolResult:
        """Take from what may be shown each number that too few sites joined or left since it was shown."""
        changed: dict[str, Any] = {
            name: tuple(
                _kept_back(row) if self._is_few(names_of_row(row, name)) else row
                for row in getattr(result, name)
            )
            for name in _ROWS
        }
        rules = tuple(
            replace(
                rule,
                gains=tuple(
                    _kept_back(gain) if self._is_few(names_of_gain(rule, gain.over)) else gain
                    for gain in rule.gains
                ),
            )
            for rule in result.rules
        )
        by_others = () if self.held else result.moved_by_others
        return replace(result, **changed, rules=rules, moved_by_others=by_others)

    def _is_few(self, names: tuple[str, ...]) -> bool:
        return self.held or bool(self._few.intersection(names))

    def record(self, documents: Sequence[PoolDocument]) -> None:
        """Remember what is about to be written, if any of it is to be shown; or refuse it.

        Raises
        ------
        RefusedError, ReleaseError
            As :meth:`causalsig.release.pools_made.PoolsMade.record`.
        """
        names = {name for document in documents for name in _shown(pool_result(document))}
        if names:
            shown = {name: self._behind[name] for name in names & self._behind.keys()}
            self._made.record(self._digest, self._sites, shown, self._key)


def _kept_back(row: Any) -> Any:
    """Give a row for the statistician only, with the reason where it has room for one."""
    if not row.publishable:
        return row
    told = {"reasons": (*row.reasons, FEW_CHANGED)} if hasattr(row, "reasons") else {}
    return replace(row, publishable=False, **told)


def _shown(result: PoolResult) -> Iterator[str]:
    """Name every number of a pool that may be shown."""
    for name in _ROWS:
        for row in getattr(result, name):
            if row.publishable:
                yield from names_of_row(row, name)
    for rule in result.rules:
        for gain in rule.gains:
            if gain.publishable:
                yield from names_of_gain(rule, gain.over)
