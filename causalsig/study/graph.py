"""A causal graph in a file: which facts cause which, what is recorded when, and what is asked of it.

A study may argue its covariates by such a graph. Everything here is said before any data are seen.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Iterable
from importlib import resources
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, ValidationError

from causalsig.errors import StudyError
from causalsig.study.dag import Dag
from causalsig.study.models import Closed, Covariate, Slug
from causalsig.study.read import DEFAULT_STUDY, explain_invalid

Question = Literal["accepted_help", "contact_method", "threshold"]
Recorded = Literal["before", "later", "never"]
COVARIATES: tuple[Covariate, ...] = get_args(Covariate)
BESIDE = ".graph.toml"
"""A study `mine.toml` has its graph beside it in `mine.graph.toml`."""


class Node(Closed):
    """One fact, or a group of facts with the same causes and effects."""

    nl: str = Field(default="", max_length=60, description="What people call it, in Dutch; none: its name.")
    en: str = Field(default="", max_length=60, description="The same in English.")
    recorded: Recorded | None = Field(
        default=None,
        description="Recorded before time zero, later, or never; a covariate is recorded before it.",
    )
    covariates: tuple[Covariate, ...] = Field(
        default=(), description="The cohort's covariates that hold it; none: a covariate of its own name."
    )
    caused_by: tuple[Slug, ...] = Field(default=(), description="Its direct causes.")
    instrument: bool = Field(
        default=False, description="Thought of as an instrument: whether it is one will be said."
    )
    by_rule: bool = Field(
        default=False, description="Follows from its causes by a rule, without any chance: a threshold."
    )


class CausalGraph(Closed):
    """The whole graph file."""

    schema_version: Literal["0.1"]
    exposures: dict[Question, Slug] = Field(description="The node whose effect a question asks for.")
    outcome: Slug
    nodes: dict[Slug, Node] = Field(min_length=2)

    @property
    def dag(self) -> Dag:
        """The nodes with their direct causes, in the file's order."""
        return Dag({name: node.caused_by for name, node in self.nodes.items()})

    @property
    def ends(self) -> frozenset[str]:
        """The exposures and the outcome."""
        return frozenset({*self.exposures.values(), self.outcome})

    def held_by(self, name: str) -> tuple[Covariate, ...]:
        """Return the cohort's covariates that hold this node; none for what no covariate holds."""
        if name in self.ends:
            return ()
        return self.nodes[name].covariates or tuple(known for known in COVARIATES if known == name)

    def recorded(self, name: str) -> Recorded:
        """Return when a node is recorded; exposures and outcome are always recorded later."""
        if name in self.ends:
            return "later"
        return "before" if self.held_by(name) else (self.nodes[name].recorded or "never")

    def determined(self, held: Collection[str]) -> frozenset[str]:
        """Nodes held fixed and what follows from them by a rule: that is then held fixed as well."""
        found = set(held)
        grown = True
        while grown:
            more = {
                name
                for name, node in self.nodes.items()
                if node.by_rule and node.caused_by and name not in found and found.issuperset(node.caused_by)
            }
            found |= more
            grown = bool(more)
        return frozenset(found)

    def label(self, name: str, language: str = "en") -> str:
        """Return what people call a node."""
        node = self.nodes[name]
        return (node.nl if language == "nl" else node.en) or name.replace("_", " ")


def read_graph(path: str | Path) -> CausalGraph:
    """Read and check a causal graph.

    Parameters
    ----------
    path : str or Path
        A TOML file, or the name of a packaged study ("vroegsignalering"), whose graph is packaged too.

    Raises
    ------
    StudyError
        The file is missing, is not TOML, or its graph cannot be meant: unknown names, causes in a circle, no
        exposure, an exposure without a way to the outcome, a covariate that is caused by an exposure.
    """
    where = str(path)
    packaged = where == DEFAULT_STUDY and not Path(path).exists()
    text = default_graph_text() if packaged else _text(Path(path))
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(
            "study-graph-not-toml",
            expected="valid TOML, every key once",
            found=str(error),
            mend="Correct that line.",
            where=where,
        ) from None
    try:
        graph = CausalGraph.model_validate(tables)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
    else:
        check_graph(graph, where)
        return graph
    key, expected, found, mend = explain_invalid(details[0], CausalGraph)
    raise StudyError(
        "study-graph-invalid", expected=expected, found=found, mend=mend, where=f"{where}, {key}"
    )


def graph_of(study: str | Path) -> Path | None:
    """Find the graph of a study: beside its file, or packaged with a packaged study; none: None."""
    path = Path(study)
    if str(study) == DEFAULT_STUDY and not path.exists():
        return Path(DEFAULT_STUDY)
    beside = path.with_name(path.name.removesuffix(".toml") + BESIDE)
    return beside if beside.exists() else None


