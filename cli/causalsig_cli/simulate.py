"""`causalsig simulate`: municipalities that never existed, in any format a source may have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from causalsig_cli._screen import progress, say

if TYPE_CHECKING:
    from causalsig.execution.invent import InventedCountry


def command(
    out: Annotated[Path, typer.Option(help="Folder for sources/, truth/ and inventory.toml.")] = Path(
        "synthetic"
    ),
    sites: Annotated[int, typer.Option(min=1, max=400, help="Number of municipalities.")] = 3,
    small: Annotated[
        int, typer.Option(min=0, help="How many of them are small and keep signals for six months only.")
    ] = 0,
    scenario: Annotated[
        str | None,
        typer.Option(
            help="A packaged scenario (see --list) or a scenario file; default: ignorable, or base."
        ),
    ] = None,
    effect: Annotated[
        Literal["null", "modest", "fading", "subgroup", "harmful"] | None,
        typer.Option(help="The effect that help and contact have; default: the scenario's own."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same municipalities.")] = 1,
    months: Annotated[
        int | None,
        typer.Option(min=12, max=120, help="Months of data; default: 30, of a --country 36."),
    ] = None,
    inhabitants: Annotated[
        int | None,
        typer.Option(min=1_000, help="Size of every municipality that is not small; default: drawn."),
    ] = None,
    minimum: Annotated[
        int | None,
        typer.Option(
            min=1_000,
            help="Smallest municipality that is drawn; default: the scenario's own smallest, or 60,000, of a "
            "--country any.",
        ),
    ] = None,
    retention: Annotated[
        Literal["full", "6-12-18", "strict6"] | None,
        typer.Option(
            help="How long municipalities keep signals; default: as the scenario says, of a --country full."
        ),
    ] = None,
    source_format: Annotated[
        Literal["xxllnc-2026", "xxllnc-flat", "ddas-1.2", "ddas-0.9", "parquet", "csv", "sql"],
        typer.Option(
            "--source-format", help="Format of the sources; sql is a SQLite database a municipality."
        ),
    ] = "xxllnc-2026",
    whole: Annotated[
        bool,
        typer.Option(
            "--country",
            help="All 342 municipalities, sizes as they are, three years, every signal kept, some two and "
            "a half million; without the truth unless --truth, which takes twice as long.",
        ),
    ] = False,
    truth: Annotated[
        bool | None,
        typer.Option("--truth/--no-truth", help="Work out the true answers; default: not of a --country."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes side by side.")] = 2,
    list_: Annotated[bool, typer.Option("--list", help="Only list the packaged scenarios.")] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Only print the households to expect in each arm, and the monitor's figures.",
        ),
    ] = False,
    monitor_sites: Annotated[
        int,
        typer.Option(
            min=0, max=900, help="Municipalities --check simulates for the monitor's figures; 0: none."
        ),
    ] = 120,
    force: Annotated[bool, typer.Option("--force", help="Replace the country in the folder.")] = False,
    format_: Annotated[
        Literal["text", "json"], typer.Option("--format", help="How --check and --list print.")
    ] = "text",
) -> None:
    """Make invented municipalities with a known truth: sources, an inventory, the true answers.

    Of a scenario with several waves each extract gets a folder of its own, wave-1, wave-2 and so on. Started
    again after an interruption it goes on where it was. No resident of them exists. Use --check first to see
    whether the arms will be large enough; its exit
    code is 1 when a figure of the monitor lies outside its band.
    """
    from causalsig.execution.invent import COUNTRY_MONTHS, COUNTRY_SITES, InventedCountry

    if list_:
        _print_scenarios(format_)
        return
    if whole:
        sites = COUNTRY_SITES
    if small > sites:
        raise typer.BadParameter("--small is larger than --sites; lower it.")
    if inhabitants is not None and minimum is not None:
        raise typer.BadParameter("--inhabitants and --minimum contradict each other; leave one out.")
    name = scenario or ("base" if whole else "ignorable")
    country = InventedCountry(
        scenario=name,
        effect=effect,
        sites=sites,
        small_strict=small,
        seed=seed,
        months=months or (COUNTRY_MONTHS if whole else 30),
        inhabitants=inhabitants,
        minimum=_any_size(name) if whole and minimum is None else minimum,
        retention=retention or ("full" if whole else None),
        format=source_format,
        truth=not whole if truth is None else truth,
    )
    if check:
        _check(country, monitor_sites, workers, format_)
        return
    _make_room(out, force)
    _make(country, out, workers)


def _any_size(scenario: str) -> int:
    """Smallest size of a whole country: the scenario's own, or the smallest the generator draws."""
    from causalsig.simulation import load_scenario
    from causalsig.simulation.sites import SMALLEST_DRAWN

    return load_scenario(scenario).sites.minimum_inhabitants or SMALLEST_DRAWN


