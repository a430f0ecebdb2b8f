"""Plain analyses of a municipality's tables, each blind to one trap: estimate and clustered standard error.

They need no cohort machinery: shares of returns of two groups of cases, adjusted at most for recorded history
by strata, and counts of signals in two periods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.sources.schema import SiteTables

GRACE = 14
PAUSE = 45
BLANK = 60
QUARTER = 91
HALF_YEAR = 182
PERSONAL = ("phone", "home_visit")
ENDED_OTHERWISE = ("known_in_debt_help", "not_resident", "deceased")
HELPED = ("quick_fix", "follow_up_help", "follow_up_help_financial", "follow_up_help_other")


@dataclass(frozen=True, slots=True)
class Cases:
    """Cases of a municipality, one row each, (n,), and all its signals.

    Attributes
    ----------
    household, zero : int64
        Code, and day of the match.
    first, heaviest : object
        First method within 14 days (None: later or none), and the most intensive one of all.
    reached, accepted, ended : bool
        Reached within 28 days; result is help; result says the case ended for another reason.
    stratum : int64
        Recorded history: earlier signals, several signals.
    signals : dict
        Household and day of signals as one number, sorted, for counting returns: ``all`` of them and those
        with ``new`` arrears; in ``own`` the creditor too.
    creditors : (2, p) int64
        Row of the case, and household and creditor as one number, of each signal that is taken up.
    extracted : int
        Day of the extract.
    """

    household: NDArray[np.int64]
    zero: NDArray[np.int64]
    first: NDArray[np.object_]
    heaviest: NDArray[np.object_]
    reached: NDArray[np.bool_]
    accepted: NDArray[np.bool_]
    ended: NDArray[np.bool_]
    stratum: NDArray[np.int64]
    signals: dict[str, NDArray[np.int64]]
    creditors: NDArray[np.int64]
    extracted: int

    def followed(self, days: int) -> NDArray[np.bool_]:
        """Say which cases opened so many days before the extract, or more."""
        return self.zero <= self.extracted - days

    def returned(self, start: int, days: int, which: str = "all") -> NDArray[np.float64]:
        """Say who has a signal from ``start`` days after the match, for so many days.

        ``which`` is ``all``, ``new`` (with new arrears), or ``own``: of a creditor the case is about.
        """
        row = np.arange(len(self.zero)) if which != "own" else self.creditors[0]
        who = self.household if which != "own" else self.creditors[1]
        known, base = self.signals[which], who * SPAN + self.zero[row] + start
        found = np.searchsorted(known, base + days) - np.searchsorted(known, base)
        return (np.bincount(row, found, len(self.zero)) > 0).astype(np.float64)


SPAN = 1 << 20
MOST_CREDITORS = 1 << 8


def cases_of(tables: SiteTables) -> Cases:
    """Collect the cases whose household is known."""
    import pandas as pd

    signals, episodes = tables.signals, tables.episodes
    keys = pd.Index(signals["household_key"].unique())
    code = keys.get_indexer(signals["household_key"]).astype(np.int64)
    debt = code * MOST_CREDITORS + pd.factorize(signals["creditor_id"])[0]
    day = signals["received_on"].to_numpy("datetime64[D]").astype(np.int64)
    new = signals["new_arrears"].to_numpy() > 0
    history = signals[["repeat_m1", "repeat_m2", "repeat_m3"]].to_numpy().max(axis=1)
    per_episode = (
        pd.DataFrame({"e": signals["episode_id"], "h": history}).groupby("e")["h"].agg(["max", "size"])
    )
    rows = episodes[episodes["case_id"].notna()].merge(tables.cases, on="case_id", suffixes=("", "_case"))
    zero = rows["opened_on"].to_numpy("datetime64[D]").astype(np.int64)
    own = rows["matched_on"].to_numpy("datetime64[D]").astype(np.int64) == zero
    rows, zero = rows[own], zero[own]
    tried = _attempts(tables, rows, zero)
    facts = per_episode.reindex(rows["episode_id"])
    case = pd.Index(rows["episode_id"]).get_indexer(signals["episode_id"])
    result = rows["result"]
    return Cases(
        household=keys.get_indexer(rows["household_key"]).astype(np.int64),
        zero=zero,
        first=tried["first"].to_numpy(dtype=object),
        heaviest=tried["heaviest"].to_numpy(dtype=object),
        reached=tried["reached"].to_numpy(dtype=bool),
        accepted=result.isin(HELPED).to_numpy(),
        ended=result.isin(ENDED_OTHERWISE).to_numpy(),
        stratum=(facts["max"].to_numpy() > 0) * 2 + (facts["size"].to_numpy() > 1),
        signals={
            "all": np.sort(code * SPAN + day),
            "new": np.sort(code[new] * SPAN + day[new]),
            "own": np.sort(debt * SPAN + day),
        },
        creditors=np.stack([case, debt])[:, case >= 0],
        extracted=int(np.datetime64(tables.extracted_on, "D").astype(np.int64)),
    )


def _attempts(tables: SiteTables, rows: Any, zero: NDArray[np.int64]) -> Any:
    """First method in time, the heaviest one, and whether anybody was reached within 28 days, by case."""
    import pandas as pd

    attempts = tables.attempts.merge(pd.DataFrame({"case_id": rows["case_id"].to_numpy(), "zero": zero}))
    day = attempts["attempted_on"].to_numpy("datetime64[D]").astype(np.int64) - attempts["zero"].to_numpy()
    weight = attempts["method"].map({"phone": 1, "home_visit": 2}).fillna(0)
    attempts = attempts.assign(day=day, weight=weight, hit=(attempts["reached"] > 0) & (day <= 28))
    ordered = attempts.sort_values(["case_id", "day"], kind="stable").groupby("case_id")
    found = ordered.agg(
        method=("method", "first"), day=("day", "first"), weight=("weight", "max"), hit=("hit", "max")
    )
    found = found.reindex(rows["case_id"])
    in_time = (found["day"] <= GRACE).to_numpy()
    return pd.DataFrame(
        {
            "first": found["method"].where(in_time).to_numpy(dtype=object),
            "heaviest": np.where(
                found["weight"] == 2, "home_visit", np.where(found["weight"] == 1, "phone", "letter")
            ),
            "reached": found["hit"].eq(True).to_numpy(),
        }
    )


def difference(
    outcome: NDArray[np.float64],
    one: NDArray[np.bool_],
    other: NDArray[np.bool_],
    household: NDArray[np.int64],
    stratum: NDArray[np.int64] | None = None,
) -> tuple[float, float]:
    """Difference of means of two groups, within strata where given; error clustered by household.

    Strata are weighted by their share of group ``one``.
    """
    (mean_one, mean_other), influence = _standardised(outcome, one, other, stratum)
    return mean_one - mean_other, _error(influence[0] - influence[1], household)


def log_ratio(
    outcome: NDArray[np.float64],
    one: NDArray[np.bool_],
    other: NDArray[np.bool_],
    household: NDArray[np.int64],
    stratum: NDArray[np.int64] | None = None,
) -> tuple[float, float]:
    """Give the log of the ratio of the same two means."""
    (mean_one, mean_other), influence = _standardised(outcome, one, other, stratum)
    estimate = float(np.log(mean_one / mean_other))
    return estimate, _error(influence[0] / mean_one - influence[1] / mean_other, household)


def _standardised(
    outcome: NDArray[np.float64],
    one: NDArray[np.bool_],
    other: NDArray[np.bool_],
    stratum: NDArray[np.int64] | None,
) -> tuple[tuple[float, float], NDArray[np.float64]]:
    """Mean of each group over the strata of the first, and influence values (2, n) that add up to it."""
    where = np.zeros(len(outcome), np.int64) if stratum is None else stratum
    share = np.bincount(where[one], minlength=where.max() + 1) / one.sum()
    influence = np.zeros((2, len(outcome)))
    means = np.zeros(2)
    for at, group in enumerate((one, other)):
        n = np.bincount(where[group], minlength=len(share))
        mean = np.bincount(where[group], outcome[group], len(share)) / np.maximum(n, 1)
        means[at] = share @ mean
        influence[at, group] = (share / np.maximum(n, 1))[where[group]] * (
            outcome[group] - mean[where[group]]
        )
        # Whose strata the means are over is itself drawn.
        influence[at, one] += (mean[where[one]] - means[at]) / one.sum()
    return (float(means[0]), float(means[1])), influence


def _error(influence: NDArray[np.float64], household: NDArray[np.int64]) -> float:
    return float(np.sqrt((np.bincount(household, influence) ** 2).sum()))


def log_change(cases: Cases, before: tuple[str, str], after: tuple[str, str]) -> tuple[float, float]:
    """Log of the signals a month after over before; months (first, last), error clustered by household."""
    household, day = np.divmod(cases.signals["all"], SPAN)
    month = day.astype("datetime64[D]").astype("datetime64[M]")
    rates, influence = [], np.zeros(len(month))
    for sign, (first, last) in ((-1.0, before), (1.0, after)):
        inside = (month >= np.datetime64(first)) & (month <= np.datetime64(last))
        months = int((np.datetime64(last) - np.datetime64(first)).astype(np.int64)) + 1
        rates.append(inside.sum() / months)
        influence += sign * inside / inside.sum()
    return float(np.log(rates[1] / rates[0])), _error(influence, household)
