"""Invented municipalities as files: workbooks, the inventory that goes with them, and their truth."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.errors import SimulationError
from causalsig.execution.invented_files import SOURCE_FORMATS, SourceFormat, source_name, write_source
from causalsig.execution.processes import process_pool
from causalsig.execution.synthetic import INVENTED, MARK, write_mark
from causalsig.execution.truth import inventory_site
from causalsig.release.files import write_atomic
from causalsig.threads import one_thread

if TYPE_CHECKING:
    from causalsig.simulation import Scenario, SimulatedSite, SiteSpec, SiteTruth
    from causalsig.simulation.sites import Retention
    from causalsig.simulation.truth_file import SiteRows
    from causalsig.study.inventory import Site

SMALL_SITE_INHABITANTS = 18_000
MIN_INHABITANTS = 60_000
COUNTRY_SITES = 342
COUNTRY_MONTHS = 36
MADE = ".made"
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
        Size of every site that is not small; None: drawn.
    minimum : int or None
        Smallest size drawn; None: as the scenario says, and where it says nothing ``MIN_INHABITANTS``, below
        which the default study admits few.
    retention : str or None
        How long every site that is not small keeps signals; None: as the scenario says.
    format : str
        Of the sources; see :func:`causalsig.execution.invented_files.write_source`.
    truth : bool
        Whether the true answers are worked out, which takes as long as everything else.
    """

    scenario: str
    effect: str | None
    sites: int
    small_strict: int
    seed: int
    months: int = 30
    inhabitants: int | None = None
    minimum: int | None = None
    retention: Retention | None = None
    format: SourceFormat = "xxllnc-2026"
    truth: bool = True


def smallest_of(country: InventedCountry, scenario: Scenario) -> int:
    """Smallest size that is drawn: what is asked for, what the scenario says, or ``MIN_INHABITANTS``."""
    return country.minimum or scenario.sites.minimum_inhabitants or MIN_INHABITANTS


def country_specs(country: InventedCountry) -> tuple[Scenario, tuple[SiteSpec, ...]]:
    """Read the scenario and draw the country's municipalities; the small ones come last."""
    from causalsig.simulation import draw_sites, load_scenario

    scenario = load_scenario(country.scenario, country.effect)
    specs = draw_sites(
        scenario,
        country.sites,
        country.seed,
        minimum_inhabitants=smallest_of(country, scenario),
        inhabitants=country.inhabitants,
        retention=country.retention,
    )
    large = country.sites - country.small_strict
    small = tuple(
        replace(spec, inhabitants=SMALL_SITE_INHABITANTS, retention="strict6") for spec in specs[large:]
    )
    return scenario, specs[:large] + small


@dataclass(frozen=True, slots=True)
class InventedSite:
    """What one municipality holds, over its extracts."""

    code: str
    signals: int
    episodes: int


def invent_country(
    country: InventedCountry,
    folder: Path,
    *,
    workers: int = 2,
    on_finish: Callable[[str], None] | None = None,
) -> tuple[InventedSite, ...]:
    """Write ``sources/<code>...``, ``truth/<code>.json``, ``truth.json`` and ``inventory.toml``.

    Of a scenario with several waves each extract has a folder of its own, ``wave-1`` the earliest. Every site
    depends on the seed and its own number only, so any number of workers gives the same files. Started again
    after an interruption it makes only what is missing.

    Returns
    -------
    tuple of InventedSite
        By code.

    Raises
    ------
    SimulationError
        ``simulation-process``: the system ended a process. The inventory is not written.
    """
    tell = on_finish or (lambda code: None)
    scenario, specs = country_specs(country)
    (folder / MADE).mkdir(parents=True, exist_ok=True)
    made: dict[str, InventedSite] = {}
    with process_pool(workers) as pool:
        futures = [pool.submit(invent_site, spec, scenario, country, folder) for spec in specs]
        try:
            for future in as_completed(futures):
                site = future.result()
                made[site.code] = site
                tell(site.code)
        except BrokenProcessPool:
            raise SimulationError(
                "simulation-process",
                expected="every process to make its municipality",
                found="one that was ended from outside",
                mend="Start again; with fewer --workers when the machine was short of memory.",
                where=str(folder),
            ) from None
    # Of an earlier attempt that was interrupted, with other municipalities.
    others = {path.stem for path in (folder / MADE).glob("*.json")} - set(made)
    for wave in range(scenario.waves):
        _remove_sites(wave_folder(folder, scenario, wave), others)
        _write_summary(country, scenario, specs, wave_folder(folder, scenario, wave), wave)
    shutil.rmtree(folder / MADE)
    return tuple(made[spec.code] for spec in specs)


def wave_folder(folder: Path, scenario: Scenario, wave: int) -> Path:
    """Folder of an extract, counted from 0, the earliest."""
    return folder / f"wave-{wave + 1}" if scenario.waves > 1 else folder


def _write_summary(
    country: InventedCountry, scenario: Scenario, specs: tuple[SiteSpec, ...], folder: Path, wave: int
) -> None:
    """Write the truth over all sites, the mark of invented data, and last of all the inventory."""
    from causalsig.simulation import country_truth
    from causalsig.simulation.waves import MONTHS_A_WAVE, months_before

    if country.truth:
        rows = [_read_rows(folder / "truth" / f"{spec.code}.json") for spec in specs]
        truth = country_truth(scenario.name, scenario.effect, rows)
        content = truth.model_dump_json(exclude_none=True) + "\n"
        write_atomic(folder / "truth.json", content.encode(), force=True)
    earlier = MONTHS_A_WAVE * (scenario.waves - 1 - wave)
    *before, extracted_on = (
        months_before(scenario.extracted_on, MONTHS_A_WAVE * (scenario.waves - 1 - one))
        for one in range(wave + 1)
    )
    sites = tuple(
        inventory_site(spec, months=country.months - earlier, extracted_on=extracted_on).model_copy(
            update={"earlier_extracts": tuple(before)}
        )
        for spec in specs
    )
    write_mark(folder, [folder / "sources" / source_name(spec.code, country.format) for spec in specs])
    write_atomic(folder / "inventory.toml", inventory_toml(sites).encode(), force=True)


