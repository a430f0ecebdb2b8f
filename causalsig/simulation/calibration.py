"""How true to life the invented country is: the monitor's figures beside the simulated ones."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from causalsig.simulation.scenario import Scenario
    from causalsig.simulation.site import SimulatedSite
    from causalsig.simulation.sites import SiteSpec

RELATIVE_BAND: Final = 0.05
SHARE_BAND: Final = 0.02
EXTRACTED_ON: Final = date(2024, 12, 31)
MONTHS: Final = 36
LAST_MONTHS: Final = 24
"""What is counted over the latest years is counted over so many months."""
SITES: Final = 200
INHABITANTS: Final = 10_000
"""Many small sites: what is national is then known well, and sites differ as they do."""
_CREDITORS: Final = {"health_insurance": "health", "rent": "rent", "energy": "energy", "water": "water"}
LAST_YEARS: Final = ("2023", "2024")
ACCEPTED: Final = ("quick_fix", "follow_up_help", "follow_up_help_financial", "follow_up_help_other")
Parts = dict[str, "NDArray[np.float64]"]


@dataclass(frozen=True, slots=True)
class Target:
    """A figure the base scenario is held to.

    Attributes
    ----------
    name : str
    target : float
    kind : {"rate", "share"}
    source : str
        V published, D arithmetic on published figures, A assumption, with the key of the source.
    """

    name: str
    target: float
    kind: Literal["rate", "share"]
    source: str

    @property
    def band(self) -> float:
        """How far off the simulated figure may be, in its own unit."""
        return SHARE_BAND if self.kind == "share" else RELATIVE_BAND * self.target


def targets() -> tuple[Target, ...]:
    """All figures, in the order of ``targets.toml``."""
    text = (resources.files("causalsig.simulation") / "targets.toml").read_text("utf-8")
    return tuple(Target(name, **row) for name, row in tomllib.loads(text).items())


def calibration_country(
    scenario: Scenario, seed: int, sites: int = SITES
) -> tuple[Scenario, tuple[SiteSpec, ...]]:
    """Scenario and municipalities the targets are about: everything kept, extracted at the end of 2024."""
    from causalsig.simulation.sites import draw_sites

    law = scenario.model_copy(update={"extracted_on": EXTRACTED_ON})
    return law, draw_sites(law, sites, seed, inhabitants=INHABITANTS, retention="full")


def calibration_parts(scenario: Scenario, spec: SiteSpec, seed: int) -> Parts:
    """Simulate one municipality of :func:`calibration_country`; numerator and denominator of each figure."""
    from causalsig.simulation.site import simulate_site

    return parts_of(simulate_site(spec, scenario, seed, months=MONTHS, truth=False))


def calibrate(
    scenario: Scenario,
    seed: int,
    sites: int = SITES,
    *,
    workers: int = 1,
    on_finish: Callable[[], None] | None = None,
) -> pd.DataFrame:
    """Simulate a country and compare it with the targets; about 0.15 s a municipality.

    Parameters
    ----------
    scenario : Scenario
    seed : int
    sites : int
        Municipalities of 10,000 inhabitants; with fewer than a hundred a verdict may be chance.
    workers : int
        Processes side by side; the figures do not depend on it.
    on_finish : callable, optional
        Called when a municipality is done.

    Returns
    -------
    pandas.DataFrame
        One row a figure: ``figure``, ``target``, ``simulated``, ``band``, ``holds``.
    """
    law, specs = calibration_country(scenario, seed, sites)
    parts: list[Parts] = []
    for part in _each(law, specs, seed, workers):
        parts.append(part)
        if on_finish is not None:
            on_finish()
    return compare(parts)


def _each(scenario: Scenario, specs: Sequence[SiteSpec], seed: int, workers: int) -> Iterator[Parts]:
    """Parts of each municipality, in the order of ``specs``."""
    if workers == 1:
        yield from (calibration_parts(scenario, spec, seed) for spec in specs)
        return
    from concurrent.futures import ProcessPoolExecutor
    from functools import partial
    from multiprocessing import get_context

    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(_parts_of_spec, scenario, seed), specs, chunksize=4)


def _parts_of_spec(scenario: Scenario, seed: int, spec: SiteSpec) -> Parts:
    return calibration_parts(scenario, spec, seed)


def compare(parts: Iterable[Mapping[str, NDArray[np.float64]]]) -> pd.DataFrame:
    """Put figures, of which numerators and denominators are summed over sites, beside the targets.

    Figures per inhabitant count inhabitants of a municipality with the national mean of debt: a site's are
    multiplied by its rate relative to the national one, so that the luck of which sites were drawn is out.
    """
    import pandas as pd

    total: Parts = {}
    for part in parts:
        for name, pair in part.items():
            total[name] = total.get(name, np.zeros(2)) + pair
    rows = []
    for target in targets():
        above, below = total.get(target.name, np.zeros(2))
        simulated = float(above / below) if below else float("nan")
        rows.append(
            {
                "figure": target.name,
                "target": target.target,
                "simulated": simulated,
                "band": target.band,
                "holds": bool(abs(simulated - target.target) <= target.band),
            }
        )
    return pd.DataFrame(rows)


def parts_of(site: SimulatedSite) -> Parts:
    """Numerator and denominator of each figure of one municipality, with full retention."""
    end = np.datetime64(EXTRACTED_ON, "M")
    return _signals(site) | _episodes(site) | _contact(site, end, LAST_MONTHS, months_to_close=3)


def window_parts(site: SimulatedSite, months: int, *, months_to_close: int) -> Parts:
    """Numerator and denominator of the figures a municipality's own monitor shows of its last months.

    Parameters
    ----------
    site : SimulatedSite
    months : int
        Whole months before the extraction date; retention must guarantee all of them.
    months_to_close : int
        Cases of so many last months are left out of reach and acceptance: many of them are open.
    """
    end = np.datetime64(site.tables.extracted_on, "M")
    signals = site.tables.signals
    inside = signals["received_on"].to_numpy("datetime64[M]") > end - months
    kind = signals["creditor_type"].to_numpy(dtype=object)
    parts = {"signals_per_1000_a_month": _pair(inside.sum(), site.spec.inhabitants * months / 1000)}
    for creditor, word in _CREDITORS.items():
        parts[f"share_{word}"] = _pair((inside & (kind == creditor)).sum(), inside.sum())
    mix = _mix(episode_frame(site), int(end.astype(np.int64)), months)
    return parts | mix | _contact(site, end, months, months_to_close=months_to_close)


def _pair(above: float, below: float) -> NDArray[np.float64]:
    return np.array((float(above), float(below)))


def _signals(site: SimulatedSite) -> Parts:
    signals = site.tables.signals
    month = signals["received_on"].to_numpy("datetime64[M]")
    year = month.astype("datetime64[Y]").astype(str)
    of_year = month.astype(np.int64) % 12 + 1
    kind = signals["creditor_type"].to_numpy(dtype=object)
    thousands = site.spec.inhabitants * site.spec.rate_multiplier / 1000
    parts: Parts = {}
    march = _pair(0.0, 0.0)
    for each in ("2022", "2023", "2024"):
        inside = year == each
        n = inside.sum()
        parts[f"signals_per_1000_{each}"] = _pair(n, thousands * 12)
        for creditor, word in _CREDITORS.items():
            parts[f"share_{word}_{each}"] = _pair((inside & (kind == creditor)).sum(), n)
        march += _pair((inside & (of_year == 3)).sum(), n / 12)
    parts["march_index"] = march
    energy = (kind == "energy") & np.isin(year, LAST_YEARS)
    new = energy & (signals["new_arrears"].to_numpy() > 0)
    winter = np.isin(of_year, (11, 12, 1, 2))
    # Per month: four months of winter against eight of the others.
    parts["energy_winter_index"] = _pair((new & winter).sum() / 4, (new & ~winter).sum() / 8)
    latest = energy & (year == "2024")
    parts["end_of_supply_2024"] = _pair((signals["crisis"].to_numpy() > 0)[latest].sum(), latest.sum())
    return parts


def episode_frame(site: SimulatedSite) -> pd.DataFrame:
    """One row an episode by household and month: signals, new arrears, earlier signals, later episodes.

    ``gap`` and ``gap_new`` are months to the household's next episode, and to its next with new arrears;
    infinite when there is none.
    """
    import pandas as pd

    signals = site.tables.signals
    repeats = signals[[f"repeat_m{k}" for k in range(1, 7)]].to_numpy().max(axis=1)
    frame = pd.DataFrame(
        {
            "household": pd.factorize(signals["household_key"])[0],
            "month": signals["received_on"].to_numpy("datetime64[M]").astype(np.int64),
            "new": signals["new_arrears"].to_numpy(),
            "repeats": repeats,
            "cents": signals["amount_cents"].to_numpy(),
        }
    )
    rows = (
        frame.groupby(["household", "month"], sort=True)
        .agg(n=("new", "size"), new=("new", "max"), successive=("repeats", "max"), cents=("cents", "sum"))
        .reset_index()
    )
    household, month = rows["household"].to_numpy(), rows["month"].to_numpy()
    rows["gap"] = _gap_to_next(household, month, np.ones(len(month), np.bool_))
    rows["gap_new"] = _gap_to_next(household, month, rows["new"].to_numpy() > 0)
    return rows


def _gap_to_next(
    household: NDArray[np.int64], month: NDArray[np.int64], counts: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Months to the household's next episode that counts; rows ordered by household and month."""
    n = len(month)
    position = np.where(counts, np.arange(n), n)
    following = np.append(np.minimum.accumulate(position[::-1])[::-1][1:], n)
    inside = np.minimum(following, max(n - 1, 0))
    same = (following < n) & (household[inside] == household)
    return np.where(same, month[inside] - month, np.inf)


