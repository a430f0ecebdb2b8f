"""`causalsig certify`: whether this study gives right answers at this site, on this machine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from causalsig_cli._screen import progress, say

if TYPE_CHECKING:
    from causalsig.execution.certify import Certificate, CertifiedQuestion, Verdict
    from causalsig.execution.certify_simulation import Simulated

EXIT: dict[Verdict, int] = {"sound": 0, "failed": 1, "undecided": 1, "refused": 3}
WIDTH = 79
SHOWN = 3
"""Numbers that differ are listed up to so many; the file has them all."""


def command(
    study: Annotated[Path, typer.Argument(help="The study file, or the name of a packaged study.")],
    source: Annotated[
        Path, typer.Argument(help="The site's source, or a folder or source of several municipalities.")
    ],
    inventory: Annotated[Path, typer.Option(help="The provider's inventory of sites (TOML).")],
    site: Annotated[str, typer.Option(help="Code of the municipality in the inventory.")],
    out: Annotated[
        Path, typer.Option(help="Folder of the run; `site run` with the same folder takes the verdict along.")
    ] = Path("run"),
    replications: Annotated[
        int, typer.Option(min=1, help="Copies of the site that are drawn; about two seconds each.")
    ] = 200,
    workers: Annotated[int, typer.Option(min=1, help="Processes side by side.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same certificate.")] = 1,
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """Check that this machine and this study give right answers at one site.

    Works out analyses whose answers are known, so that a broken numerical library is noticed. Then draws
    copies of the site from its moments (no row is copied) and runs the study on them: how often intervals
    hold the truth, and how often an effect is found. Minutes; started again it goes on where it was. Exit
    code 0 sound, 1 failed or undecided, 3 when no question of the study can be asked of this site.
    """
    from causalsig.execution.certificates import NAME
    from causalsig.execution.certify import CertifyRequest, certify_site, record

    request = CertifyRequest(study, source, inventory, site, out, replications, workers, seed)
    with _watching(replications) as watch:
        found = certify_site(request, watch=watch)
    if format_ == "json":
        typer.echo(json.dumps(record(found), indent=1, sort_keys=True))
    else:
        typer.echo("\n".join(_lines(found)))
    say(f"the certificate is {request.folder / NAME}; it stays here. {_next(found, out)}")
    raise typer.Exit(EXIT[found.verdict])


@contextmanager
def _watching(replications: int) -> Iterator[Callable[[str], Callable[[], None]]]:
    """Show the bar from the moment the replications begin."""
    with ExitStack() as stack:
        yield lambda _: stack.enter_context(progress("simulating copies of the site", replications))


def _next(found: Certificate, out: Path) -> str:
    if found.verdict == "sound":
        return f"Next: causalsig site run ... --out {out}; the release takes the verdict along."
    return f"What to do: causalsig explain {found.code}"


def _lines(found: Certificate) -> Iterator[str]:
    """One screen of 80 columns: known answers, the simulation, the verdict."""
    from causalsig.texts import text

    yield f"site {found.site}: {found.verdict.upper()}. {text(f'codes.{found.code}.title', 'en')}."
    yield ""
    yield from _known(found)
    yield ""
    if any(question.simulated for question in found.questions):
        yield from _table(found)
    for question in found.questions:
        if question.code != "certify-sound":
            yield from _wrapped(
                f"{question.question}: {text(f'codes.{question.code}.title', 'en')} [{question.code}]"
            )


def _known(found: Certificate) -> Iterator[str]:
    """Numbers with a known answer, by oracle; those that differ one by one."""
    total = Counter(one.oracle for one in found.compared)
    right = Counter(one.oracle for one in found.compared if one.passed)
    yield f"Known answers: {right.total()} of {total.total()} numbers equalled."
    parts = [f"{name} {right[name]}/{count}" for name, count in total.items()]
    yield from _wrapped(", ".join(parts), indent="  ")
    wrong = [one for one in found.compared if not one.passed]
    for one in wrong[:SHOWN]:
        yield from _wrapped(f"{one.quantity}: {one.found:.10g} here, {one.answer:.10g} is right", indent="  ")
    if len(wrong) > SHOWN:
        yield f"  and {len(wrong) - SHOWN} more, in the certificate"


def _table(found: Certificate) -> Iterator[str]:
    """One line a question and effect; differences in percentage points, ranges from the replications."""
    yield from _wrapped(
        f"The site simulated {found.replications} times, without an effect and with a modest one. Right: 95% "
        "intervals that hold the truth; found: those that leave out zero; in brackets what chance allows. "
        "Effect and bias in percentage points."
    )
    yield f"{'question':<15}{'effect':>7}{'right':>17}{'bias':>14}{'found':>16}{'analysed':>10}"
    for question in found.questions:
        for one in question.simulated:
            yield _row(one)
    yield ""
    for question in found.questions:
        yield from _alone(question)


def _row(one: Simulated) -> str:
    effect = "none" if one.effect == "null" else f"{100 * one.truth:.1f}"
    head = f"{one.question:<15}{effect:>7}"
    analysed = f"{one.estimated}/{one.replications}".rjust(10)
    if one.estimated < 2:
        return f"{head}{'-':>17}{'-':>14}{'-':>16}{analysed}"
    right = f"{100 * one.coverage:.0f}% ({100 * one.coverage_low:.0f}-{100 * one.coverage_high:.0f})"
    bias = f"{100 * one.bias:+.2f} ±{200 * one.bias_error:.2f}"
    hits = f"{100 * one.found:.0f}% ({100 * one.found_low:.0f}-{100 * one.found_high:.0f})"
    return f"{head}{right:>17}{bias:>14}{hits:>16}{analysed}"


def _alone(question: CertifiedQuestion) -> Iterator[str]:
    """Say what the site can see by itself."""
    modest = [one for one in question.simulated if one.effect == "modest" and one.estimated >= 2]
    for one in modest:
        yield from _wrapped(
            f"{one.question}: by itself this site finds a difference of {100 * one.detectable:.1f} points in "
            "four cases out of five."
        )


def _wrapped(words: str, indent: str = "") -> list[str]:
    from textwrap import wrap

    return wrap(words, WIDTH, initial_indent=indent, subsequent_indent=indent)
