"""Outcomes: later signals at the address, in a window that is the same for every arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalsig.cohort.events import Signals
from causalsig.cohort.history import Floats, History, Integers

if TYPE_CHECKING:
    from causalsig.study.models import Outcome

UNKNOWN_AMOUNTS = 0.05
"""Share of the signals of a set without an amount from which on an outcome in euro is refused: an unknown
amount adds nothing, so that the mean is too low by about that share at most."""


def outcome_values(
    outcome: Outcome, households: Integers, time_zero: Integers, from_day: int, signals: Signals
) -> Floats:
    """Outcome of each episode, shape (n,).

    The window is ``[time zero + from_day, + outcome.days)`` by the date the signal was received. A signal
    before the window is neither outcome nor covariate, and the episode stays in. Everybody is followed to
    the end of the window: that is eligibility, and nothing here is censored.

    - ``any``: 1 when there is a signal in the window, else 0.
    - ``count``: number of signals.
    - ``days``: days without a return, ``min(T, h)``: h for an episode without one. Its mean is the
      restricted mean time to return. Less than ``outcome.days`` says that there was a return.
    - ``amount``: euro of the signals together, at most ``cap_eur``; an unknown amount adds nothing.

    Parameters
    ----------
    outcome : Outcome
    households, time_zero : (n,) int
        Codes as in ``signals``, and day of matching.
    from_day : int
        Day after time zero on which the window begins.
    signals : Signals
    """
    start = time_zero + from_day
    end = start + outcome.days
    if outcome.kind == "amount":
        spent = _cents(outcome, signals).between(households, start, end) / 100.0
        return np.minimum(spent, float(outcome.cap_eur))
    history = signals.history(outcome.signals, outcome.creditor)
    if outcome.kind == "days":
        return history.days_until(households, start, end).astype(np.float64)
    number = history.between(households, start, end)
    return number if outcome.kind == "count" else (number > 0).astype(np.float64)


def amounts_unknown(outcome: Outcome, signals: Signals) -> bool:
    """Whether too many signals that an outcome in euro would add up have no amount.

    Told over all signals of the source, before anyone's outcome is looked at.
    """
    if outcome.kind != "amount":
        return False
    mask = signals.chosen(outcome.signals, outcome.creditor)
    cents = signals.cents if mask is None else signals.cents[mask]
    return bool(len(cents)) and float(np.isnan(cents).mean()) > UNKNOWN_AMOUNTS


def _cents(outcome: Outcome, signals: Signals) -> History:
    """Amounts of the signals that an outcome counts, in whole cents."""
    mask = signals.chosen(outcome.signals, outcome.creditor)
    cents = np.nan_to_num(signals.cents, nan=0.0)
    if mask is None:
        return History.of_sorted(signals.keys, cents)
    return History.of_sorted(signals.keys[mask], cents[mask])
