"""`causalsig study flow`: who was compared, and the TARGET checklist, from released files."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from causalsig_cli._screen import say

if TYPE_CHECKING:
    from causalsig.records import PoolResult
    from causalsig.release.signed import OpenedRelease
    from causalsig.report.flow import StudyFlow
    from causalsig.study.models import Study


def flow(
    study: Annotated[Path, typer.Argument(help="The study file, or the name of a packaged study.")],
    releases: Annotated[
        list[Path], typer.Argument(help="Released files (*.release.json), or folders that hold them.")
    ],
    keys: Annotated[Path, typer.Option(help="Folder with the public keys you trust (*.pub.json).")],
    pool: Annotated[
        Path | None, typer.Option(help="The signed pool of them (pool.json): fills in items 12 and 13.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the drawings, the page and the checklist; default: only print."),
    ] = None,
    language: Annotated[
        Literal["nl", "en"] | None, typer.Option(help="Language; default: the study's.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Accept demo approvals; the page says so.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the files.")] = False,
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """Draw who was compared, and fill in the TARGET checklist.

    Of one release, or of several added up. Releases hold bands, so every count is a range. Writes
    flow-QUESTION.svg, flow.html and target-checklist.md into --out; prints the flow as text.
    """
    from causalsig.release.keys import read_trusted
    from causalsig.release.signed import open_release, read_pool
    from causalsig.release.withdrawal import withdrawn
    from causalsig.report.flow import study_flow
    from causalsig.report.flow_words import flow_lines
    from causalsig.report.words import Words
    from causalsig.study.read import read_study

    trusted, chosen = read_trusted(keys), read_study(study)
    read = {file: open_release(file, trusted=trusted, allow_demo=demo) for file in _files(releases)}
    gone = {folder: withdrawn(folder, trusted, allow_demo=demo) for folder in {file.parent for file in read}}
    opened = [one for file, one in read.items() if one.payload_hash not in gone[file.parent]]
    pooled = None if pool is None else read_pool(pool, trusted=trusted, allow_demo=demo)
    found = study_flow(chosen, [one.document for one in opened])
    spoken = language or chosen.report.language
    if format_ == "json":
        typer.echo(json.dumps(asdict(found), indent=2))
    else:
        typer.echo("\n".join(flow_lines(found, Words(spoken, "flow"))))
    if out is not None:
        _write(chosen, found, opened, pooled, spoken, out, force)
    if 1 < found.sites < chosen.pooling.min_sites:
        say(f"sums of {found.sites} municipalities; fewer than {chosen.pooling.min_sites} are not published.")


def _files(given: list[Path]) -> list[Path]:
    files: dict[Path, None] = {}
    for path in given:
        inside = sorted(path.glob("*.release.json")) if path.is_dir() else [path]
        files |= dict.fromkeys(inside)
    return [*files]


def _write(
    study: Study,
    flow: StudyFlow,
    opened: list[OpenedRelease],
    pool: PoolResult | None,
    language: Literal["nl", "en"],
    out: Path,
    force: bool,
) -> None:
    from causalsig.release.files import write_atomic
    from causalsig.report.flow_drawing import attrition_plot
    from causalsig.report.render import flow_html
    from causalsig.report.target_items import checklist_markdown, target_checklist

    parts = target_checklist(study, flow, [one.document for one in opened], language, pool=pool)
    demo = any(one.demo for one in opened) or (pool is not None and pool.demo)
    written = {"flow.html": flow_html(study, flow, parts, language, demo=demo)}
    written["target-checklist.md"] = checklist_markdown(study, parts, language)
    for question in flow.questions:
        if question.steps:
            name = f"flow-{question.question.replace('_', '-')}"
            written[f"{name}.svg"] = attrition_plot(question, name=name, language=language).svg()
    out.mkdir(parents=True, exist_ok=True)
    for file, content in written.items():
        write_atomic(out / file, content.encode(), force=force)
        say(f"written: {out / file}")
    left = sum(bool(part.authors) for part in parts)
    say(f"{left} of {len(parts)} parts of the checklist wait for the authors. Open {out / 'flow.html'}.")
