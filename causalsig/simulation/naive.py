"""What a plain look at a site's tables shows: returns by first method, and by acceptance from two time zeros.

These are the mistakes of practice (domain.md, section 8), kept as figures: on a country in which nothing
works they show what selection and a bad time zero make of nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation.calibration import ACCEPTED

if TYPE_CHECKING:
    from causalsig.simulation.calibration import Parts
    from causalsig.simulation.site import SimulatedSite

DAYS: Final = 183
WRITTEN: Final = ("letter", "email", "text_message")


def naive_returns(site: SimulatedSite) -> Parts:
    """Count returns within six months and cases, for each figure of the null-effect table.

    ``written``, ``phone``, ``home_visit``: by the method of the case's first attempt, from the signal.
    ``accepted``, ``not_reached``: from the signal. ``accepted_from_close``, ``not_reached_from_close``: from
    the close of the case, as the project's notebooks did, with the cases that returned before it dropped.
    Cases opened in the last six months (from close: closed in them) are left out.

    Returns
    -------
    dict of str to (2,) float64
        Returned, and cases.
    """
    import pandas as pd

    tables = site.tables
    cases = tables.cases.dropna(subset=["household_key", "closed_on"])
    by_case = tables.attempts.sort_values("attempted_on", kind="stable").groupby("case_id")
    cases = cases.merge(by_case.agg(method=("method", "first"), reached=("reached", "max")), on="case_id")
    signals = tables.signals[["household_key", "received_on"]].drop_duplicates()
    pairs = cases[["case_id", "household_key", "opened_on", "closed_on"]].merge(signals, on="household_key")
    later = pairs[pairs["received_on"] > pairs["opened_on"]].groupby("case_id")["received_on"].min()
    first = cases["case_id"].map(later).to_numpy("datetime64[D]")
    opened, closed = (cases[name].to_numpy("datetime64[D]") for name in ("opened_on", "closed_on"))
    last = np.datetime64(tables.extracted_on, "D") - DAYS
    returned, from_close = (_within(first, start) for start in (opened, closed))
    # A comparison with NaT is false: who never returned is not dropped for having returned before the close.
    at_risk = (closed <= last) & ~(first <= closed)
    method = cases["method"]
    reached = cases["reached"].to_numpy() > 0
    accepted = cases["result"].isin(ACCEPTED).to_numpy() & reached
    followed = opened <= last

    def share(of: pd.Series, hit: np.ndarray, among: np.ndarray) -> np.ndarray:
        inside = of.to_numpy(bool) & among
        return np.array((float((hit & inside).sum()), float(inside.sum())))

    no = pd.Series(~reached)
    return {
        "written": share(method.isin(WRITTEN), returned, followed),
        "phone": share(method == "phone", returned, followed),
        "home_visit": share(method == "home_visit", returned, followed),
        "accepted": share(pd.Series(accepted), returned, followed),
        "not_reached": share(no, returned, followed),
        "accepted_from_close": share(pd.Series(accepted), from_close, at_risk),
        "not_reached_from_close": share(no, from_close, at_risk),
    }


def _within(first: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Say who returned in the six months after ``start``; NaT is nobody."""
    returned: np.ndarray = (first > start) & (first <= start + np.timedelta64(DAYS, "D"))
    return returned