def _episodes(site: SimulatedSite) -> Parts:
    """Mix of episodes, returns at the address, and households flagged in a year."""
    rows = episode_frame(site)
    month = rows["month"].to_numpy()
    end = int(np.datetime64(EXTRACTED_ON, "M").astype(np.int64))
    inside = month > end - LAST_MONTHS
    six, twelve = inside & (month <= end - 6), inside & (month <= end - 12)
    gap, gap_new = rows["gap"].to_numpy(), rows["gap_new"].to_numpy()
    year = month > end - 12
    flagged = rows.loc[year, "household"].nunique()
    return _mix(rows, end, LAST_MONTHS) | {
        "return_6_months_all": _pair((six & (gap <= 6)).sum(), six.sum()),
        "return_6_months_new": _pair((six & (gap_new <= 6)).sum(), six.sum()),
        "return_12_months_all": _pair((twelve & (gap <= 12)).sum(), twelve.sum()),
        "households_flagged_a_year": _pair(flagged, site.spec.households * site.spec.rate_multiplier),
        "episodes_a_flagged_household": _pair(year.sum(), flagged),
    }


def _mix(rows: pd.DataFrame, end: int, months: int) -> Parts:
    """Single, multiple and successive among the episodes of the ``months`` up to month ``end``."""
    inside = rows["month"].to_numpy() > end - months
    n = rows["n"].to_numpy()
    multiple, successive = n >= 2, rows["successive"].to_numpy() > 0
    count = inside.sum()
    return {
        "signals_an_episode": _pair(n[inside].sum(), count),
        "share_single": _pair((inside & ~multiple & ~successive).sum(), count),
        "share_multiple": _pair((inside & multiple).sum(), count),
        "share_successive": _pair((inside & successive).sum(), count),
    }


