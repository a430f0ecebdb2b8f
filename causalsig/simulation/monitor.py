"""How true to life the invented municipalities are: the monitor's figures beside the simulated ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation.sites import MONTHS_OF_DATA, guaranteed_months

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from causalsig.simulation.site import SimulatedSite

TARGETS: Final = {
    "signals_per_1000_a_month": 4.4,
    "share_health_insurance": 0.42,
    "share_rent": 0.20,
    "share_energy": 0.20,
    "share_water": 0.18,
    "signals_an_episode": 1.12,
    "share_single": 0.52,
    "share_multiple": 0.12,
    "share_successive": 0.40,
    "reached": 0.20,
    "reached_written_only": 0.06,
    "reached_any_phone": 0.59,
    "reached_any_home_visit": 0.46,
    "accepted_of_reached": 0.36,
    "return_6_months_all": 0.40,
    "return_6_months_new": 0.21,
}
"""Divosa's monitor 2022 to 2024 and the project's base run; see docs for the sources of each."""
ACCEPTED: Final = ("quick_fix", "follow_up_help", "follow_up_help_financial", "follow_up_help_other")


def calibration(sites: SimulatedSite | Sequence[SimulatedSite]) -> pd.DataFrame:
    """Put the simulated figures of one or more sites beside the targets.

    Counts are summed over sites before a rate is taken. Signals and episodes are counted over the months that
    retention guarantees; reach and acceptance over closed cases opened in them.

    Returns
    -------
    pandas.DataFrame
        One row a figure: ``figure``, ``target``, ``simulated``. A figure nothing bears on is NaN.
    """
    import pandas as pd

    from causalsig.simulation.site import SimulatedSite

    listed = [sites] if isinstance(sites, SimulatedSite) else sites
    total: dict[str, NDArray[np.float64]] = {name: np.zeros(2) for name in TARGETS}
    for site in listed:
        for name, part in _parts(site).items():
            total[name] = total[name] + part
    simulated = [total[name][0] / total[name][1] if total[name][1] else np.nan for name in TARGETS]
    return pd.DataFrame({"figure": list(TARGETS), "target": list(TARGETS.values()), "simulated": simulated})


def _parts(site: SimulatedSite) -> dict[str, NDArray[np.float64]]:
    """Numerator and denominator of each figure."""
    months = guaranteed_months(site.spec, MONTHS_OF_DATA)
    end = np.datetime64(site.tables.extracted_on, "M") + 1
    signals = site.tables.signals
    received = signals["received_on"].to_numpy("datetime64[M]")
    inside = received >= end - months
    kind = signals["creditor_type"].to_numpy()[inside]
    n = float(len(kind))
    parts = {"signals_per_1000_a_month": np.array((n, site.spec.inhabitants * months / 1000))}
    for name in ("health_insurance", "rent", "energy", "water"):
        parts[f"share_{name}"] = np.array((float((kind == name).sum()), n))
    return parts | _episodes(site, end, months) | _contact(site, end, months)


def _episodes(site: SimulatedSite, end: np.datetime64, months: int) -> dict[str, NDArray[np.float64]]:
    """Mix of episodes and six-month returns at the address."""
    import pandas as pd

    signals = site.tables.signals
    repeats = signals[[f"repeat_m{k}" for k in range(1, 7)]].max(axis=1)
    frame = pd.DataFrame(
        {
            "household": signals["household_key"],
            "month": signals["received_on"].to_numpy("datetime64[M]").astype(np.int64),
            "new": signals["new_arrears"],
            "repeats": repeats,
        }
    )
    episodes = (
        frame.groupby(["household", "month"], sort=True)
        .agg(n=("new", "size"), new=("new", "max"), successive=("repeats", "max"))
        .reset_index()
    )
    last = int((end - 1).astype(np.int64))
    month = episodes["month"].to_numpy()
    inside = month > last - months
    multiple = (episodes["n"] >= 2).to_numpy()
    successive = (episodes["successive"] > 0).to_numpy()
    count = float(inside.sum())
    followed = inside & (month <= last - 6)
    new = episodes["new"].to_numpy() > 0
    gap = _gap_to_next(episodes["household"].to_numpy(), month, np.ones(len(month), np.bool_))
    gap_new = _gap_to_next(episodes["household"].to_numpy(), month, new)
    base = float(followed.sum())
    return {
        "signals_an_episode": np.array((float(episodes["n"].to_numpy()[inside].sum()), count)),
        "share_single": np.array((float((inside & ~multiple & ~successive).sum()), count)),
        "share_multiple": np.array((float((inside & multiple).sum()), count)),
        "share_successive": np.array((float((inside & successive).sum()), count)),
        "return_6_months_all": np.array((float((followed & (gap <= 6)).sum()), base)),
        "return_6_months_new": np.array((float((followed & (gap_new <= 6)).sum()), base)),
    }


def _gap_to_next(
    household: NDArray[np.object_], month: NDArray[np.int64], counts: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Months to the household's next episode that counts; rows ordered by household and month."""
    gap = np.full(len(month), np.inf)
    following = np.inf
    for row in range(len(month) - 2, -1, -1):
        if household[row] != household[row + 1]:
            following = np.inf
        elif counts[row + 1]:
            following = float(month[row + 1])
        gap[row] = following - month[row]
    return gap


