"""A causal graph: which facts cause which, what is recorded when, and what is asked of it.

A study may argue its covariates by such a graph. Everything here is said before any data are seen.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import Literal, get_args

from pydantic import Field

from causalsig.errors import StudyError
from causalsig.study.base import Closed, Covariate, Slug
from causalsig.study.dag import Dag

Question = Literal["accepted_help", "contact_method", "threshold"]
Recorded = Literal["before", "later", "never"]
Followed = Literal["signals", "new_arrears"]
COVARIATES: tuple[Covariate, ...] = get_args(Covariate)


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
    followed: tuple[Followed, ...] = Field(
        default=(),
        description="Recorded later and followed week by week: what clone-censor-weight holds of it.",
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
        if node.followed and graph.recorded(name) != "later":
            raise StudyError(
                "study-graph-covariate",
                expected='recorded = "later" at a node that is followed',
                found="another moment",
                mend="What is known at time zero is a covariate; leave `followed` out there.",
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