def _contact(site: SimulatedSite, end: np.datetime64, months: int, *, months_to_close: int) -> Parts:
    """Methods, reach and acceptance of the episodes offered help, in the months up to ``end``."""
    first, last = end - months + 1, end - months_to_close
    cases, attempts = site.tables.cases, site.tables.attempts
    opened = cases["opened_on"].to_numpy("datetime64[M]")
    closed = cases["closed_on"].notna().to_numpy()
    held = cases[(opened >= first) & (opened <= last) & closed].set_index("case_id")
    own = attempts[attempts["case_id"].isin(held.index)]
    method = own["method"].to_numpy(dtype=object)
    by_case = (
        own.assign(phone=method == "phone", visit=method == "home_visit")
        .groupby("case_id")[["reached", "phone", "visit"]]
        .max()
    )
    yes = by_case["reached"].to_numpy() > 0
    phone, visit = by_case["phone"].to_numpy(bool), by_case["visit"].to_numpy(bool)
    accepted = held["result"].reindex(by_case.index).isin(ACCEPTED).to_numpy() & yes
    offered = len(held) + _never_taken_up(site, first, last)
    written = ~phone & ~visit

    def share(of: Any) -> NDArray[np.float64]:
        return _pair((yes & of).sum(), of.sum())

    return {
        "share_written_only": _pair(written.sum(), offered),
        "share_personal": _pair((~written).sum(), offered),
        "share_no_attempt": _pair(offered - len(by_case), offered),
        "reached": _pair(yes.sum(), offered),
        "reached_written_only": share(written),
        "reached_any_phone": share(phone),
        "reached_any_home_visit": share(visit),
        "accepted_of_reached": _pair(accepted.sum(), yes.sum()),
        "accepted_of_episodes": _pair(accepted.sum(), offered),
    }


def _never_taken_up(site: SimulatedSite, first: np.datetime64, last: np.datetime64) -> int:
    """Episodes at or above the threshold, without an open case, that never became a case."""
    tables = site.tables
    episodes = tables.episodes
    owed = tables.signals.groupby("episode_id")["amount_cents"].sum().reindex(episodes["episode_id"])
    month = episodes["matched_on"].to_numpy("datetime64[M]")
    wanted = (
        episodes["case_id"].isna().to_numpy()
        & (owed.to_numpy() >= site.spec.threshold_eur * 100.0)
        & (month >= first)
        & (month <= last)
    )
    free = episodes.loc[wanted, ["episode_id", "household_key", "matched_on"]]
    known = tables.cases.dropna(subset=["household_key"])[["household_key", "opened_on", "closed_on"]]
    pairs = free.merge(known, on="household_key")
    open_then = (pairs["opened_on"] < pairs["matched_on"]) & (
        pairs["closed_on"].isna() | (pairs["closed_on"] > pairs["matched_on"])
    )
    busy: pd.Series = pairs.loc[open_then, "episode_id"]
    return len(free) - int(busy.nunique())
