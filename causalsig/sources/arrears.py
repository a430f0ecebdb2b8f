"""Which signals report new arrears: few sources say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalsig.sources.checks_view import is_missing
from causalsig.sources.rows import order_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


DAYS_A_MONTH = 30.4375
REPEAT_WINDOW_MONTHS = 6
"""A creditor's earlier signal older than this says nothing on whether the arrear is the same one."""
BEFORE = (
    "household_key",
    "creditor_id",
    "received_on",
    "amount_cents",
    "instalment_cents",
    "arrears_start",
    "signal_id",
)
"""Order in which one signal comes before another. The identifier decides last: it is only a name."""


def is_new_arrears(
    months_since_previous: NDArray[np.float64],
    amount_cents: NDArray[np.float64],
    previous_amount_cents: NDArray[np.float64],
    instalment_cents: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Say which signals report new arrears, where the source keeps no date on which the arrear began.

    A signal repeats an old arrear when the same creditor reported the same household at most six months
    before and the amounts fit one continuing arrear: at least the instalments that fell due since then
    (less would mean that the arrear began after the previous signal), and at most what was owed then plus
    those instalments (more would mean that it grew by something new). Half an instalment of play either way.

    Parameters
    ----------
    months_since_previous : (n,) array
        Whole months since the same creditor's previous signal on the household; NaN when there is none.
    amount_cents, previous_amount_cents, instalment_cents : (n,) arrays
        Now, at the previous signal, and one instalment; NaN when unknown.

    Returns
    -------
    (n,) array of bool
        An unknown amount counts as a repeat if there is an earlier signal within the window.
    """
    earlier = months_since_previous <= REPEAT_WINDOW_MONTHS
    instalment = np.where(np.isnan(instalment_cents), 0.0, instalment_cents)
    restarted = amount_cents < instalment * (months_since_previous - 0.5)
    grown = amount_cents > previous_amount_cents + instalment * (months_since_previous + 0.5)
    return ~earlier | restarted | grown


def new_arrears(signals: pd.DataFrame) -> NDArray[np.float64]:
    """Flag of new arrears for each row of canonical ``signals``, shape (n,), 1.0 or 0.0.

    Where ``arrears_start`` is known it decides: new when it lies after the creditor's previous signal on
    the household. Elsewhere :func:`is_new_arrears` decides from the amounts. A signal without a household
    has no earlier one: all of them together are not one household that keeps coming back. Unknown creditors
    count as one, so that what may be a repeat is never called new; one without a date has none before it.
    """
    order = order_of(signals, BEFORE)
    household, creditor = (signals[name].to_numpy()[order] for name in ("household_key", "creditor_id"))
    received, start = (
        signals[name].to_numpy("datetime64[D]")[order] for name in ("received_on", "arrears_start")
    )
    amount, instalment = (
        signals[name].to_numpy("float64")[order] for name in ("amount_cents", "instalment_cents")
    )
    follows = np.zeros(len(order), dtype=bool)
    follows[1:] = (household[1:] == household[:-1]) & (creditor[1:] == creditor[:-1])
    previous_received = np.concatenate([received[:1], received[:-1]])
    previous_amount = np.concatenate([amount[:1], amount[:-1]])
    days = (received - previous_received).astype("float64")
    months = np.where(follows & ~np.isnat(received), np.round(days / DAYS_A_MONTH), np.nan)
    new = is_new_arrears(months, amount, previous_amount, instalment)
    new = np.where(np.isnat(start), new, ~follows | (start > previous_received))
    flags = np.empty(len(order))
    flags[order] = new
    flags[is_missing(signals["household_key"])] = 1.0
    return flags
