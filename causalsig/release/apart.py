"""Whether two releases together tell of a few what each keeps to itself: who came, went, or changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    everybody,
    households_of,
    sides,
)

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
        ``ledger-few-apart``, ``ledger-few-changed``; where says in which set.
    """
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


def few_apart(own: Sequence[CohortSet], before: Sequence[CohortSet], floor: int) -> str | None:
    """Name the set by which a release lies too near an earlier one; None where it does not.

    Sets of one name tell the same of whoever is in them, so each side of their difference has to be nobody or
    `floor` households: those who came can be known from elsewhere, and then those who went stand alone. Sets
    of one question and other names (another horizon, an arm beside a whole cohort) tell something else of
    whoever is in them, so there only both sides together count; and not for a set that stood unchanged in the
    earlier release, which had that difference itself.

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
            both = sides(one.codes, other.codes)
            if one.analysis == other.analysis:
                few = any(0 < side < floor for side in both)
            else:
                few = one.analysis not in unchanged and 0 < sum(both) < floor
            if few:
                return one.analysis
    return None


def few_changed(own: Told, before: Told, floor: int) -> str | None:
    """Name the set in which the records of a few differ from those of an earlier release; None where none.

    Of the households that are in a set of one name in both releases, those whose record is another have to be
    nobody or `floor`: column by column, since a rule that changed for all can stand beside an outcome that
    changed for one. What one of the two has no records of is not compared.
    """
    earlier = {(one.of, one.column): one for one in before.records}
    changed: dict[str, list[Codes]] = {}
    for one in own.records:
        if (one.of, one.column) in earlier:
            codes = _changed(one, earlier[one.of, one.column])
            if len(codes):
                changed.setdefault(one.of, []).append(codes)
    sets = {other.analysis: other.codes for other in before.sets}
    for of, columns in changed.items():
        for cohort in own.sets:
            if cohort.analysis in sets and (cohort.analysis == of or cohort.analysis.startswith(f"{of}.")):
                both = np.intersect1d(cohort.codes, sets[cohort.analysis], assume_unique=True)
                inside = (np.intersect1d(codes, both, assume_unique=True) for codes in columns)
                if any(0 < count_households(codes) < floor for codes in inside):
                    return cohort.analysis
    return None


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
