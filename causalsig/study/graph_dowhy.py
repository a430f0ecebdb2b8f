"""What dowhy is asked, behind three functions: it is untyped, slow to import, and never needed at run time.

Only its maximal-adjustment search is used. The default search lists every valid set (ten seconds at 25
nodes), the minimal one can find none where there is one, `identify_effect` also looks for front doors and
instruments we do not want, and every list it returns has the order of a set of strings, which changes from
one process to the next.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from causalsig.study.dag import Dag


def maximal_adjustment(
    dag: Dag, exposure: str, outcome: str, candidates: Collection[str]
) -> frozenset[str] | None:
    """Return dowhy's largest valid backdoor set among the candidates; None when no set of them is valid.

    Where sets of the same size are valid, the first one by name. With no valid set dowhy looks at every
    subset of the candidates.
    """
    from dowhy.causal_identifier.auto_identifier import BackdoorAdjustment, identify_backdoor

    found = identify_backdoor(
        _as_networkx(dag), [exposure], [outcome], list(candidates), BackdoorAdjustment.BACKDOOR_MAX
    )
    # The empty set comes first in dowhy's list when it is valid, whatever larger set is valid too.
    sets = sorted(
        (tuple(sorted(one.get_adjustment_variables())) for one in found), key=lambda one: (-len(one), one)
    )
    return frozenset(sets[0]) if sets else None


def closes(dag: Dag, exposure: str, outcome: str, held: Collection[str]) -> bool:
    """Whether dowhy finds exposure and outcome separated by a set, the exposure's own doing apart."""
    from dowhy.graph import check_valid_backdoor_set

    checked = check_valid_backdoor_set(_as_networkx(dag), [exposure], [outcome], set(held))
    return bool(checked["is_dseparated"])


def adjustment_assumption(exposure: str, outcome: str, adjustment: Collection[str]) -> str:
    """Return dowhy's words for what must hold when the effect is identified by this set."""
    from dowhy.causal_identifier.auto_identifier import construct_adjustment_estimand

    said = construct_adjustment_estimand([exposure], [outcome], list(adjustment))
    return str(said["assumptions"]["Unconfoundedness"])


def _as_networkx(dag: Dag) -> Any:
    from dowhy.graph import nx  # networkx is dowhy's dependency, not ours

    graph = nx.DiGraph()
    graph.add_nodes_from(dag.parents)
    graph.add_edges_from(dag.edges)
    return graph
