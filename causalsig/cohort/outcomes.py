"""Outcomes: later signals at the address, in a window that is the same for every arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalsig.cohort.history import Floats, History, Integers

if TYPE_CHECKING:
    from causalsig.study.models import Outcome


def outcome_values(
    outcome: Outcome,
    households: Integers,
    time_zero: Integers,
    follow_up_from_day: int,
    all_signals: History,
    new_arrears: History,
) -> Floats:
    """Outcome of each episode, shape (n,): 0 or 1 for "any", a number of signals for "count".

    The window is ``[time zero + follow_up_from_day, + outcome.days)`` by the date the signal was received. A
    signal before the window is neither outcome nor covariate, and the episode stays in.
    """
    history = new_arrears if outcome.signals == "new_arrears" else all_signals
    start = time_zero + follow_up_from_day
    number = history.between(households, start, start + outcome.days)
    if outcome.kind == "count":
        return number
    return (number > 0).astype(np.float64)