def invent_site(spec: SiteSpec, scenario: Scenario, country: InventedCountry, folder: Path) -> InventedSite:
    """Simulate one municipality and write its sources and truth, unless this very one is there."""
    from causalsig.simulation import simulate_waves

    marker = folder / MADE / f"{spec.code}.json"
    identity = _identity(spec, scenario, country)
    if marker.exists():
        record = json.loads(marker.read_text("utf-8"))
        if record.pop("identity") == identity:
            return InventedSite(**record)
    with one_thread():
        extracts = simulate_waves(spec, scenario, country.seed, months=country.months, truth=country.truth)
        mixed = scenario.resolved().traps.mixed_locales.share
        for wave, simulated in enumerate(extracts):
            own = wave_folder(folder, scenario, wave)
            write_source(
                simulated.tables, own / "sources", country.format, name=spec.name, mixed_locales=mixed
            )
            _write_truth(simulated, own / "truth")
    site = InventedSite(
        str(spec.code),
        sum(len(one.tables.signals) for one in extracts),
        sum(len(one.tables.episodes) for one in extracts),
    )
    if marker.parent.exists():
        record = {"identity": identity, **asdict(site)}
        write_atomic(marker, (json.dumps(record) + "\n").encode(), force=True)
    return site


def _identity(spec: SiteSpec, scenario: Scenario, country: InventedCountry) -> str:
    """Digest of everything a municipality's files follow from; how many others there are is no part of it."""
    from causalsig import __version__

    asked = (country.seed, country.months, country.format, country.truth)
    whole = f"{__version__} {asked} {spec!r} {scenario.model_dump_json()}"
    return hashlib.sha256(whole.encode()).hexdigest()


def _write_truth(simulated: SimulatedSite, folder: Path) -> None:
    if simulated.truth is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(truth_record(simulated.truth), sort_keys=True)
    write_atomic(folder / f"{simulated.spec.code}.json", (content + "\n").encode(), force=True)


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
    """Write the inventory as TOML: texts, numbers, dates, lists of them, tables, and lists of tables."""
    lines = ['schema_version = "0.1"', 'provider = "Demonstratie"', ""]
    for site in sites:
        values = {k: v for k, v in site.model_dump(mode="python", exclude_none=True).items() if v != ()}
        several = {name: value for name, value in values.items() if _tables_in(value)}
        values = {name: value for name, value in values.items() if name not in several}
        tables = {name: value for name, value in values.items() if isinstance(value, dict)}
        lines.append("[[sites]]")
        lines += [f"{name} = {_toml(value)}" for name, value in values.items() if name not in tables]
        for name, table in tables.items():
            if table:
                lines.append(f"[sites.{name}]")
                lines += [f"{key} = {_toml(value)}" for key, value in table.items()]
        for name, listed in several.items():
            for table in listed:
                lines.append(f"[[sites.{name}]]")
                lines += [f"{key} = {_toml(value)}" for key, value in table.items() if value is not None]
        lines.append("")
    return "\n".join(lines)


def _tables_in(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, dict) for one in value)


def _toml(value: object) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        pairs = (f"{name} = {_toml(one)}" for name, one in value.items() if one is not None)
        return f"{{ {', '.join(pairs)} }}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def expected_table(country: InventedCountry) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Give code, name and expected households an arm of each site, before anything is simulated.

    Months of entry are those the cohorts of the default study would have.
    """
    from causalsig.execution.power_design import primary_plans
    from causalsig.execution.power_sites import entry_months
    from causalsig.simulation import expected_counts
    from causalsig.study.read import DEFAULT_STUDY, read_study

    scenario, specs = country_specs(country)
    study = read_study(DEFAULT_STUDY)
    plans = {plan.question: plan for plan in primary_plans(study)}
    for spec in specs:
        site = inventory_site(spec, months=country.months)
        contact, help_ = (
            entry_months(site, spec.matching, plans[question], study, scenario.extracted_on)
            for question in ("contact_method", "accepted_help")
        )
        counts = expected_counts(spec, scenario, country.months, entry=(contact, help_))
        yield spec.code, spec.name, counts


def remove_country(folder: Path) -> None:
    """Remove what an earlier country left in a folder: its sources, truths, summaries and inventories.

    Nothing else: whatever the earlier inventories do not name stays, and so does every real municipality.

    Raises
    ------
    StudyError
        An inventory there cannot be read; nothing is removed on its account.
    """
    from causalsig.study.read import read_inventory

    for part in (folder, *sorted(folder.glob("wave-*"))):
        inventory = part / "inventory.toml"
        if inventory.exists():
            listed = read_inventory(inventory).sites
            _remove_sites(part, [site.code for site in listed if site.code.startswith(INVENTED)])
            for name in ("truth.json", MARK):
                (part / name).unlink(missing_ok=True)
            inventory.unlink()
        for name in ("sources", "truth"):
            _remove_empty(part / name)
        if part != folder:
            _remove_empty(part)
    shutil.rmtree(folder / MADE, ignore_errors=True)


def _remove_sites(folder: Path, codes: Iterable[str]) -> None:
    """Remove the sources of these municipalities, in whatever format, and their truths."""
    for code in codes:
        for name in {source_name(code, form) for form in SOURCE_FORMATS} | {f"{code}.db"}:
            path = folder / "sources" / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        (folder / "truth" / f"{code}.json").unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
