"""`causalsig simulate`: municipalities that never existed, as xxllnc workbooks."""

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
        str, typer.Option(help="A packaged scenario (see --list) or a scenario file.")
    ] = "ignorable",
    effect: Annotated[
        Literal["null", "modest", "fading", "subgroup", "harmful"] | None,
        typer.Option(help="The effect that help and contact have; default: the scenario's own."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same municipalities.")] = 1,
    months: Annotated[int, typer.Option(min=12, max=120, help="Months of data in each extract.")] = 30,
    inhabitants: Annotated[
        int | None,
        typer.Option(
            min=1_000, help="Size of every municipality that is not small; default: drawn, at least 60,000."
        ),
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
    force: Annotated[bool, typer.Option("--force", help="Replace what is in the folder.")] = False,
    format_: Annotated[
        Literal["text", "json"], typer.Option("--format", help="How --check prints.")
    ] = "text",
) -> None:
    """Make invented municipalities with a known truth: xxllnc workbooks, an inventory, the true answers.

    No resident of them exists. Use --check first to see whether the arms will be large enough; its exit
    code is 1 when a figure of the monitor lies outside its band.
    """
    from causalsig.execution.invent import InventedCountry, invent_country

    if list_:
        _print_scenarios(format_)
        return
    if small > sites:
        raise typer.BadParameter("--small is larger than --sites; lower it.")
    country = InventedCountry(scenario, effect, sites, small, seed, months, inhabitants)
    if check:
        _check(country, monitor_sites, workers, format_)
        return
    _refuse_overwriting(out, force)
    with progress("inventing municipalities", sites) as step:
        invent_country(country, out, workers=workers, on_finish=lambda code: step())
    typer.echo(str(out))
    first = f"{out}/sources/9001.xlsx"
    say(f"made {sites} municipalities. Next: causalsig site check {first} --inventory {out}/inventory.toml")


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
    counts = [key for key in rows[0] if key not in ("site", "name")]
    above, below = zip(*(key.partition("_")[::2] for key in counts), strict=True)
    typer.echo(" " * 22 + "".join(f"{word:>9}" for word in above))
    typer.echo(f"{'site':<5}{'name':<17}" + "".join(f"{word.replace('_', ' '):>9}" for word in below))
    for row in rows:
        values = "".join(f"{row[key]:>9.0f}" for key in counts)
        typer.echo(f"{row['site']:<5}{row['name']:<17}{values}")
    needed = _households_an_arm()
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


def _households_an_arm() -> int:
    """Households an arm needs under the default study, known before outcomes."""
    from math import ceil

    from causalsig.study.read import DEFAULT_STUDY, read_study

    floors = read_study(DEFAULT_STUDY).disclosure
    rarer = min(floors.expected_risk, 1.0 - floors.expected_risk)
    return max(floors.min_households_arm, ceil(floors.min_expected_class / rarer - 1e-9))


def _refuse_overwriting(out: Path, force: bool) -> None:
    from causalsig.errors import SimulationError

    if not force and (out / "inventory.toml").exists():
        raise SimulationError(
            "simulation-exists",
            expected="a folder without an inventory",
            found="an earlier country",
            mend="Choose another --out, or say --force to replace it.",
            where=str(out),
        )
