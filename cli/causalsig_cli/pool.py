"""`causalsig pool`: all sites together, at the university."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from causalsig_cli._screen import say


def command(
    study: Annotated[Path, typer.Argument(help="The study the releases were made with.")],
    releases: Annotated[Path, typer.Argument(help="Folder with *.release.json.")],
    keys: Annotated[
        Path, typer.Option(help="Folder with the public keys of operator and output checker (*.pub.json).")
    ],
    signing: Annotated[
        Path | None, typer.Option(help="Folder with the university's private key; default: --keys.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for pool.json and others/.")] = Path("pooled"),
    demo: Annotated[bool, typer.Option("--demo", help="Accept demo approvals; the pool says so.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier pool.")] = False,
) -> None:
    """Verify every release, pool the sites, and make the pool of the others for each of them.

    Nothing is written unless every release is whole, signed by operator and output checker, of this study
    and of a site of its own. Of a pool that differs by one site or two from one that was made to be shown,
    everything is for the statistician only: both together would tell what those few found. So it is too for
    each single number. pools/, beside the university's private key, remembers which releases were in each.
    """
    from causalsig.execution.pool import pool_folder

    summary = pool_folder(study, releases, keys, out, signing=signing, allow_demo=demo, force=force)
    typer.echo(f"{'question':<16}{'contrast':<28}{'sites':>6}{'estimate':>10}{'interval':>20}")
    for row in summary.pool.contrasts:
        if row.primary:
            contrast = f"{row.arm} - {row.reference}"
            interval = f"{row.conf_low:+.4f} to {row.conf_high:+.4f}"
            typer.echo(f"{row.question:<16}{contrast:<28}{row.sites:>6}{row.estimate:>+10.4f}{interval:>20}")
    if summary.pool.robustness:
        typer.echo(f"{'hidden cause':<16}{'contrast':<28}{'sites':>6}{'estimate':>10}{'one-sided':>20}")
        for found in summary.pool.robustness:
            contrast = f"{found.arm} - {found.reference}"
            shares = f"{found.value:>10.1%}{found.value_of_interval:>20.1%}"
            typer.echo(f"{found.question:<16}{contrast:<28}{found.sites:>6}{shares}")
    for block in summary.pool.balance:
        typer.echo(
            f"{block.question:<16}{block.balanced} of {block.covariates} covariates balanced over "
            f"{block.sites} sites; largest difference {block.largest:.2f} ({block.covariate})"
        )
    for threshold in summary.pool.thresholds:
        crossed = f"{threshold.above} - {threshold.below}"
        interval = f"{threshold.conf_low:+.4f} to {threshold.conf_high:+.4f}"
        label = f"{threshold.question} {threshold.estimand}"
        typer.echo(f"{label:<16}{crossed:<28}{threshold.sites:>6}{threshold.estimate:>+10.4f}{interval:>20}")
    for move in summary.pool.moves:
        moved = f"{move.above} - {move.below} at {move.part:.0%}"
        numbers = f"{'-':>10}  [{move.refusal}]"
        if move.refusal is None:
            numbers = f"{move.estimate:>+10.4f}{f'{move.conf_low:+.4f} to {move.conf_high:+.4f}':>20}"
        routes = ", ".join(f"{count} by {route}" for route, count in move.by_route)
        typer.echo(f"{'threshold moved':<16}{moved:<28}{move.sites:>6}{numbers}  {routes}".rstrip())
    for control in summary.pool.controls:
        verdict = "no difference seen" if control.passed else "DIFFERS"
        typer.echo(
            f"{control.question:<16}negative control {control.outcome}: {verdict} over {control.sites} sites "
            f"(p = {control.p_value:.3f})"
        )
    for less in summary.pool.calibrated:
        typer.echo(
            f"{less.question:<16}{less.arm} - {less.reference}, calibrated by {less.controls} controls: "
            f"{less.estimate:+.4f} ({less.conf_low:+.4f} to {less.conf_high:+.4f})"
        )
    typer.echo(str(summary.path))
    withheld = [row for row in summary.pool.contrasts if row.primary and not row.publishable]
    for reasons in dict.fromkeys((row.question, row.reasons) for row in withheld):
        question, codes = reasons
        contrasts = [f"{r.arm} - {r.reference}" for r in withheld if (r.question, r.reasons) == reasons]
        say(
            f"{question}, {', '.join(contrasts)}: for the statistician only, municipalities are not shown "
            f"it ({', '.join(codes)}; `causalsig explain CODE` tells a code)."
        )
    if summary.held:
        say(
            "one or two municipalities came, went or released again since an earlier pool: all of this one "
            "is for the statistician only (pool-few-changed). Show the earlier one until three have changed; "
            "when a release in it was withdrawn as wrong, say so beside it."
        )
    if len(summary.programs) > 1:
        say(
            f"the releases were made by {len(summary.programs)} different programs (package or libraries): "
            "causalsig release verify shows which; see with the providers that they run the same."
        )
    say(
        f"{summary.pool.sites} sites pooled, {len(summary.pool.left_out)} gave no number. "
        f"Next: causalsig report national {summary.path} --keys {signing or keys}"
        f"{' --demo' if demo else ''} -o national.html"
    )
