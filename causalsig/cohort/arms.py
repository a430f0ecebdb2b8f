"""Arms: the first attempt within the grace period, and help accepted by the landmark day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.codes import ACCEPTED_RESULTS
from causalsig.cohort.history import Floats, History, Integers, to_days

if TYPE_CHECKING:
    import pandas as pd

    from causalsig.study.models import AcceptedHelp, ContactMethod

INTENSITY = {"none": 0, "letter": 1, "message": 2, "phone": 3, "home_visit": 4}
"""Same-day ties go to the more intensive method."""
UNMAPPED = "unmapped"
"""First attempt by a method that the study's map leaves out: belongs to no arm."""

Codes = NDArray[np.object_]


def first_method(
    case_ids: Codes, time_zero: Integers, attempts: pd.DataFrame, question: ContactMethod
) -> Codes:
    """Arm of each episode by its first attempt within the grace period, shape (n,).

    Intention: an attempt counts whether anyone was reached or not. Attempts dated before time zero belong
    to something else and are ignored.

    Parameters
    ----------
    case_ids : (n,) object
        Case of the episode, None when it was not taken up.
    time_zero : (n,) int
        Day of matching.
    attempts : pandas.DataFrame
        Canonical attempts.
    question : ContactMethod
        Grace period and the map from recorded method to arm.
    """
    import pandas as pd

    arms = np.full(len(case_ids), "none", dtype=object)
    cases = pd.Index(pd.unique(attempts["case_id"].dropna()))
    position = cases.get_indexer(pd.Index(case_ids))
    case_of_attempt = cases.get_indexer(pd.Index(attempts["case_id"]))
    method = attempts["method"].map(lambda code: question.method_map.get(code, UNMAPPED)).to_numpy(object)
    intensity = np.array([INTENSITY.get(code, -1) for code in method], dtype=np.int64)
    day = to_days(attempts["attempted_on"].to_numpy("datetime64[D]"))

    start = np.full(len(cases), np.iinfo(np.int64).max)
    taken_up = position >= 0
    start[position[taken_up]] = time_zero[taken_up]
    usable = (case_of_attempt >= 0) & (day > np.iinfo(np.int64).min)
    elapsed = np.where(usable, day - start[np.maximum(case_of_attempt, 0)], -1)
    usable &= (elapsed >= 0) & (elapsed <= question.grace_days)
    order = np.lexsort((-intensity[usable], elapsed[usable], case_of_attempt[usable]))
    found = case_of_attempt[usable][order]
    first = np.ones(len(found), dtype=bool)
    first[1:] = found[1:] != found[:-1]
    by_case = np.full(len(cases), "none", dtype=object)
    by_case[found[first]] = method[usable][order][first]
    arms[taken_up] = by_case[position[taken_up]]
    return arms


def acceptance_dates(cases: pd.DataFrame, attempts: pd.DataFrame) -> tuple[pd.Series, int]:
    """Date on which each case's household accepted help.

    Dated by the first attempt at which help was wanted; else, for a case whose result says accepted, by its
    first reached attempt.

    Returns
    -------
    accepted_on : pandas.Series
        Indexed by ``case_id``; cases without acceptance are absent.
    dated_by_reach : int
        Number of cases dated by the first reached attempt.
    """
    import pandas as pd

    linked = attempts[attempts["case_id"].notna()]
    wanted = linked[linked["wants_help"] == 1.0].groupby("case_id")["attempted_on"].min()
    reached = linked[linked["reached"] == 1.0].groupby("case_id")["attempted_on"].min()
    accepted_cases = cases.loc[cases["result"].isin(ACCEPTED_RESULTS), "case_id"]
    by_reach = reached[reached.index.isin(accepted_cases) & ~reached.index.isin(wanted.index)]
    return pd.concat([wanted, by_reach]).dropna(), len(by_reach)


def accepted_by_landmark(
    households: Integers, time_zero: Integers, acceptances: History, question: AcceptedHelp
) -> Codes:
    """Arm of each episode: did the household accept help from time zero to the landmark day, shape (n,)."""
    count: Floats = acceptances.between(households, time_zero, time_zero + question.landmark_day + 1)
    return np.where(count > 0, "accepted", "not_accepted").astype(object)