def _contact(site: SimulatedSite, end: np.datetime64, months: int) -> dict[str, NDArray[np.float64]]:
    """Reach and acceptance of cases by the methods tried; reach of all counts who was never attempted."""
    cases = site.tables.cases
    attempts = site.tables.attempts
    opened = cases["opened_on"].to_numpy("datetime64[M]")
    closed = cases["closed_on"].notna().to_numpy()
    held = cases[(opened >= end - months) & (opened <= end - 3) & closed].set_index("case_id")
    own = attempts[attempts["case_id"].isin(held.index)]
    phone = own["case_id"][own["method"] == "phone"].unique()
    visit = own["case_id"][own["method"] == "home_visit"].unique()
    reached = own.groupby("case_id")["reached"].max()
    by_phone, by_visit = reached.index.isin(phone), reached.index.isin(visit)
    yes = reached.to_numpy() > 0
    accepted = held["result"].reindex(reached.index).isin(ACCEPTED).to_numpy() & yes
    offered = len(held) + _never_taken_up(site, end, months)

    def share(of: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.array((float((yes & of).sum()), float(of.sum())))

    return {
        "reached": np.array((float(yes.sum()), float(offered))),
        "reached_written_only": share(~by_phone & ~by_visit),
        "reached_any_phone": share(by_phone),
        "reached_any_home_visit": share(by_visit),
        "accepted_of_reached": np.array((float(accepted.sum()), float(yes.sum()))),
    }


def _never_taken_up(site: SimulatedSite, end: np.datetime64, months: int) -> int:
    """Episodes at or above the threshold, without an open case, that never became a case."""
    tables = site.tables
    episodes = tables.episodes
    owed = tables.signals.groupby("episode_id")["amount_cents"].sum().reindex(episodes["episode_id"])
    month = episodes["matched_on"].to_numpy("datetime64[M]")
    wanted = (
        episodes["case_id"].isna().to_numpy()
        & (owed.to_numpy() >= site.spec.threshold_eur * 100.0)
        & (month >= end - months)
        & (month <= end - 3)
    )
    free = episodes.loc[wanted, ["episode_id", "household_key", "matched_on"]]
    known = tables.cases.dropna(subset=["household_key"])[["household_key", "opened_on", "closed_on"]]
    pairs = free.merge(known, on="household_key")
    open_then = (pairs["opened_on"] < pairs["matched_on"]) & (
        pairs["closed_on"].isna() | (pairs["closed_on"] > pairs["matched_on"])
    )
    busy: pd.Series = pairs.loc[open_then, "episode_id"]
    return len(free) - int(busy.nunique())
