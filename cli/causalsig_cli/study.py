"""`causalsig study`: write, check and show a study file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from causalsig_cli._screen import say
from causalsig_cli._study_flow import flow
from causalsig_cli._study_graph import check_graph
from causalsig_cli._study_rules import rules

if TYPE_CHECKING:
    from causalsig.study.crossing import Threshold
    from causalsig.study.models import Study

app = typer.Typer(
    no_args_is_help=True, help="Write, check, sign and show a study file; draw who was compared."
)

StudyFile = Annotated[Path, typer.Argument(help="A study file, or the name of a packaged study.")]
Format = Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")]


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(help="The study file.")],
    keys: Annotated[Path, typer.Option(help="Folder with the university's private key.")],
) -> None:
    """Sign a study: a provider runs it only as it was signed (FILE.signed.json goes along with it)."""
    from causalsig.release.keys import read_signing_key
    from causalsig.release.signed_study import sign_study

    typer.echo(str(sign_study(file, key=read_signing_key(keys, "university"))))


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("study.toml"),
    graph: Annotated[
        bool, typer.Option("--graph", help="Write its causal graph too, beside it as FILE.graph.toml.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
) -> None:
    """Write the default study as a file you can change, with a comment at every choice."""
    from causalsig.release.files import write_atomic
    from causalsig.study.graph_file import beside_of, default_graph_text
    from causalsig.study.read import default_study_text

    write_atomic(file, default_study_text().encode(), force=force)
    typer.echo(str(file))
    if graph:
        write_atomic(beside_of(file), default_graph_text().encode(), force=force)
        typer.echo(str(beside_of(file)))
    say(f"change what you mean to change. Next: causalsig study check {file}")


@app.command()
def check(
    study: StudyFile = Path("vroegsignalering"),
    graph: Annotated[
        Path | None,
        typer.Option(
            help="A causal graph; default: STUDY.graph.toml beside the study, or that of a packaged study."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for drawings of the graph; default: none.")] = None,
    language: Annotated[Literal["en", "nl"], typer.Option(help="Language of the sentences.")] = "en",
    format_: Format = "text",
    force: Annotated[bool, typer.Option("--force", help="Replace the drawings.")] = False,
) -> None:
    """Say whether a study is possible; prints its digest, which is its identity.

    With a causal graph also what to adjust for, which paths stay open, what must be left alone and whether
    there is an instrument. Ends with 1 when the study's covariates are another set than the graph's.
    """
    from causalsig.study.digest import study_digest
    from causalsig.study.graph_file import graph_of, read_graph
    from causalsig.study.read import read_study

    found = read_study(study)
    digest = study_digest(found)
    graph_file = graph or graph_of(study)
    causal = found.graph if graph_file is None else read_graph(graph_file)
    ended = 0
    if causal is not None:
        ended = check_graph(found, digest, causal, language=language, format_=format_, out=out, force=force)
    else:
        typer.echo(json.dumps({"digest": digest}) if format_ == "json" else digest)
    if ended:
        say("the study can be read, but its covariates are not the set of its causal graph.")
        raise typer.Exit(ended)
    say("the study is consistent. Every release made with it carries this digest.")


@app.command()
def show(study: StudyFile = Path("vroegsignalering"), format_: Format = "text") -> None:
    """Show what a study asks, with every default filled in."""
    from causalsig.study.read import read_study

    found = read_study(study)
    if format_ == "json":
        typer.echo(json.dumps(found.model_dump(mode="json"), indent=2, ensure_ascii=False))
        return
    for line in _sentences(found):
        typer.echo(line)


app.command()(flow)
app.command()(rules)


def _groups_and_rules(study: Study) -> list[str]:
    lines = [f"groups       {', '.join(study.groups.families)}"] if study.groups.families else []
    if study.rules is not None:
        asks = f"may ask {', '.join(study.rules.asks)}" if study.rules.asks else "none is learned"
        lines.append(f"rules        {asks}; {len(study.rules.given)} given")
    return lines


def _threshold(asked: Threshold) -> list[str]:
    """Tell of Q3 what it estimates, and by which bounds and prices other cutoffs are judged."""
    moving = asked.moving
    others = ", ".join(f"{part:.0%}" for part in asked.candidates)
    bounds = {
        "mean bends": moving.curvature,
        "band drifts a month": moving.drift_bound,
        "effect bends": moving.effect_curvature,
        "gap of sites slopes": moving.slope_bound,
    }
    told = "; ".join(
        f"{name} {'without a bound' if b is None else f'by {b:g}'}" for name, b in bounds.items()
    )
    costs = ", ".join(f"{name} {cost:g}" for name, cost in moving.costs_eur.items())
    lines = [
        "threshold",
        f"  primary    crossing the site's own, {asked.primary_outcome}",
        f"  follow-up  from day {asked.follow_up_from_day}",
        f"  outcomes   {', '.join(asked.outcomes)}",
    ]
    if asked.candidates:
        lines += [f"  moved to   {others} of it", f"  at most    {told}"]
    if costs:
        lines.append(f"  euro       {costs} a contact")
    if moving.capacity is not None:
        lines.append(f"  room for   {moving.capacity:g} contacts more a year")
    return lines


def _sentences(study: Study) -> list[str]:
    from causalsig.study.digest import study_digest
    from causalsig.study.models import ContactMethod

    lines = [f"{study.name}: {study.title.en}", f"digest       {study_digest(study)}", ""]
    for question, settings in study.asked.items():
        lines.append(question)
        if isinstance(settings, ContactMethod):
            arm = f"first attempt within {settings.grace_days} days, then usual escalation"
        else:
            arm = f"help accepted by day {settings.landmark_day}, then usual care ({settings.method})"
        lines.append(f"  arms       {', '.join(settings.arms)} ({arm})")
        lines.append(
            f"  primary    {' against '.join(settings.primary_contrast)}, {settings.primary_outcome}"
        )
        lines.append(f"  follow-up  from day {settings.follow_up_from_day}")
        lines.append(f"  outcomes   {', '.join(settings.outcomes)}")
        lines.append(f"  estimands  {', '.join(study.estimands_of(question))} (primary first)")
        if settings.sensitivity:
            lines.append(f"  beside it  {', '.join(settings.sensitivity)} (sensitivity: primary outcome)")
    if study.questions.threshold is not None:
        lines += _threshold(study.questions.threshold)
    lines += [
        "",
        *_groups_and_rules(study),
        f"covariates   {', '.join(study.covariates)}",
        f"nuisances    {study.nuisance.learner}, {study.nuisance.folds} folds x {study.nuisance.repeats}",
        f"pooling      {study.pooling.tau2}, {study.pooling.interval}, {study.pooling.level:.0%}",
    ]
    return lines
