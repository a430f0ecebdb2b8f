"""`causalsig power`: what a study may expect, before any municipality is asked to join."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from causalsig_cli._screen import progress, say

if TYPE_CHECKING:
    from causalsig.execution.power import QuestionPower
    from causalsig.execution.power_design import PowerDesign
    from causalsig.study.models import Study

SITES = 30
MINIMUM = 20_000


def command(
    study: Annotated[Path, typer.Option(help="The study file, or the name of a packaged study.")] = Path(
        "vroegsignalering"
    ),
    inventory: Annotated[
        Path | None, typer.Option(help="Inventory of the municipalities that might join; default: drawn.")
    ] = None,
    sites: Annotated[
        int | None, typer.Option(min=1, max=400, help="Number of municipalities drawn; default: 30.")
    ] = None,
    inhabitants: Annotated[
        int | None, typer.Option(min=1_000, help="Size of every drawn municipality; default: drawn.")
    ] = None,
    minimum: Annotated[
        int | None,
        typer.Option(
            min=1_000,
            help="Smallest municipality that is drawn; default: the scenario's own smallest, or 20,000.",
        ),
    ] = None,
    retention: Annotated[
        Literal["full", "6-12-18", "strict6"] | None,
        typer.Option(help="How long drawn municipalities keep signals; default: as the scenario says."),
    ] = None,
    waves: Annotated[
        int | None,
        typer.Option(min=1, max=12, help="Quarterly extracts; default: as the scenario says."),
    ] = None,
    months: Annotated[int, typer.Option(min=12, max=120, help="Months a full extract holds.")] = 30,
    scenario: Annotated[
        str, typer.Option(help="A packaged scenario (see simulate --list) or a scenario file.")
    ] = "ignorable",
    effect: Annotated[
        Literal["null", "modest", "fading", "subgroup", "harmful"] | None,
        typer.Option(help="The assumed effect of help and contact; default: the scenario's own."),
    ] = None,
    strength: Annotated[
        float, typer.Option(min=0.0, max=10.0, help="How many times that effect, on the log hazard scale.")
    ] = 1.0,
    replications: Annotated[
        int, typer.Option(min=1, help="Whole studies to simulate; about a second a municipality each.")
    ] = 40,
    fast: Annotated[
        bool, typer.Option("--fast", help="Only the approximation: half a minute, whatever the design.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes side by side.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same answer.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for the figure, the table and what is kept.")] = Path(
        "power"
    ),
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """Say what a study may expect: who is admitted, how wide the interval, how often the effect is found.

    By simulating whole studies on invented municipalities, with a fast approximation beside it. Started again
    after an interruption, or with more --replications, it goes on where it was.
    """
    from causalsig.execution.power_design import PowerDesign
    from causalsig.study.read import read_inventory, read_study

    asked = read_study(study)
    if inventory is None:
        sites = SITES if sites is None else sites
        if inhabitants is None and minimum is None:
            minimum = _smallest(scenario)
    design = PowerDesign(
        scenario=scenario,
        effect=effect,
        strength=strength,
        sites=sites,
        inventory=None if inventory is None else read_inventory(inventory),
        inhabitants=inhabitants,
        minimum=minimum,
        retention=retention,
        waves=waves,
        months=months,
        seed=seed,
    )
    specs = design.specs(design.law(), 0)
    if design.inventory is not None and len(specs) < len(design.inventory.sites):
        say(f"{len(design.inventory.sites) - len(specs)} of the inventory have withdrawn and are left out.")
    simulated = () if fast else _simulated(design, asked, replications, workers, out)
    _report(design, asked, simulated, out, format_)


def _smallest(scenario: str) -> int | None:
    """Smallest size drawn where nobody says: the scenario's own (None), or ``MINIMUM``."""
    from causalsig.simulation import load_scenario

    return None if load_scenario(scenario).sites.minimum_inhabitants else MINIMUM


def _simulated(
    design: PowerDesign, study: Study, replications: int, workers: int, out: Path
) -> tuple[QuestionPower, ...]:
    from causalsig.execution.power import replicate_power, summarise
    from causalsig.execution.replications import kept_replications

    path = out / f"replications-{_identity(design, study)}.jsonl"
    with progress("simulating whole studies", replications) as step:
        rows = kept_replications(
            partial(replicate_power, design, study),
            range(replications),
            path,
            workers=workers,
            on_finish=step,
        )
    return summarise(rows, study)


def _identity(design: PowerDesign, study: Study) -> str:
    from causalsig import __version__
    from causalsig.study.digest import study_digest

    whole = f"{__version__} {study_digest(study)} {design!r} {design.law().model_dump_json()}"
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _report(
    design: PowerDesign, study: Study, simulated: tuple[QuestionPower, ...], out: Path, format_: str
) -> None:
    from causalsig.execution.power import approximate_power, power_curve
    from causalsig.execution.power_pilots import learn
    from causalsig.execution.power_plot import power_figure
    from causalsig.release.files import write_atomic

    lessons = learn(design, study)
    approximate = approximate_power(design, study, lessons=lessons)
    curves = power_curve(design, study, lessons)
    table = {
        "approximate": [asdict(found) for found in approximate],
        "simulated": [asdict(found) for found in simulated],
        "curves": curves,
    }
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / "power.svg", power_figure(curves, approximate, simulated), force=True)
    text = json.dumps(table, indent=2)
    write_atomic(out / "power.json", (text + "\n").encode(), force=True)
    typer.echo(text if format_ == "json" else "\n".join(_lines(approximate, simulated)))
    say(f"the figure is {out}/power.svg, the table {out}/power.json.")


def _lines(approximate: tuple[QuestionPower, ...], simulated: tuple[QuestionPower, ...]) -> list[str]:
    """Give one line a question and way of working it out; effects and widths in percentage points."""
    lines = [f"{'question':<16}{'by':<13}{'sites':>6}{'admitted':>10}{'effect':>9}{'width':>8}{'power':>8}"]
    for found in approximate:
        pair = [("formula", found), *(("simulation", s) for s in simulated if s.question == found.question)]
        for way, row in pair:
            effect = _points(row.effect if row.effect is not None else found.effect)
            lines.append(
                f"{row.question:<16}{way:<13}{row.sites:>6.0f}{100 * row.admitted:>9.0f}%{effect:>9}"
                f"{_points(row.width):>8}{100 * row.power:>7.0f}%"
            )
    return lines


def _points(value: Any) -> str:
    return "-" if value is None else f"{100 * value:.2f}"
