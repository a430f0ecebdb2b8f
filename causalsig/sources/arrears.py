"""Which signals report new arrears, for signals of nobody too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalsig.sources.checks_view import is_missing
from causalsig.sources.derive import DAYS_A_MONTH, is_new_arrears
from causalsig.sources.rows import order_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def new_arrears(signals: pd.DataFrame) -> NDArray[np.float64]:
    """Flag of new arrears for each row of canonical ``signals``, shape (n,), 1.0 or 0.0.

    As :func:`causalsig.sources.derive.classify_new_arrears`, by arrays. A signal without a household has no
    earlier one: all of them together are not one household that keeps coming back.
    """
    order = order_of(signals, ["household_key", "creditor_id", "received_on", "signal_id"])
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
    months = np.where(follows, np.round(days / DAYS_A_MONTH), np.nan)
    new = is_new_arrears(months, amount, previous_amount, instalment)
    new = np.where(np.isnat(start), new, ~follows | (start > previous_received))
    flags = np.empty(len(order))
    flags[order] = new
    flags[is_missing(signals["household_key"])] = 1.0
    return flags
