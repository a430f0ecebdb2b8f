"""Whether two releases together tell of a few what each keeps to itself: whom they are of, compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from causalsig.release.household_sets import CohortSet, everybody, households_of, sides


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
