"""`causalsig masked`: pool so that the coordinator reads sums over all sites, and no site's own numbers."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from causalsig_cli._screen import say

app = typer.Typer(
    no_args_is_help=True,
    help="Pool by masked sums: no release goes to the coordinator, who reads sums over all sites only. "
    "In order: key (each provider), round (coordinator), contribute, sum, which makes the second round, "
    "contribute, sum, which gives the pool. A site that drops out ends the round.",
)
Releases = Annotated[
    list[Path], typer.Argument(help="Approved releases (*.release.json), or folders with them; they stay.")
]
Operator = Annotated[
    Path, typer.Option("--keys", help="Folder with the operator's private key and the public keys you trust.")
]
Trusted = Annotated[
    Path, typer.Option("--keys", help="Folder with the public keys you trust, the operators' among them.")
]
Signing = Annotated[
    Path | None, typer.Option(help="Folder with the university's private key; default: --keys.")
]
Private = Annotated[
    Path, typer.Option(help="Folder of the sites' own masked keys; private, it never leaves the provider.")
]
Ledger = Annotated[Path, typer.Option(help="Folder of the ledger: `ledger` beside the provider's key.")]
Demo = Annotated[bool, typer.Option("--demo", help="Accept demo approvals; what is made says so.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an earlier file.")]


@app.command("key")
def new_key(
    releases: Releases,
    keys: Operator,
    private: Private,
    ledger: Ledger,
    out: Annotated[Path, typer.Option(help="Folder for SITE.masked-key.json, to send.")] = Path("masked"),
    demo: Demo = False,
) -> None:
    """Make a key for each site, for the study and wave of its approved release, and sign the public half.

    Send what is written to the coordinator, who gives all of them to every provider: masks cancel between
    sites, so each site needs every other site's public key. Typed again, it gives the same key.
    """
    from causalsig.execution.masked import publish_keys

    for path in publish_keys(releases, keys, private, ledger, out, allow_demo=demo):
        typer.echo(str(path))
    say(f"send these to the coordinator; {private} stays here. Next, when a round comes: masked contribute")


@app.command("round")
def new_round(
    study: Annotated[Path, typer.Argument(help="The study the releases were made with.")],
    site_keys: Annotated[Path, typer.Argument(help="Folder with every site's *.masked-key.json.")],
    keys: Trusted,
    signing: Signing = None,
    out: Annotated[Path, typer.Option(help="The round to write.")] = Path("units.round.json"),
    unit_exponent: Annotated[
        int,
        typer.Option(
            help="The unit is 2 to this power, in the outcome's own scale: about a typical standard error of "
            "a contrast. A site whose standard error is under a quarter of it refuses."
        ),
    ] = -6,
    step_exponent: Annotated[
        int, typer.Option(help="The grid of tau has steps of the unit divided by 2 to this power.")
    ] = 2,
    points: Annotated[
        int,
        typer.Option(help="Points of the grid, from tau = 0. With 8 digits 3 need 30 sites, 17 need 100."),
    ] = 17,
    precision: Annotated[
        int,
        typer.Option(
            help="Binary digits a site's numbers keep, 8 to 32. With 12 digits 17 points need 160 sites."
        ),
    ] = 8,
    every_arm: Annotated[
        bool,
        typer.Option("--every-arm", help="Every arm against its reference, not only the primary contrast."),
    ] = False,
    demo: Demo = False,
    force: Force = False,
) -> None:
    """Declare who is in the sum, of which contrasts, on which grid and in which unit, and sign it.

    Everything is fixed before any site adds anything. How many sites such a round needs follows from points
    and precision: with fewer the sums would tell single sites, and the round is refused (exit status 3).
    """
    from causalsig.execution.masked import Grid, begin_round

    if not 3 <= points <= 257 or not 8 <= precision <= 32:
        raise typer.BadParameter("--points is 3 to 257, --precision is 8 to 32.")
    if not -20 <= unit_exponent <= 10 or not 0 <= step_exponent <= 8:
        raise typer.BadParameter("--unit-exponent is -20 to 10, --step-exponent is 0 to 8.")
    path = begin_round(
        study,
        site_keys,
        keys,
        out,
        Grid(unit_exponent, step_exponent, points, precision),
        signing=signing,
        every_arm=every_arm,
        allow_demo=demo,
        force=force,
    )
    typer.echo(str(path))
    say(
        f"send it, with {site_keys}, to every provider. Next: causalsig masked contribute {path} RELEASES ..."
    )


@app.command()
def contribute(
    round_: Annotated[Path, typer.Argument(metavar="ROUND", help="The round as the coordinator signed it.")],
    releases: Releases,
    site_keys: Annotated[Path, typer.Option(help="Folder with every site's *.masked-key.json.")],
    keys: Operator,
    private: Private,
    ledger: Ledger,
    out: Annotated[Path, typer.Option(help="Folder for SITE.masked-STAGE.json, to send.")] = Path("masked"),
    demo: Demo = False,
) -> None:
    """Add each site to the sum: mask what the round asks of its approved release, and sign it.

    Only of a release that operator and output checker approved, that the ledger has, and that was not
    withdrawn; the contribution names that release by its hash. A site adds to one roster, with one release,
    once a stage for each study and wave; typed again, it gives the same bytes.
    """
    from causalsig.execution.masked import contribute_releases

    found = contribute_releases(round_, releases, site_keys, keys, private, ledger, out, allow_demo=demo)
    for path in found:
        typer.echo(str(path))
    say("send these to the coordinator.")


@app.command("sum")
def add_up(
    study: Annotated[Path, typer.Argument(help="The study the releases were made with.")],
    round_: Annotated[Path, typer.Argument(metavar="ROUND", help="The round that was answered.")],
    contributions: Annotated[Path, typer.Argument(help="Folder with every site's *.masked-STAGE.json.")],
    keys: Trusted,
    signing: Signing = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The second round to write; default: grid.round.json beside the first."),
    ] = None,
    format_: Annotated[
        Literal["text", "json"], typer.Option("--format", help="How to print the pool.")
    ] = "text",
    demo: Demo = False,
    force: Force = False,
) -> None:
    """Sum the contributions of all sites: of the first round make the second, of the second the pool.

    Masks cancel in the sum over the whole roster only. A site that is missing is named, and nothing is read
    (exit status 3).
    """
    from causalsig.execution.masked import sum_round

    found = sum_round(study, round_, contributions, keys, out, signing=signing, allow_demo=demo, force=force)
    for row in found.left_out:
        say(f"{row.question} {row.arm} - {row.reference}: left out, too few sites have it.")
    if found.next_round is not None:
        typer.echo(str(found.next_round))
        say(f"send it to every provider. Next: causalsig masked contribute {found.next_round} RELEASES ...")
        return
    if format_ == "json":
        rows = [
            row.model_dump()
            | {name: _plain(value) for name, value in asdict(fit).items()}
            | {"reasons": held}
            for row, fit, held in found.pooled
        ]
        typer.echo(json.dumps(rows, indent=2))
    else:
        typer.echo(f"{'question':<16}{'contrast':<28}{'sites':>6}{'estimate':>10}{'interval':>20}{'tau':>8}")
        for row, fit, _ in found.pooled:
            contrast = f"{row.arm} - {row.reference}"
            interval = f"{fit.conf_low:+.4f} to {fit.conf_high:+.4f}"
            typer.echo(
                f"{row.question:<16}{contrast:<28}{fit.sites:>6}{fit.estimate:>+10.4f}{interval:>20}"
                f"{math.sqrt(fit.tau2):>8.4f}"
            )
    for row, _, held in found.pooled:
        if held:
            say(
                f"{row.question}, {row.arm} - {row.reference}: for the statistician only, municipalities are "
                f"not shown it ({', '.join(held)}; `causalsig explain CODE` tells a code)."
            )


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