def _make(country: InventedCountry, out: Path, workers: int) -> None:
    from causalsig.execution.invent import country_specs, invent_country, wave_folder
    from causalsig.execution.invented_files import source_name

    _say_smallest(country)
    with progress("inventing municipalities", country.sites) as step:
        made = invent_country(country, out, workers=workers, on_finish=lambda code: step())
    typer.echo(str(out))
    first = wave_folder(out, country_specs(country)[0], 0)
    source = first / "sources" / source_name(made[0].code, country.format)
    signals = sum(site.signals for site in made)
    municipalities = "1 municipality" if country.sites == 1 else f"{country.sites} municipalities"
    say(
        f"made {municipalities} with {signals} signals. Next: causalsig site check {source} "
        f"--inventory {first}/inventory.toml"
    )


def _say_smallest(country: InventedCountry) -> None:
    """Say that sizes are not those of the scenario, where nobody asked for that."""
    from causalsig.execution.invent import smallest_of
    from causalsig.simulation import load_scenario

    scenario = load_scenario(country.scenario, country.effect)
    asked = country.minimum or country.inhabitants or scenario.sites.minimum_inhabitants
    if not asked:
        smallest = smallest_of(country, scenario)
        say(f"municipalities are drawn from {smallest:,} inhabitants up; --minimum asks for smaller ones.")


def _print_scenarios(format_: str) -> None:
    from causalsig.simulation import list_scenarios

    listed = list_scenarios()
    if format_ == "json":
        typer.echo(json.dumps([{"scenario": name, "about": about} for name, about in listed], indent=2))
        return
    for name, about in listed:
        typer.echo(f"{name:<18}{about}")


def _check(country: InventedCountry, monitor_sites: int, workers: int, format_: str) -> None:
    """Print what to expect; exit code 1 when a figure lies outside its band."""
    from causalsig.execution.invent import expected_table

    _say_smallest(country)
    expected = [{"site": code, "name": name, **counts} for code, name, counts in expected_table(country)]
    if format_ == "text":
        _print_expected(expected)
    monitor = _beside_the_monitor(country, monitor_sites, workers) if monitor_sites else []
    if format_ == "json":
        typer.echo(json.dumps({"expected": expected, "monitor": monitor}, indent=2))
    elif monitor:
        _print_monitor(monitor)
    off = sum(not row["holds"] for row in monitor)
    if off:
        say(f"{off} of {len(monitor)} figures lie outside their band.")
        raise typer.Exit(1)


def _print_expected(rows: list[dict[str, Any]]) -> None:
    from causalsig.release.rules import smallest_arm
    from causalsig.study.read import DEFAULT_STUDY, read_study

    counts = [key for key in rows[0] if key not in ("site", "name")]
    above, below = zip(*(key.partition("_")[::2] for key in counts), strict=True)
    typer.echo(" " * 22 + "".join(f"{word:>9}" for word in above))
    typer.echo(f"{'site':<5}{'name':<17}" + "".join(f"{word.replace('_', ' '):>9}" for word in below))
    for row in rows:
        values = "".join(f"{row[key]:>9.0f}" for key in counts)
        typer.echo(f"{row['site']:<5}{row['name']:<17}{values}")
    needed = smallest_arm(read_study(DEFAULT_STUDY).disclosure)
    say(f"expected households in each arm; an arm needs {needed} to be admitted by the default study.")


def _beside_the_monitor(country: InventedCountry, sites: int, workers: int) -> list[dict[str, Any]]:
    from causalsig.simulation import calibrate, load_scenario

    scenario = load_scenario(country.scenario, country.effect)
    with progress("beside the monitor's figures", sites) as step:
        table = calibrate(scenario, country.seed, sites, workers=workers, on_finish=step)
    rows: list[dict[str, Any]] = table.to_dict("records")
    return rows


def _print_monitor(rows: list[dict[str, Any]]) -> None:
    typer.echo(f"\n{'figure':<30}{'target':>9}{'simulated':>11}{'band':>9}  verdict")
    for row in rows:
        values = f"{row['target']:>9.3f}{row['simulated']:>11.3f}{row['band']:>9.3f}"
        typer.echo(f"{row['figure']:<30}{values}  {'holds' if row['holds'] else 'off'}")


def _make_room(out: Path, force: bool) -> None:
    """Refuse a folder that holds a country, or with --force remove that country."""
    from causalsig.errors import SimulationError
    from causalsig.execution.invent import remove_country

    earlier = [*out.glob("inventory.toml"), *out.glob("wave-*/inventory.toml")]
    if earlier and not force:
        raise SimulationError(
            "simulation-exists",
            expected="a folder without an inventory",
            found="an earlier country",
            mend="Choose another --out, or say --force to replace it.",
            where=str(out),
        )
    if earlier:
        remove_country(out)
