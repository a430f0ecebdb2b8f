"""`causalsig site profile` and `causalsig site monitor`: what can be told of a site without a study."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from causalsig_cli._screen import say

if TYPE_CHECKING:
    from causalsig.execution.describe import Described
    from causalsig.study.inventory import Site

Source = Annotated[Path, typer.Argument(help="A source whose name begins with the municipality code.")]
Inventory = Annotated[Path, typer.Option(help="The provider's inventory of sites (TOML).")]
Keys = Annotated[Path, typer.Option(help="Folder with the provider's key (`causalsig keys new`).")]
Language = Annotated[Literal["nl", "en"], typer.Option(help="Language of the page.")]
Wave = Annotated[int, typer.Option(min=1, help="Number of the extract, when there are several.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what an earlier extract left there.")]
Format = Annotated[Literal["text", "json"], typer.Option("--format", help="json: print the document.")]


def profile(
    source: Source,
    inventory: Inventory,
    keys: Keys,
    out: Annotated[Path, typer.Option(help="Folder; CODE/ in it holds the site's files.")] = Path("profile"),
    language: Language = "nl",
    wave: Wave = 1,
    force: Force = False,
    format_: Format = "text",
) -> None:
    """Describe a source so that a study can be written by who may never see it.

    Bands of households by code and by month, what is missing, what is linked, how acceptance is coded. No
    name, no day, no smallest or largest value; nothing of fewer than 10 households. Writes CODE/profile.html
    and CODE/review.json, which waits for two approvals. Exit code 1 when a finding would stop a study's run,
    3 when the source is too small for anything to leave.
    """
    from causalsig.execution.profile import profile_site
    from causalsig.report.render import profile_html

    path, site = find_site(source, inventory)
    made = profile_site(path, site, keys=keys, folder=out / site.code, wave=wave, force=force)
    document = made.document
    assert document.kind == "profile"
    _finish(made, profile_html(document, made.payload_hash, language), language, keys, force, format_)


def monitor(
    source: Source,
    inventory: Inventory,
    keys: Keys,
    out: Annotated[Path, typer.Option(help="Folder; CODE/ in it holds the site's files.")] = Path("monitor"),
    language: Language = "nl",
    wave: Wave = 1,
    force: Force = False,
    format_: Format = "text",
) -> None:
    """Give the national monitor's figures of one site: what a municipality knows today.

    Signals per 1,000 inhabitants, single, multiple and successive episodes, reached and accepted by method
    and kind of creditor, by month: on grids, and only of 10 households or more. Writes CODE/monitor.html and
    CODE/review.json, which waits for two approvals. Exit code 1 when a finding would stop a study's run, 3
    when the source is too small for anything to leave.
    """
    from causalsig.execution.monitor import monitor_site
    from causalsig.report.render import monitor_html

    path, site = find_site(source, inventory)
    made = monitor_site(path, site, keys=keys, folder=out / site.code, wave=wave, force=force)
    document = made.document
    assert document.kind == "monitor"
    _finish(made, monitor_html(document, made.payload_hash, language), language, keys, force, format_)


def find_site(source: Path, inventory: Path) -> tuple[Path, Site]:
    """Find the site a source is of, when it has an agreement in force."""
    from causalsig.execution.run import find_sources, no_agreement
    from causalsig.study.read import read_inventory

    if source.is_dir():
        raise typer.BadParameter(f"{source} is a folder; give one source.")
    sites = read_inventory(inventory)
    [(code, path)] = find_sources([source], sites).items()
    site = sites.site(code)
    assert site is not None
    reason = site.agreement.missing(date.today())
    if reason is not None:
        raise no_agreement(reason, f"site {code}")
    return path, site


def _finish(made: Described, html: str, language: str, keys: Path, force: bool, format_: str) -> None:
    """Write the page beside the review, print where it is, and say what comes next."""
    from causalsig.release.files import write_atomic

    kind = made.document.kind
    page = made.folder / (f"{kind}.html" if language == "nl" else f"{kind}.{language}.html")
    write_atomic(page, html.encode(), force=force)
    if format_ == "json":
        typer.echo(made.document.model_dump_json(indent=2))
    else:
        typer.echo(str(page))
        typer.echo(str(made.folder / "review.json"))
    if made.errors:
        say(f"findings that would stop a study's run: {', '.join(made.errors)}. `causalsig explain CODE`.")
    say(
        f"nothing has left. Look at the page, or at each value with its rule: causalsig release review "
        f"{made.folder}; then, two people: causalsig release approve {made.folder} --as operator --name NAME "
        f"--keys {keys}"
    )
    if made.errors:
        raise typer.Exit(1)
