"""What `causalsig study check` does with a causal graph: reads it, draws it, prints what follows from it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from causalsig_cli._screen import say

if TYPE_CHECKING:
    from causalsig.study.graph import CausalGraph
    from causalsig.study.graph_findings import Identification, ListCheck
    from causalsig.study.models import Study


def check_graph(
    study: Study,
    digest: str,
    graph: CausalGraph,
    *,
    language: str,
    format_: str,
    out: Path | None,
    force: bool,
) -> int:
    """Print what the graph says for each of its questions; give 1 when the study's list is another set."""
    from causalsig.study.graph_identify import check_list, identify

    asked = [identify(graph, question) for question in study.asked]
    others = [identify(graph, question) for question in graph.exposures if question not in study.asked]
    compared = check_list(graph, asked, study.covariates)
    if out is not None:
        _draw(graph, [*asked, *others], language, out, force)
    if format_ == "json":
        typer.echo(_as_json(digest, [*asked, *others], asked, compared))
    else:
        typer.echo("\n".join(_lines(digest, graph, [*asked, *others], asked, compared, language)))
    return 0 if compared.agrees else 1


def _draw(graph: CausalGraph, found: list[Identification], language: str, out: Path, force: bool) -> None:
    from causalsig.release.files import write_atomic
    from causalsig.study.graph_figure import graph_figure

    out.mkdir(parents=True, exist_ok=True)
    for one in found:
        path = out / f"graph-{one.question}.svg"
        write_atomic(path, graph_figure(graph, one, language), force=force)
        say(f"drawn: {path}")


def _lines(
    digest: str,
    graph: CausalGraph,
    found: list[Identification],
    asked: list[Identification],
    compared: ListCheck,
    language: str,
) -> list[str]:
    from causalsig.study.graph_identify import covariates_of
    from causalsig.study.graph_words import covariates_toml, list_sentences, sentences, wrapped
    from causalsig.texts import text

    lines = [digest]
    for one in found:
        lines += ["", *wrapped(sentences(graph, one, language))]
    lines += ["", *wrapped(list_sentences(compared, language))]
    return [*lines, text("graph.list.freeze", language), "", covariates_toml(covariates_of(asked))]


def _as_json(
    digest: str, found: list[Identification], asked: list[Identification], compared: ListCheck
) -> str:
    from causalsig.study.graph_identify import covariates_of

    whole = {
        "digest": digest,
        "covariates": covariates_of(asked),
        "list": {**asdict(compared), "agrees": compared.agrees},
        "questions": [asdict(one) for one in found],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)
