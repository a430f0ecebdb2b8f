"""Small causal graphs as they are written on a blackboard."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from causalsig.study.graph import COVARIATES, CausalGraph, check_graph

Sketch = Callable[..., CausalGraph]


@pytest.fixture(scope="session")
def sketch() -> Sketch:
    """Make a graph of "a -> b" arrows with exposure xx and outcome yy; other nodes are covariates."""

    def make(
        arrows: str, *, hidden: str = "", later: str = "", instruments: str = "", rules: str = ""
    ) -> CausalGraph:
        edges = [tuple(part.strip() for part in arrow.split("->")) for arrow in arrows.split(",")]
        names = sorted({name for edge in edges for name in edge})
        free = iter(COVARIATES)
        nodes: dict[str, dict[str, object]] = {}
        for name in names:
            node: dict[str, object] = {"caused_by": [cause for cause, effect in edges if effect == name]}
            if name in hidden.split():
                node["recorded"] = "never"
            elif name in later.split():
                node |= {"recorded": "later", "followed": ["signals"]}
            elif name in rules.split():
                node |= {} if name in ("xx", "yy") else {"recorded": "before"}
            elif name not in ("xx", "yy"):
                node["covariates"] = [next(free)]
            node["instrument"] = name in instruments.split()
            node["by_rule"] = name in rules.split()
            nodes[name] = node
        graph = CausalGraph.model_validate(
            {"schema_version": "0.1", "exposures": {"contact_method": "xx"}, "outcome": "yy", "nodes": nodes}
        )
        check_graph(graph, "sketch")
        return graph

    return make
