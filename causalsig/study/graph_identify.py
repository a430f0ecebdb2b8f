"""What a causal graph says to adjust for, what stays open, and what must be left alone.

The set is the largest one among recorded causes of exposure or outcome that are no instruments
(VanderWeele 2019, doi:10.1007/s10654-019-00494-6): dowhy's maximal-adjustment search finds it. Without
the second restriction "maximal" takes instruments too, which adds variance and, where a hidden cause
remains, bias (Myers et al. 2011, doi:10.1093/aje/kwr364); and colliders of two hidden causes, as long as
something else happens to close what they open. A valid set of recorded facts exists only if these causes
are one (van der Zander, Liskiewicz & Textor 2019, doi:10.1016/j.artint.2018.12.006), so that "no set is
enough" can be said without trying them all, which takes dowhy 2^n checks.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

from causalsig.errors import StudyError
from causalsig.study.base import Covariate
from causalsig.study.dag import Dag, Path
from causalsig.study.graph import COVARIATES, CausalGraph
from causalsig.study.graph_findings import Identification, Instrument, LeftAlone, ListCheck, OpenPath, Role

MOST_SEARCHED = 12
"""Candidates up to which dowhy is asked even when no set can be enough: 4,096 sets, within a second."""


def identify(graph: CausalGraph, question: str) -> Identification:
    """Find what to adjust for in one question, and say what remains.

    Raises
    ------
    StudyError
        The graph has no exposure for this question, or dowhy contradicts what was found.
    """
    dag, exposure, outcome = graph.dag, exposure_of(graph, question), graph.outcome
    cut, effects = dag.without_effects_of(exposure), dag.descendants([exposure])
    adjustment, movers = adjustment_set(graph, exposure)
    held = graph.determined(adjustment) - {exposure}
    assumption = _ask_dowhy(graph, exposure, adjustment, held)
    doors = _doors(graph, cut, exposure, held)
    paths = _shortest(cut, exposure, outcome, held, doors)
    followed, part = later_causes(graph, exposure, held)
    more = graph.determined({*held, *followed}) - {exposure}
    with_followed = _shortest(cut, exposure, outcome, more, _doors(graph, cut, exposure, more))
    return Identification(
        question=question,
        exposure=exposure,
        outcome=outcome,
        adjustment=adjustment,
        covariates=_in_order(graph, adjustment),
        sufficient=not cut.connected(exposure, outcome, held),
        open_paths=tuple(_describe(graph, cut, path, effects) for path in paths),
        more_paths=not cut.open_paths(exposure, outcome, held, most=len(paths))[1],
        doors=doors,
        followed=followed,
        part=part,
        open_with_followed=tuple(_describe(graph, cut, path, effects) for path in with_followed),
        without_overlap=exposure in graph.determined(adjustment),
        left_alone=_left_alone(graph, exposure, adjustment, movers),
        instruments=_instruments(graph, exposure, adjustment, movers),
        assumption=assumption,
    )


def exposure_of(graph: CausalGraph, question: str) -> str:
    """Return the node whose effect a question asks for; StudyError when there is none."""
    asked: dict[str, str] = dict(graph.exposures.items())
    if question not in asked:
        raise StudyError(
            "study-graph-exposure",
            expected=f"a node for the question {question}",
            found="none",
            mend=f'Write {question} = "..." under [exposures], or leave the question out of the study.',
            where="exposures",
        )
    return asked[question]


def adjustment_set(graph: CausalGraph, exposure: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the nodes to adjust for, and the recorded causes left out since they move the exposure only.

    No dowhy in it: a study can be held against its graph wherever it is read.
    """
    dag, outcome = graph.dag, graph.outcome
    effects, causes = dag.descendants([exposure]), dag.ancestors([exposure, outcome])
    candidates = [n for n in graph.nodes if n in causes and n not in effects and graph.held_by(n)]
    movers = _movers(graph, dag.without_effects_of(exposure), outcome, candidates)
    return tuple(name for name in candidates if name not in movers), movers