def default_graph_text() -> str:
    """Return the packaged graph of the default study as TOML, comments included."""
    folder = resources.files("causalsig.study") / "studies"
    return (folder / f"{DEFAULT_STUDY}{BESIDE}").read_text("utf-8")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise StudyError(
            "study-graph-missing",
            expected="a causal graph in TOML",
            found="no file at that path",
            mend="Check the path.",
            where=str(path),
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(
            "study-graph-unreadable",
            expected="a readable causal graph in UTF-8",
            found=type(error).__name__,
            mend="Check that it is a text file, saved as UTF-8, that you may read.",
            where=str(path),
        ) from None


def check_graph(graph: CausalGraph, where: str) -> None:
    """Raise StudyError when a graph names what it does not have, goes in a circle, or cannot be meant."""
    _check_names(graph, where)
    _check_covariates(graph, where)
    cycle = graph.dag.cycle()
    if cycle:
        raise StudyError(
            "study-graph-cycle",
            expected="causes before effects",
            found=f"a circle: {' -> '.join(cycle)}",
            mend="Split one of these in what came before and what came after.",
            where=where,
        )
    _check_effects(graph, where)


def _check_names(graph: CausalGraph, where: str) -> None:
    named: dict[str, tuple[str, ...]] = {"outcome": (graph.outcome,)}
    named |= {f"exposures.{question}": (name,) for question, name in graph.exposures.items()}
    named |= {f"nodes.{name}.caused_by": node.caused_by for name, node in graph.nodes.items()}
    for key, names in named.items():
        for name in names:
            if name not in graph.nodes:
                raise StudyError(
                    "study-graph-node",
                    expected="the name of a node under [nodes]",
                    found=f"{name!r}",
                    mend=_near(name, graph.nodes) or "Add the node, or correct the name.",
                    where=f"{where}, {key}",
                )
    if not graph.exposures or graph.outcome in graph.exposures.values():
        raise StudyError(
            "study-graph-exposure",
            expected="an exposure for at least one question, another node than the outcome",
            found="none" if not graph.exposures else "the outcome itself",
            mend='Write, for instance, accepted_help = "..." under [exposures].',
            where=f"{where}, exposures",
        )


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else ""


def _check_covariates(graph: CausalGraph, where: str) -> None:
    seen: dict[str, str] = {}
    for name, node in graph.nodes.items():
        place = f"{where}, nodes.{name}"
        held = graph.held_by(name)
        if name in graph.ends:
            if node.covariates or node.recorded:
                raise StudyError(
                    "study-graph-covariate",
                    expected="neither covariates nor recorded at an exposure or the outcome",
                    found="one of them",
                    mend="Leave it out there.",
                    where=place,
                )
        elif not held and node.recorded is None:
            raise StudyError(
                "study-graph-node",
                expected='a covariate (by name or in `covariates`), or recorded = "never", "later", "before"',
                found="none of them",
                mend=_near(name, COVARIATES) or "Say when it is recorded; never, when nobody records it.",
                where=place,
            )
        elif held and node.recorded not in (None, "before"):
            raise StudyError(
                "study-graph-covariate",
                expected="a node with covariates to be recorded before time zero",
                found=f"recorded = {node.recorded!r}",
                mend="Leave `recorded` or the covariates out.",
                where=place,
            )
        for covariate in held:
            if covariate in seen:
                raise StudyError(
                    "study-graph-covariate",
                    expected="each covariate at one node",
                    found=f"{covariate} at {seen[covariate]} and {name}",
                    mend="Leave it out at one of them.",
                    where=place,
                )
            seen[covariate] = name


def _check_effects(graph: CausalGraph, where: str) -> None:
    dag = graph.dag
    for question, exposure in graph.exposures.items():
        effects = dag.descendants([exposure])
        if graph.outcome not in effects:
            raise StudyError(
                "study-graph-effect",
                expected=f"a way along the arrows from {exposure} to {graph.outcome}",
                found="none, so the graph says that there is no effect",
                mend="Add the arrow the question is about; whether it is zero is for the data to say.",
                where=f"{where}, exposures.{question}",
            )
        early = [name for name in graph.nodes if name in effects and graph.held_by(name)]
        if early:
            raise StudyError(
                "study-graph-time",
                expected="covariates to cause exposures and never the reverse: they are known at time zero",
                found=f"{early[0]} caused by {exposure}",
                mend='Turn the arrow, or say recorded = "later" and leave its covariates out.',
                where=f"{where}, nodes.{early[0]}",
            )
