"""Invented municipalities as files: workbooks, the inventory that goes with them, and their truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.errors import SimulationError
from causalsig.execution.processes import process_pool
from causalsig.execution.truth import inventory_site
from causalsig.release.files import write_atomic

if TYPE_CHECKING:
    from causalsig.simulation import Scenario, SiteSpec, SiteTruth
    from causalsig.simulation.truth_file import SiteRows
    from causalsig.study.inventory import Site

SMALL_SITE_INHABITANTS = 18_000
MIN_INHABITANTS = 60_000
TRUTH_OUTCOMES = ("any_new_arrears_3m", "any_all_3m", "count_new_arrears_3m", "any_new_arrears_6m")
ESTIMANDS = ("ATO", "ATE")


@dataclass(frozen=True, slots=True)
class InventedCountry:
    """What :func:`invent_country` is to make.

    Attributes
    ----------
    scenario : str
        Packaged name or path of a scenario file.
    effect : str or None
        Effect in force; None: the scenario's own.
    sites : int
    small_strict : int
        How many of the sites are small and keep signals for six months only.
    seed : int
    months : int
        Months of data in each extract.
    inhabitants : int or None
        Size of every site that is not small; None: drawn, at least 60,000 where the scenario says nothing.
    """

    scenario: str
    effect: str | None
    sites: int
    small_strict: int
    seed: int
    months: int = 30
    inhabitants: int | None = None


def country_specs(country: InventedCountry) -> tuple[Scenario, tuple[SiteSpec, ...]]:
    """Read the scenario and draw the country's municipalities; the small ones come last."""
    from causalsig.simulation import draw_sites, load_scenario

    scenario = load_scenario(country.scenario, country.effect)
    specs = draw_sites(
        scenario,
        country.sites,
        country.seed,
        minimum_inhabitants=None if scenario.sites.minimum_inhabitants else MIN_INHABITANTS,
        inhabitants=country.inhabitants,
    )
    large = country.sites - country.small_strict
    small = tuple(
        replace(spec, inhabitants=SMALL_SITE_INHABITANTS, retention="strict6") for spec in specs[large:]
    )
    return scenario, specs[:large] + small


def invent_country(
    country: InventedCountry,
    folder: Path,
    *,
    workers: int = 2,
    on_finish: Callable[[str], None] | None = None,
) -> tuple[Site, ...]:
    """Write ``sources/<code>.xlsx``, ``truth/<code>.json``, ``truth.json`` and ``inventory.toml``.

    Every site depends on the seed and its own number only, so any number of workers gives the same files.

    Returns
    -------
    tuple of Site
        The inventory's entries.

    Raises
    ------
    SimulationError
        ``simulation-process``: the system ended a process. The inventory is not written.
    """
    from causalsig.simulation import country_truth

    tell = on_finish or (lambda code: None)
    scenario, specs = country_specs(country)
    for name in ("sources", "truth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with process_pool(workers) as pool:
        futures = [pool.submit(invent_site, spec, scenario, country, folder) for spec in specs]
        try:
            for future in as_completed(futures):
                tell(future.result())
        except BrokenProcessPool:
            raise SimulationError(
                "simulation-process",
                expected="every process to make its municipality",
                found="one that was ended from outside",
                mend="Start again; with fewer --workers when the machine was short of memory.",
                where=str(folder),
            ) from None
    truth = country_truth(
        scenario.name, scenario.effect, [_read_rows(folder / "truth" / f"{spec.code}.json") for spec in specs]
    )
    write_atomic(
        folder / "truth.json", (truth.model_dump_json(exclude_none=True) + "\n").encode(), force=True
    )
    sites = tuple(
        inventory_site(spec, months=country.months, extracted_on=scenario.extracted_on) for spec in specs
    )
    write_atomic(folder / "inventory.toml", inventory_toml(sites).encode(), force=True)
    return sites


def invent_site(spec: SiteSpec, scenario: Scenario, country: InventedCountry, folder: Path) -> str:
    """Simulate one municipality and write its workbook and truth; return its code."""
    from threadpoolctl import threadpool_limits

    from causalsig.simulation import simulate_site
    from causalsig.simulation.xxllnc import write_workbook

    with threadpool_limits(limits=1):
        simulated = simulate_site(spec, scenario, country.seed, months=country.months)
        mixed = scenario.resolved().traps.mixed_locales.share
        source = folder / "sources" / f"{spec.code}.xlsx"
        write_workbook(simulated.tables, source, name=spec.name, mixed_locales=mixed)
        assert simulated.truth is not None
        content = json.dumps(truth_record(simulated.truth), sort_keys=True)
        write_atomic(folder / "truth" / f"{spec.code}.json", (content + "\n").encode(), force=True)
    return str(spec.code)


def truth_record(truth: SiteTruth) -> dict[str, Any]:
    """Give true arm means of every question, outcome and estimand, with the episodes they are over.

    ``means`` are those of the default study's estimands, ``rows`` those of the truth file.
    """
    from causalsig.simulation import site_rows

    means = []
    for question in truth.propensity:
        for outcome in TRUTH_OUTCOMES:
            if np.isnan(truth.potential[question][outcome]).any(axis=1).all():
                continue
            for estimand in ESTIMANDS:
                found = truth.arm_means(question, outcome, estimand)
                means.append(
                    {
                        "question": question,
                        "outcome": outcome,
                        "estimand": estimand,
                        "arms": dict(zip(found.arms, np.round(found.means, 8).tolist(), strict=True)),
                        "episodes": found.episodes,
                    }
                )
    return {
        "kind": "truth",
        "municipality": truth.municipality,
        "scenario": truth.scenario,
        "effect": truth.effect,
        "means": means,
        "rows": site_rows(truth).model_dump(mode="json", exclude_none=True),
    }


def _read_rows(path: Path) -> SiteRows:
    """Rows of the truth file that a municipality's own truth holds."""
    from causalsig.simulation.truth_file import SiteRows

    return SiteRows.model_validate(json.loads(path.read_text("utf-8"))["rows"])


def inventory_toml(sites: tuple[Site, ...]) -> str:
    """Write the inventory as TOML; every value of a site is text, a number or a date."""
    lines = ['schema_version = "0.1"', 'provider = "Demonstratie"', ""]
    for site in sites:
        values = site.model_dump(mode="python", exclude_none=True)
        tables = {name: value for name, value in values.items() if isinstance(value, dict)}
        lines.append("[[sites]]")
        lines += [f"{name} = {_toml(value)}" for name, value in values.items() if name not in tables]
        for name, table in tables.items():
            if table:
                lines.append(f"[sites.{name}]")
                lines += [f"{key} = {_toml(value)}" for key, value in table.items()]
        lines.append("")
    return "\n".join(lines)


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def expected_table(country: InventedCountry) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Give code, name and expected households an arm of each site, before anything is simulated."""
    from causalsig.simulation import expected_counts

    scenario, specs = country_specs(country)
    for spec in specs:
        yield spec.code, spec.name, expected_counts(spec, scenario, country.months)
