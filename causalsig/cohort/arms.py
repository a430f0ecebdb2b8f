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
LONGEST_PERIOD = 31
"""Days of a matching period, at most."""
UNMAPPED = "unmapped"
"""First attempt by a method that the study's map leaves out: belongs to no arm."""

Codes = NDArray[np.object_]


def first_method(
    case_ids: Codes, time_zero: Integers, attempts: pd.DataFrame, question: ContactMethod
) -> Codes:
    """Arm of each episode by its first attempt within the grace period, shape (n,).

    Intention: an attempt counts whether anyone was reached or not. An attempt on the episode's own case up to
    one matching period before its time zero (a crisis that did not wait for the matching day) counts as day
    0; earlier ones belong to something else. A method that the study maps to "none" is no attempt.

    Parameters
    ----------
    case_ids : (n,) object
        Case that each episode opened, None when it opened none; no case is listed twice.
    time_zero : (n,) int
        Day of matching.
    attempts : pandas.DataFrame
        Canonical attempts.
    question : ContactMethod
        Grace period and the map from recorded method to arm.
    """
    import pandas as pd

    arms = np.full(len(case_ids), "none", dtype=object)
    opened = np.flatnonzero([case is not None for case in case_ids])
    cases = pd.Index(case_ids[opened])
    owner = cases.get_indexer(pd.Index(attempts["case_id"]))
    method = attempts["method"].map(lambda code: question.method_map.get(code, UNMAPPED)).to_numpy(object)
    intensity = np.array([INTENSITY.get(code, -1) for code in method], dtype=np.int64)
    day = to_days(attempts["attempted_on"].to_numpy("datetime64[D]"))

    usable = (owner >= 0) & (day > np.iinfo(np.int64).min) & (method != "none")
    elapsed = np.full(len(owner), -LONGEST_PERIOD - 1, dtype=np.int64)
    elapsed[usable] = day[usable] - time_zero[opened][owner[usable]]
    usable &= (elapsed >= -LONGEST_PERIOD) & (elapsed <= question.grace_days)
    elapsed = np.maximum(elapsed, 0)
    order = np.lexsort((-intensity[usable], elapsed[usable], owner[usable]))
    found = owner[usable][order]
    first = np.ones(len(found), dtype=bool)
    first[1:] = found[1:] != found[:-1]
    arms[opened[found[first]]] = method[usable][order][first]
    return arms


def acceptance_dates(cases: pd.DataFrame, attempts: pd.DataFrame) -> tuple[pd.Series, frozenset[str]]:
    """Date on which each case's household accepted help.

    Dated by the first attempt at which help was wanted; else, for a case whose result says accepted, by its
    first reached attempt (`dated_by_reach`).

    Returns
    -------
    accepted_on : pandas.Series
        Indexed by ``case_id``; cases without acceptance are absent.
    undated : frozenset of str
        Cases whose household accepted help on a day that nothing tells.
    """
    import pandas as pd

    linked = attempts[attempts["case_id"].notna()]
    wants = linked["wants_help"] == 1.0
    wanted = linked[wants].groupby("case_id")["attempted_on"].min().dropna()
    reached = linked[linked["reached"] == 1.0].groupby("case_id")["attempted_on"].min().dropna()
    accepted = pd.Index(cases.loc[cases["result"].isin(ACCEPTED_RESULTS), "case_id"])
    by_reach = reached[reached.index.isin(accepted) & ~reached.index.isin(wanted.index)]
    dated = pd.concat([wanted, by_reach])
    said = accepted.union(pd.Index(linked.loc[wants, "case_id"]))
    return dated, frozenset(said.difference(dated.index))


def accepted_by_landmark(
    households: Integers,
    time_zero: Integers,
    acceptances: History,
    undated: NDArray[np.bool_],
    question: AcceptedHelp,
) -> Codes:
    """Arm of each episode: did the household accept help from time zero to the landmark day, shape (n,).

    Episodes with ``undated`` (n,) accepted on a day that nothing tells: they belong to no arm, since calling
    them not accepted would put treated households among the untreated.
    """
    count: Floats = acceptances.between(households, time_zero, time_zero + question.landmark_day + 1)
    arms = np.where(count > 0, "accepted", "not_accepted").astype(object)
    arms[undated & (count == 0)] = UNMAPPED
    return arms
