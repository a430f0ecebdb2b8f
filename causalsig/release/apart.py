"""Whether two releases together tell of a few what each keeps to itself: who came, went, or changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from causalsig.errors import RefusedError
from causalsig.release.household_sets import (
    Codes,
    CohortSet,
    HouseholdRecords,
    Told,
    count_households,
    days_of,
    everybody,
    households_of,
    sides,
)
from causalsig.release.record_digests import label_of

_ENOUGH: Final = 100
"""Codes on shared days, from which on it is no accident that none is shared."""
_SHARED: Final = 20
"""One in so many has to be known again."""

_WAIT = "What the few did could be read off. Keep the earlier release, or wait until ten or more differ."
_MEND: Final[Mapping[str, str]] = MappingProxyType(
    {
        "estimates": f"{_WAIT} A next wave, of other episodes, may leave.",
        "profile": _WAIT,
        "monitor": f"{_WAIT} Or leave out the months that were told (causalsig site monitor --since).",
    }
)


def refuse_few(own: Told, before: Told, floor: int, kind: str) -> None:
    """Refuse a release that differs in a few households, or in a few records, from an earlier one.

    Raises
    ------
    RefusedError
        ``ledger-strangers``, ``ledger-few-apart``, ``ledger-few-changed``; where says in which set.
    """
    unknown = strangers(own.sets, before.sets)
    if unknown is not None:
        raise RefusedError(
            "ledger-strangers",
            expected="households of an earlier release to be met again in the days that both tell of",
            found="hardly any: the source calls them otherwise now, or they are matched otherwise",
            mend="Ask who delivers the source whether household keys were made anew; compare the matching "
            "in the inventory. A wave of days that no release told of yet may leave.",
            where=unknown,
        )
    near = few_apart(own.sets, before.sets, floor)
    if near is not None:
        raise RefusedError(
            "ledger-few-apart",
            expected=f"households that were told of before, and others, to be nobody or {floor} or "
            "more of each",
            found="a few who came, or went, since an earlier release",
            mend=_MEND[kind],
            where=near,
        )
    changed = few_changed(own, before, floor)
    if changed is not None:
        raise RefusedError(
            "ledger-few-changed",
            expected=f"households of whom something else is recorded than before to be nobody or {floor} "
            "or more",
            found="a few whose record changed since an earlier release",
            mend=_MEND[kind],
            where=changed,
        )


def strangers(own: Sequence[CohortSet], before: Sequence[CohortSet]) -> str | None:
    """Name the set of which hardly a household is known again; None where households are.

    Few that came or went can only be seen where the many that stayed have the codes they had. Of sets of one
    name are compared those who came in on the days from the first to the last that both tell of: where either
    has a hundred or more of them and not one in twenty is shared, keys or days are others than they were.
    """
    earlier = {one.analysis: one.codes for one in before}
    for one in own:
        other = earlier.get(one.analysis)
        if other is None or not len(one.codes) or not len(other):
            continue
        ours, theirs = days_of(one.codes), days_of(other)
        first, last = max(ours.min(), theirs.min()), min(ours.max(), theirs.max())
        if last == 0:  # named without a day: these may all be others by now
            continue
        mine, of_old = (
            codes[(days >= first) & (days <= last)] for codes, days in ((one.codes, ours), (other, theirs))
        )
        fewest = min(len(mine), len(of_old))
        shared = len(np.intersect1d(mine, of_old, assume_unique=True))
        if fewest >= _ENOUGH and shared * _SHARED < fewest:
            return one.analysis
    return None


def few_apart(own: Sequence[CohortSet], before: Sequence[CohortSet], floor: int) -> str | None:
    """Name the set by which a release lies too near an earlier one; None where it does not.

    Sets of one name tell the same of whoever is in them, so each side of their difference has to be nobody or
    `floor` households: those who came can be known from elsewhere, and then those who went stand alone. So
    it is over one horizon for the same part of a question from another day on, and for two sets of a question
    that share half of the larger: a study chooses its names and days. Other sets of one question (another
    horizon, an arm beside a whole cohort) tell something else of whoever is in them, so there only both sides
    together count. Of sets that are not of one name none counts that stood unchanged in the earlier release,
    which had that difference itself.

    Parameters
    ----------
    own, before : sequences of CohortSet
        A name's part before ``:`` is the question.
    floor : int
    """
    only_own, only_before, most = _apart(own, before)
    unchanged = {
        one.analysis
        for i, one in enumerate(own)
        for j, other in enumerate(before)
        if one.analysis == other.analysis and only_own[i, j] == only_before[i, j] == 0
    }
    for i, one in enumerate(own):
        for j, other in enumerate(before):
            fewest = min(only_own[i, j] or np.inf, only_before[i, j] or np.inf)
            if _question(one) != _question(other) or fewest >= floor * most:
                continue
            if one.analysis != other.analysis and one.analysis in unchanged:
                continue
            both = sides(one.codes, other.codes)
            half = 2 * (len(one.codes) - only_own[i, j]) >= max(len(one.codes), len(other.codes))
            alike = _horizon(one) == _horizon(other) and (half or _part(one) == _part(other))
            if any(0 < side < floor for side in both) if alike else 0 < sum(both) < floor:
                return one.analysis
    return None


def few_changed(own: Told, before: Told, floor: int) -> str | None:
    """Name the set in which the records of a few differ from those of an earlier release; None where none.

    Of the households that are in one part of a question in both releases, or in sets of the same households,
    those whose record is another have to be nobody or `floor`: column by column, since a rule that changed
    for all can stand beside an outcome that changed for one. A column that an earlier release has not, since
    it is counted otherwise or over another window, is compared with all of its kind there.
    """
    changed = list(_changes(own, before))
    for cohort in own.sets:
        for other in before.sets if changed else ():
            if _question(cohort) != _question(other):
                continue
            if _part(cohort) != _part(other) and not np.array_equal(cohort.codes, other.codes):
                continue
            both = np.intersect1d(cohort.codes, other.codes, assume_unique=True)
            for ours, theirs, codes in changed:
                if _of(cohort, ours) and _of(other, theirs):
                    inside = np.intersect1d(codes, both, assume_unique=True)
                    if 0 < count_households(inside) < floor:
                        return cohort.analysis
    return None


def _changes(own: Told, before: Told) -> Iterator[tuple[str, str, Codes]]:
    """Give, of each two columns that tell one kind of thing, whose they are, and whose record differs."""
    named = {(one.of, one.column): one for one in before.records}
    for one in own.records:
        same = named.get((one.of, one.column))
        label = label_of(one.of, one.column)
        like = [same] if same else [two for two in before.records if label_of(two.of, two.column) == label]
        yield from ((one.of, other.of, _changed(one, other)) for other in like)


def _of(cohort: CohortSet, whole: str) -> bool:
    return cohort.analysis == whole or cohort.analysis.startswith(f"{whole}.")


def _changed(own: HouseholdRecords, before: HouseholdRecords) -> Codes:
    codes, ours, theirs = np.intersect1d(own.codes, before.codes, assume_unique=True, return_indices=True)
    changed: Codes = codes[own.digests[ours] != before.digests[theirs]]
    return changed


def _apart(own: Sequence[CohortSet], before: Sequence[CohortSet]) -> tuple[np.ndarray, np.ndarray, int]:
    """Codes (k, l) only in the one and only in the other of each pair, and the most codes of a household."""
    codes = everybody([*own, *before])
    ours, theirs = (
        np.array([np.isin(codes, one.codes, assume_unique=True) for one in sets], dtype=np.float32).reshape(
            len(sets), len(codes)
        )
        for sets in (own, before)
    )
    shared = ours @ theirs.T
    most = int(np.unique(households_of(codes), return_counts=True)[1].max(initial=1))
    return ours.sum(axis=1)[:, None] - shared, theirs.sum(axis=1)[None, :] - shared, most


def _question(one: CohortSet) -> str:
    return one.analysis.partition(":")[0]


def _part(one: CohortSet) -> tuple[str, str]:
    """Question and part of a set, whatever the window: a study chooses its days."""
    return _question(one), one.analysis.partition(":")[2].partition(".")[2]


def _horizon(one: CohortSet) -> str:
    """Months over which something is counted, of a window such as ``3m14``."""
    window = one.analysis.partition(":")[2].partition(".")[0]
    return window.partition("m")[0]
