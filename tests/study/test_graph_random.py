"""Two hundred random graphs: dowhy, causalsig and a plain reading of the definitions agree."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import combinations

import numpy as np
import pytest

from causalsig.study.dag import Dag
from causalsig.study.graph import COVARIATES, CausalGraph, check_graph
from causalsig.study.graph_dowhy import maximal_adjustment
from causalsig.study.graph_identify import identify

GRAPHS = 200
SEED = 20260507


def separated(parents: dict[str, set[str]], a: str, b: str, given: Collection[str]) -> bool:
    """Lauritzen's criterion: no way from a to b around `given` in the moral graph of their ancestors."""
    kept = {a, b, *given}
    while True:
        more = {cause for node in kept for cause in parents[node]} - kept
        if not more:
            break
        kept |= more
    near: dict[str, set[str]] = {node: set() for node in kept}
    for node in kept:
        family = [node, *parents[node]]
        for one, other in combinations(family, 2):
            near[one].add(other)
            near[other].add(one)
    seen, queue = {a}, [a]
    while queue:
        for other in near[queue.pop()] - seen - set(given):
            seen.add(other)
            queue.append(other)
    return b not in seen


def backdoor(dag: Dag, given: Collection[str]) -> bool:
    """Pearl's criterion for xx and yy, for a set without effects of xx."""
    cut = {node: set(causes) - {"xx"} for node, causes in dag.parents.items()}
    return separated(cut, "xx", "yy", given)


def is_open(dag: Dag, path: tuple[str, ...], given: Collection[str]) -> bool:
    """The definition, triple by triple."""
    below = {node: {node} for node in dag.parents}
    for node in dag.layers():  # causes before effects
        for cause in dag.ancestors([node]):
            below[cause].add(node)
    for before, node, after in zip(path, path[1:], path[2:], strict=False):
        if before in dag.parents[node] and after in dag.parents[node]:
            if not below[node] & set(given):
                return False
        elif node in given:
            return False
    return True


def random_graphs() -> Iterator[CausalGraph]:
    """Graphs of 7 to 10 nodes with a way from xx to yy; half are hidden, effects of xx recorded later."""
    rng = np.random.default_rng(SEED)
    made = 0
    while made < GRAPHS:
        names = [f"n{number}" for number in range(int(rng.integers(7, 11)))]
        first, last = sorted(rng.choice(np.arange(2, len(names) - 1), size=2, replace=False))
        names[first], names[last] = "xx", "yy"
        dense = rng.uniform(0.2, 0.6)
        parents = {
            name: [cause for cause in names[:at] if rng.random() < dense] for at, name in enumerate(names)
        }
        effects = Dag({name: tuple(causes) for name, causes in parents.items()}).descendants(["xx"])
        if "yy" not in effects:
            continue
        nodes: dict[str, dict[str, object]] = {
            name: {"caused_by": causes} for name, causes in parents.items()
        }
        for at, name in enumerate(names):
            if name in ("xx", "yy"):
                continue
            if rng.random() < 0.5:
                nodes[name]["recorded"] = "never"
            elif name in effects:
                nodes[name]["recorded"] = "later"
            else:
                nodes[name]["covariates"] = [COVARIATES[at]]
        order = rng.permutation(names)  # the order in the file says nothing about causes
        graph = CausalGraph.model_validate(
            {
                "schema_version": "0.1",
                "exposures": {"contact_method": "xx"},
                "outcome": "yy",
                "nodes": {str(name): nodes[str(name)] for name in order},
            }
        )
        check_graph(graph, "random")
        made += 1
        yield graph


@pytest.fixture(scope="module")
def graphs() -> list[CausalGraph]:
    return list(random_graphs())


def usable(graph: CausalGraph) -> list[str]:
    return [name for name in graph.nodes if graph.held_by(name)]


