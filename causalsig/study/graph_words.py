"""What was found in a causal graph, in sentences."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from functools import partial

from causalsig.study.base import Covariate
from causalsig.study.graph import CausalGraph
from causalsig.study.graph_findings import Identification, Instrument, LeftAlone, ListCheck, OpenPath
from causalsig.texts import text

LINE = 108


def sentences(graph: CausalGraph, found: Identification, language: str = "en") -> list[str]:
    """Say what to adjust for in one question, what stays open, and what to leave alone: lines of text."""
    labels = partial(graph.label, language=language)
    ends = {"exposure": labels(found.exposure), "outcome": labels(found.outcome)}

    def say(key: str, **values: object) -> str:
        return text(key, language, **ends, **values)

    question = text(f"graph.question.{found.question}", language)
    lines = [say("graph.heading", question=question)]
    nodes = "; ".join(labels(name) for name in found.adjustment)
    lines.append(say("graph.set.adjust", nodes=nodes) if nodes else say("graph.set.nothing"))
    if found.sufficient:
        lines.append(say("graph.set.enough"))
    else:
        doors = "; ".join(labels(name) for name in found.doors)
        lines.append(say("graph.set.not-enough", doors=doors))
        lines += [f"  {said}" for path in found.open_paths for said in _path(graph, path, language)]
        if found.more_paths:
            lines.append(f"  {say('graph.path.more')}")
        lines += _why_open(graph, found.open_paths, language)
    if found.without_overlap:
        lines.append(say("graph.set.overlap"))
    if found.followed and not found.sufficient:
        nodes = "; ".join(labels(name) for name in found.followed)
        lines.append(say(f"graph.later.{'leaves' if found.open_with_followed else 'closes'}", nodes=nodes))
        lines += [f"  {said}" for path in found.open_with_followed for said in _path(graph, path, language)]
    if found.part and not found.sufficient:
        lines.append(say("graph.later.part", nodes="; ".join(labels(name) for name in found.part)))
    if found.left_alone:
        lines.append(say("graph.alone.title"))
        lines += [f"  {_alone(graph, found, one, language)}" for one in found.left_alone]
    if not found.instruments:
        lines.append(say("graph.instrument.none"))
    for one in found.instruments:
        lines += _instrument(graph, found, one, language)
    return lines


def list_sentences(check: ListCheck, language: str = "en") -> list[str]:
    """Say how a study's list of covariates differs from the graph's set."""
    if check.agrees:
        return [text("graph.list.agrees", language)]
    differences = {
        "missing": check.missing,
        "left-alone": check.left_alone,
        "not-needed": check.not_needed,
        "unknown": check.unknown,
    }
    return [
        text(f"graph.list.{name}", language, names=", ".join(names))
        for name, names in differences.items()
        if names
    ]


def wrapped(lines: Iterable[str]) -> list[str]:
    """Break long lines, what follows a little further in."""
    broken = []
    for line in lines:
        further = " " * (len(line) - len(line.lstrip()) + 2)
        broken += textwrap.wrap(line, LINE, subsequent_indent=further, break_on_hyphens=False) or [""]
    return broken


def covariates_toml(covariates: Iterable[Covariate]) -> str:
    """Write the frozen set as the study file does."""
    lines, line = ["covariates = ["], "   "
    for name in covariates:
        if len(line) + len(name) + 4 > LINE:
            lines.append(line)
            line = "   "
        line += f' "{name}",'
    return "\n".join([*lines, *([line] if line.strip() else []), "]"])


def arrows(graph: CausalGraph, path: OpenPath, language: str = "en") -> str:
    """Write a path as its nodes with the arrows between them."""
    said = [graph.label(path.nodes[0], language)]
    for arrow, name in zip(path.arrows, path.nodes[1:], strict=True):
        said += [arrow, graph.label(name, language)]
    return " ".join(said)


def _path(graph: CausalGraph, path: OpenPath, language: str) -> list[str]:
    closing = {*path.hidden, *path.later, *path.unheld}
    either = " of " if language == "nl" else " or "
    nodes = either.join(_quoted(graph, [name for name in path.nodes if name in closing], language))
    said = [text("graph.path.close" if nodes else "graph.path.nothing", language, nodes=nodes)]
    if path.opened:
        opened = ", ".join(_quoted(graph, path.opened, language))
        said.insert(0, text("graph.path.opened", language, nodes=opened))
    return [arrows(graph, path, language), f"  {'; '.join(said)}"]


def _quoted(graph: CausalGraph, names: Iterable[str], language: str) -> list[str]:
    before, after = "‘’" if language == "nl" else "“”"
    return [f"{before}{graph.label(name, language)}{after}" for name in names]


def _why_open(graph: CausalGraph, paths: Iterable[OpenPath], language: str) -> list[str]:
    """Say of what would close the paths why it cannot: never recorded, recorded too late, no covariate."""
    listed = list(paths)
    kinds = {
        "never": {name for path in listed for name in path.hidden},
        "later": {name for path in listed for name in path.later},
        "unheld": {name for path in listed for name in path.unheld},
    }
    return [
        text(
            f"graph.path.{kind}",
            language,
            nodes="; ".join(graph.label(name, language) for name in graph.nodes if name in names),
        )
        for kind, names in kinds.items()
        if names
    ]


def _alone(graph: CausalGraph, found: Identification, one: LeftAlone, language: str) -> str:
    return text(
        f"graph.alone.{one.role}{'-ties' if one.ties else ''}",
        language,
        node=graph.label(one.node, language),
        nodes=", ".join(_quoted(graph, one.ties, language)),
        exposure=graph.label(found.exposure, language),
    )


def _instrument(graph: CausalGraph, found: Identification, one: Instrument, language: str) -> list[str]:
    role = "valid" if one.valid else "invalid" if one.relevant else "irrelevant"
    said = text(
        f"graph.instrument.{role}",
        language,
        node=graph.label(one.node, language),
        exposure=graph.label(found.exposure, language),
        outcome=graph.label(found.outcome, language),
    )
    lines = [said]
    if role == "invalid":
        lines += [f"  {arrows(graph, path, language)}" for path in one.other_ways]
    if one.relevant and one.decided_by:
        nodes = ", ".join(_quoted(graph, one.decided_by, language))
        lines.append(f"  {text('graph.instrument.decided', language, nodes=nodes)}")
    return lines
