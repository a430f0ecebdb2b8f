"""A placebo outcome: signals in months 4 to 6 before time zero, which no covariate of a study holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalsig.cohort.covariates import LOOK_BACK_MONTH
from causalsig.cohort.history import SPAN, Floats, Integers

if TYPE_CHECKING:
    from causalsig.cohort.build import Cohort
    from causalsig.cohort.facts import SiteFacts

FIRST_MONTH, LAST_MONTH = 4, 6
NEEDED_DAYS = round(LOOK_BACK_MONTH * LAST_MONTH)
"""Days before time zero that must be kept for every episode alike."""


def earlier_signals(cohort: Cohort, known: SiteFacts, retained_days: int) -> Floats | None:
    """Tell whether there was any signal in months 4 to 6 before time zero: (n,), nan where nobody knows.

    As `signals_m1_m3`: from the source's own repeat flags where it has them, else from the signals that are
    still held, which takes a look-back that is retained for every episode.

    Parameters
    ----------
    cohort : Cohort
    known : SiteFacts
        Of the same tables.
    retained_days : int
        Days before every time zero of the cohort that retention has left.

    Returns
    -------
    (n,) array or None
        None where the source has no flags and retention no look-back.
    """
    households = _codes(cohort, known)
    flags = known.facts.repeat_flags[:, FIRST_MONTH - 1 : LAST_MONTH]
    if not np.isnan(flags).all():
        found = _of_flags(known, flags, households, cohort.time_zero)
        return None if np.isnan(found).all() else found
    if retained_days < NEEDED_DAYS:
        return None
    first = cohort.time_zero - NEEDED_DAYS
    last = cohort.time_zero - round(LOOK_BACK_MONTH * (FIRST_MONTH - 1))
    return np.asarray(known.history.signals.between(households, first, last) > 0, dtype=np.float64)


def _codes(cohort: Cohort, known: SiteFacts) -> Integers:
    """Household codes of the site's facts, one an episode of the cohort."""
    keys, first = np.unique(known.household_keys.astype(str), return_index=True)
    place = np.searchsorted(keys, cohort.household_keys.astype(str))
    return np.asarray(known.facts.households[first][place])


def _of_flags(known: SiteFacts, flags: Floats, households: Integers, time_zero: Integers) -> Floats:
    """Take the flags of each episode; of several on one day any flag counts."""
    answer = np.where(np.isnan(flags).any(axis=1), np.nan, np.nan_to_num(flags).max(axis=1))
    keys = known.facts.households * SPAN + known.facts.time_zero
    order = np.lexsort((np.nan_to_num(answer, nan=-1.0), keys))
    last = np.searchsorted(keys[order], households * SPAN + time_zero, side="right") - 1
    return np.asarray(answer[order][last])