def later_causes(
    graph: CausalGraph, exposure: str, held: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give causes of the exposure recorded after time zero: those that weights by period hold; the rest."""
    dag = graph.dag
    earlier = dag.ancestors([exposure]) - dag.descendants([exposure]) - set(held)
    later = [name for name in graph.nodes if name in earlier and graph.recorded(name) == "later"]
    followed = tuple(name for name in later if graph.nodes[name].followed)
    return followed, tuple(name for name in later if name not in followed)


def hidden_causes(graph: CausalGraph, question: str, *, by_period: bool = False) -> tuple[str, ...]:
    """Give what nobody records and leads both to the exposure and, by another way, to the outcome.

    Given what is adjusted for; ``by_period`` says that weights by period hold what is followed as well.
    No dowhy in it: every site can say it.
    """
    exposure = exposure_of(graph, question)
    held = graph.determined(adjustment_set(graph, exposure)[0]) - {exposure}
    if by_period:
        held = graph.determined({*held, *later_causes(graph, exposure, held)[0]}) - {exposure}
    rest = graph.dag.without(held)
    both = rest.ancestors([exposure]) & rest.without([exposure]).ancestors([graph.outcome])
    return tuple(name for name in graph.nodes if name in both and graph.recorded(name) == "never")


def frozen_covariates(graph: CausalGraph, questions: Collection[str]) -> tuple[Covariate, ...]:
    """Give the list a study with these questions freezes, without dowhy; errors as of :func:`identify`."""
    nodes: set[str] = set()
    for question in questions:
        nodes.update(adjustment_set(graph, exposure_of(graph, question))[0])
    return _in_order(graph, nodes)


def check_list(
    graph: CausalGraph, found: Collection[Identification], declared: Collection[Covariate]
) -> ListCheck:
    """Hold a list of covariates against what the graph says for the questions asked."""
    wanted = covariates_of(found)
    alone = _in_order(graph, {other.node for one in found for other in one.left_alone})
    known = _in_order(graph, graph.nodes)
    extra = [name for name in COVARIATES if name in declared and name not in wanted]
    return ListCheck(
        missing=tuple(name for name in wanted if name not in declared),
        left_alone=tuple(name for name in extra if name in alone),
        not_needed=tuple(name for name in extra if name in known and name not in alone),
        unknown=tuple(name for name in extra if name not in known),
    )


def covariates_of(found: Collection[Identification]) -> tuple[Covariate, ...]:
    """Give the one list of covariates a study freezes: what any of its questions must adjust for.

    Only an instrument can be in dispute: a collider of one question causes no exposure of another, and what
    comes after an exposure is no covariate.

    Raises
    ------
    StudyError
        One question needs what moves only the exposure of another.
    """
    wanted = {name: one.question for one in found for name in one.adjustment}
    for one in found:
        for other in one.left_alone:
            if other.node in wanted:
                raise StudyError(
                    "study-graph-sets-differ",
                    expected="one list of covariates for all questions of the study",
                    found=f"{other.node}: {wanted[other.node]} needs it, {one.question} must leave it alone",
                    mend="Ask the questions in studies of their own.",
                )
    chosen = {covariate for one in found for covariate in one.covariates}
    return tuple(covariate for covariate in COVARIATES if covariate in chosen)


def _in_order(graph: CausalGraph, nodes: Collection[str]) -> tuple[Covariate, ...]:
    held = {covariate for name in nodes for covariate in graph.held_by(name)}
    return tuple(covariate for covariate in COVARIATES if covariate in held)


def _movers(graph: CausalGraph, cut: Dag, outcome: str, candidates: Collection[str]) -> tuple[str, ...]:
    """Candidates that move the exposure only: no other cause of the outcome, nor tied to it given the others.

    Leaving all of them out keeps a valid set valid: each is separated from the outcome by the rest, so all
    of them together are (intersection), and what they would have closed needs no closing (contraction).
    """
    causes = cut.ancestors([outcome])
    return tuple(
        name
        for name in candidates
        if name not in causes
        and not cut.connected(name, outcome, graph.determined(set(candidates) - {name}) - {name})
    )


def _describe(graph: CausalGraph, dag: Dag, path: Path, effects: Collection[str]) -> OpenPath:
    arrows = tuple("→" if a in dag.parents[b] else "←" for a, b in pairwise(path))
    inside = list(zip(path[1:-1], arrows, arrows[1:], strict=False))
    colliders = {node for node, before, after in inside if (before, after) == ("→", "←")}
    through = [node for node, _, _ in inside if node not in colliders and node not in effects]
    recorded = {kind: tuple(n for n in through if graph.recorded(n) == kind) for kind in ("never", "later")}
    unheld = tuple(node for node in through if graph.recorded(node) == "before")
    return OpenPath(
        nodes=path,
        arrows=arrows,
        hidden=recorded["never"],
        later=recorded["later"],
        unheld=unheld,
        opened=tuple(node for node, _, _ in inside if node in colliders),
    )


def _doors(graph: CausalGraph, cut: Dag, exposure: str, held: Collection[str]) -> tuple[str, ...]:
    """Direct causes of the exposure that are not held and from which the outcome can be reached."""
    alone = cut.without([exposure])
    return tuple(
        cause
        for cause in cut.parents[exposure]
        if cause not in held and alone.connected(cause, graph.outcome, held)
    )


def _shortest(
    cut: Dag, exposure: str, outcome: str, held: Collection[str], doors: Collection[str]
) -> tuple[Path, ...]:
    """Give the shortest open paths, and the shortest one through each door."""
    paths, _ = cut.open_paths(exposure, outcome, held)
    for door in doors:
        if not any(path[1] == door for path in paths):
            through = Dag({**cut.parents, exposure: (door,)})
            paths += through.open_paths(exposure, outcome, held, most=1)[0]
    return paths


def _left_alone(
    graph: CausalGraph, exposure: str, adjustment: Collection[str], movers: Collection[str]
) -> tuple[LeftAlone, ...]:
    dag, outcome = graph.dag, graph.outcome
    effects, leads = dag.descendants([exposure]), dag.ancestors([outcome])
    found = []
    for name in graph.nodes:
        if name in (exposure, outcome) or name in adjustment or graph.recorded(name) == "never":
            continue
        role: Role
        if name in effects:
            role = "mediator" if name in leads else "consequence"
        elif name in movers:
            role = "instrument"
        elif graph.held_by(name) and _opens(graph, exposure, adjustment, name):
            role = "collider"
        else:
            continue
        ties = () if role == "instrument" else _ties(graph, exposure, adjustment, name)
        found.append(LeftAlone(name, role, ties))
    return tuple(found)


def _opens(graph: CausalGraph, exposure: str, adjustment: Collection[str], name: str) -> bool:
    """Whether adjusting for a node as well opens a path that was closed."""
    cut = graph.dag.without_effects_of(exposure)
    before = graph.determined(adjustment) - {exposure}
    paths, _ = cut.open_paths(
        exposure, graph.outcome, graph.determined({*before, name}) - {exposure}, most=50
    )
    already = cut.ancestors(before)
    return any(node not in already for path in paths for node in _describe(graph, cut, path, ()).opened)


def _ties(graph: CausalGraph, exposure: str, adjustment: Collection[str], name: str) -> tuple[str, ...]:
    """Unrecorded causes both of a node and, on another way, of the outcome."""
    held = {exposure, *adjustment}
    rest = graph.dag.without(held)
    others = graph.dag.without({*held, name})
    both = (rest.ancestors([name]) - {name}) & others.ancestors([graph.outcome])
    return tuple(other for other in graph.nodes if other in both and graph.recorded(other) == "never")


def _instruments(
    graph: CausalGraph, exposure: str, adjustment: Collection[str], movers: Collection[str]
) -> tuple[Instrument, ...]:
    dag, outcome = graph.dag, graph.outcome
    cut, effects = dag.without_effects_of(exposure), dag.descendants([exposure])
    found = []
    for name, node in graph.nodes.items():
        if not (node.instrument or name in movers) or name in effects:
            continue
        rest = [other for other in adjustment if other != name]
        held = graph.determined(rest) - {name, exposure}
        paths, _ = cut.open_paths(name, outcome, held, most=3)
        decided = name in graph.determined(rest)
        found.append(
            Instrument(
                node=name,
                relevant=dag.connected(name, exposure, held),
                decided_by=node.caused_by if decided else (),
                other_ways=tuple(_describe(graph, cut, path, effects) for path in paths),
            )
        )
    return tuple(found)


def _ask_dowhy(graph: CausalGraph, exposure: str, adjustment: tuple[str, ...], held: frozenset[str]) -> str:
    """Let dowhy find the maximal set and check ours; return its words for the assumption.

    A set that follows from another by a rule is handed over with it, as dowhy knows no rules.
    """
    from causalsig.study.graph_dowhy import adjustment_assumption, closes, maximal_adjustment

    dag, outcome = graph.dag, graph.outcome
    enough = closes(dag, exposure, outcome, held)
    found: frozenset[str] | None = None
    if enough or len(held) <= MOST_SEARCHED:
        found = maximal_adjustment(dag, exposure, outcome, held)
    expected = held if enough else None
    ours = not dag.without_effects_of(exposure).connected(exposure, outcome, held)
    if enough != ours or ((enough or len(held) <= MOST_SEARCHED) and found != expected):
        raise StudyError(
            "study-graph-disagreement",
            expected="dowhy and causalsig to find the same set",
            found=f"different ones for {exposure}",
            mend="Trust neither, and report this graph: one of the two is wrong.",
        )
    return adjustment_assumption(exposure, outcome, adjustment)
