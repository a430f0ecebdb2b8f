"""`causalsig site profile` and `causalsig site monitor`: what can be told of a site without a study."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from causalsig_cli._screen import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from causalsig.execution.describe import Described
    from causalsig.study.inventory import Site

Source = Annotated[
    Path,
    typer.Argument(
        help="A file or folder whose name begins with the municipality code; a source of several "
        "municipalities; a folder of sources; or a TOML file that names a database."
    ),
]
Inventory = Annotated[Path, typer.Option(help="The provider's inventory of sites (TOML).")]
Only = Annotated[list[str] | None, typer.Option(help="This municipality only; may be repeated.")]
Keys = Annotated[Path, typer.Option(help="Folder with the provider's key (`causalsig keys new`).")]
Language = Annotated[Literal["nl", "en"], typer.Option(help="Language of the page.")]
Wave = Annotated[int, typer.Option(min=1, help="Number of the extract, when there are several.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what an earlier extract left there.")]
Format = Annotated[
    Literal["text", "json"], typer.Option("--format", help="json: print the document, one a line.")
]


def profile(
    source: Source,
    inventory: Inventory,
    keys: Keys,
    only: Only = None,
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

    def one(path: Path, site: Site) -> int:
        made = profile_site(path, site, keys=keys, folder=out / site.code, wave=wave, force=force)
        document = made.document
        assert document.kind == "profile"
        html = profile_html(document, made.payload_hash, language)
        return _finish(made, html, language, force, format_)

    raise typer.Exit(each_site(find_sites(source, inventory, only), one))


def monitor(
    source: Source,
    inventory: Inventory,
    keys: Keys,
    only: Only = None,
    out: Annotated[Path, typer.Option(help="Folder; CODE/ in it holds the site's files.")] = Path("monitor"),
    language: Language = "nl",
    since: Annotated[
        str | None,
        typer.Option(help="First month, such as 2026-05: leave out earlier ones, which were told before."),
    ] = None,
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

    _check_month(since)

    def one(path: Path, site: Site) -> int:
        made = monitor_site(
            path, site, keys=keys, folder=out / site.code, wave=wave, force=force, since=since
        )
        document = made.document
        assert document.kind == "monitor"
        html = monitor_html(document, made.payload_hash, language)
        return _finish(made, html, language, force, format_)

    raise typer.Exit(each_site(find_sites(source, inventory, only), one))


def _check_month(since: str | None) -> None:
    if since is not None and not re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", since):
        raise typer.BadParameter("expected a month such as 2026-05", param_hint="--since")


def find_sites(source: Path, inventory: Path, only: list[str] | None) -> list[tuple[Path, Site]]:
    """Find the sites a source is of, those that have an agreement in force.

    Raises
    ------
    StudyError
        ``site-no-agreement`` or ``site-not-in-inventory``
    SourceError
        ``site-source-missing`` for one asked for by ``only``, or as
        :func:`causalsig.execution.given.find_sources`.
    """
    from causalsig.execution.given import find_sources
    from causalsig.execution.run import chosen_sites, no_agreement, no_source
    from causalsig.study.read import read_inventory

    sites = read_inventory(inventory)
    chosen = chosen_sites(sites, only or ())
    reasons = {site.code: site.agreement.missing(date.today()) for site in chosen}
    may = [site for site in chosen if reasons[site.code] is None]
    given = find_sources([source], sites, may)
    found = [(given.by_site[site.code], site) for site in may if site.code in given.by_site]
    touched = {*given.by_site, *(only or ()), *(() if may else reasons)}
    without = {code: reason for code, reason in reasons.items() if reason and code in touched}
    if not found and without:
        raise no_agreement("; ".join(sorted(set(without.values()))), str(source))
    for code, reason in without.items():
        say(f"site {code} left out: {reason}.")
    for site in may if only or not found else ():
        if site.code not in given.by_site:
            raise no_source(site.code, given)
    return found


def each_site(found: list[tuple[Path, Site]], do: Callable[[Path, Site], int]) -> int:
    """Do something for each site; one that fails does not stop the others. Return the worst exit code."""
    from causalsig.errors import CausalsigError

    worst = 0
    for path, site in found:
        try:
            code = do(path, site)
        except CausalsigError as error:
            if len(found) == 1:
                raise
            say(f"site {site.code} failed: {error.message}")
            code = error.exit_code
        worst = max(worst, code)
    return worst


def _finish(made: Described, html: str, language: str, force: bool, format_: str) -> int:
    """Write the page beside the review, print where it is, and say what comes next; return the exit code."""
    from causalsig.release.files import write_atomic

    kind = made.document.kind
    page = made.folder / (f"{kind}.html" if language == "nl" else f"{kind}.{language}.html")
    write_atomic(page, html.encode(), force=force)
    if format_ == "json":
        typer.echo(made.document.model_dump_json())
    else:
        typer.echo(str(page))
        typer.echo(str(made.folder / "review.json"))
    if made.errors:
        say(f"findings that would stop a study's run: {', '.join(made.errors)}. `causalsig explain CODE`.")
    say(
        f"nothing has left. Look at the page, or at each value with its rule: causalsig release review "
        f"{made.folder}; then, two people: causalsig release approve {made.folder} --as operator --name NAME "
        "--keys YOUR-KEYS (the folder with one's own key)"
    )
    return 1 if made.errors else 0