def test_a_set_is_found_exactly_when_any_subset_is_valid_and_then_it_is_valid(
    graphs: list[CausalGraph],
) -> None:
    enough = 0
    for graph in graphs:
        names = usable(graph)
        subsets = [one for size in range(len(names) + 1) for one in combinations(names, size)]
        valid = [set(one) for one in subsets if backdoor(graph.dag, one)]
        found = identify(graph, "contact_method")
        assert found.sufficient == bool(valid)
        assert not found.sufficient or set(found.adjustment) in valid
        # dowhy leaves out what is tied to neither end, and counts no further.
        tied = {name for name in names if any(graph.dag.connected(name, end, ()) for end in ("xx", "yy"))}
        largest = maximal_adjustment(graph.dag, "xx", "yy", names)
        assert (largest is not None) == bool(valid)
        assert not valid or largest in valid
        assert not valid or len(largest or ()) == max(len(one) for one in valid if one <= tied)
        enough += found.sufficient
    assert GRAPHS / 4 < enough < 3 * GRAPHS / 4, "the graphs must be of both kinds"


def test_the_set_is_all_recorded_causes_but_those_that_move_the_exposure_only(
    graphs: list[CausalGraph],
) -> None:
    left_out = 0
    for graph in graphs:
        dag, found = graph.dag, identify(graph, "contact_method")
        causes = {name for name in usable(graph) if name in dag.ancestors(["xx", "yy"])}
        movers = causes - set(found.adjustment)
        assert set(found.adjustment) <= causes
        cut = {node: set(parents) - {"xx"} for node, parents in dag.parents.items()}
        for name in movers:
            assert separated(cut, name, "yy", set(found.adjustment)), "not an instrument"
            assert "yy" not in dag.without(["xx"]).descendants([name])
        assert {one.node for one in found.left_alone if one.role == "instrument"} == movers
        left_out += bool(movers)
    assert left_out > GRAPHS / 20


def test_the_paths_that_are_listed_are_open_and_some_are_listed_when_any_is(
    graphs: list[CausalGraph],
) -> None:
    listed = 0
    for graph in graphs:
        dag, found = graph.dag, identify(graph, "contact_method")
        assert bool(found.open_paths) != found.sufficient
        assert bool(found.doors) != found.sufficient
        assert {path.nodes[1] for path in found.open_paths} == set(found.doors)
        for path in found.open_paths:
            nodes = path.nodes
            assert (nodes[0], nodes[-1], path.arrows[0]) == ("xx", "yy", "←")
            assert len(set(nodes)) == len(nodes)
            for one, other, arrow in zip(nodes, nodes[1:], path.arrows, strict=False):
                assert (one in dag.parents[other]) == (arrow == "→")
                assert (other in dag.parents[one]) == (arrow == "←")
            assert is_open(dag, nodes, found.adjustment)
            assert set(path.opened) <= dag.ancestors(found.adjustment)
            assert nodes[1] in found.doors
            listed += 1
    assert listed > GRAPHS / 2


def test_colliders_are_those_that_open_a_path(graphs: list[CausalGraph]) -> None:
    seen = 0
    for graph in graphs:
        found = identify(graph, "contact_method")
        colliders = {one.node for one in found.left_alone if one.role == "collider"}
        rest = set(usable(graph)) - set(found.adjustment)
        for name in rest if found.sufficient else ():
            opens = not backdoor(graph.dag, {*found.adjustment, name})
            assert opens == (name in colliders)
            seen += opens
    assert seen > 1, "rare here; the textbook graphs hold more of them"


def test_information_flows_where_the_moral_graph_says(graphs: list[CausalGraph]) -> None:
    rng = np.random.default_rng(SEED)
    for graph in graphs:
        dag = graph.dag
        parents = {node: set(causes) for node, causes in dag.parents.items()}
        names = sorted(dag.parents)
        for _ in range(10):
            a, b, *rest = (str(name) for name in rng.permutation(names))
            given = set(rest[: int(rng.integers(0, len(rest) + 1))])
            assert dag.connected(a, b, given) != separated(parents, a, b, given)
