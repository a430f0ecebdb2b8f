"""Where nodes and arrows of a causal graph lie: layers from cause to effect, few crossings, no graphviz.

Layers by longest way, order by barycentres, places by isotonic regression (Sugiyama, Tagawa & Toda 1981,
doi:10.1109/TSMC.1981.4308636). An arrow that passes layers bends around their nodes; the arrows of one cause
share a trunk until they part, so that a cause of many things is one line and not a fan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from causalsig.study.dag import Dag

Item = tuple[str, int]
"""A node in its layer, or a bend of that node's arrows in a later one."""
Point = tuple[float, float]
BEND = 16.0
GAP = 14.0
SWEEPS = 12


@dataclass(frozen=True, slots=True)
class Layout:
    """Places in the unit of the widths given, x to the right, y downwards from 0.

    Attributes
    ----------
    nodes : mapping of str to (x, y)
        Middle of each node.
    arrows : mapping of (cause, effect) to tuple of (x, y)
        From the middle of the cause through the bends to the middle of the effect.
    width, height : float
    """

    nodes: Mapping[str, Point]
    arrows: Mapping[tuple[str, str], tuple[Point, ...]]
    width: float
    height: float


def layered_layout(dag: Dag, widths: Mapping[str, float], row: float) -> Layout:
    """Lay out a graph from top to bottom.

    Parameters
    ----------
    dag : Dag
    widths : mapping of str to float
        Width of each node.
    row : float
        Distance between layers.
    """
    layers = _late_layers(dag)
    chains = {edge: _chain(edge, layers) for edge in dag.edges}
    rows = _rows(dag, layers, chains)
    links = {link for chain in chains.values() for link in pairwise(chain)}
    above: dict[Item, list[Item]] = {}
    below: dict[Item, list[Item]] = {}
    for upper, lower in sorted(links):
        above.setdefault(lower, []).append(upper)
        below.setdefault(upper, []).append(lower)
    rows = _ordered(rows, above, below)
    size = {item: widths[item[0]] if layers[item[0]] == item[1] else BEND for items in rows for item in items}
    places = _placed(rows, above, below, size)
    left = min(places[item] - size[item] / 2 for item in places)
    right = max(places[item] + size[item] / 2 for item in places)
    at = {item: (places[item] - left, item[1] * row) for item in places}
    return Layout(
        nodes={node: at[(node, layers[node])] for node in dag.parents},
        arrows={edge: tuple(at[item] for item in chain) for edge, chain in chains.items()},
        width=right - left,
        height=row * max(layers.values()),
    )


def _late_layers(dag: Dag) -> dict[str, int]:
    """Longest way from a root; a node with more effects than causes moves down to its first effect."""
    layers = dag.layers()
    for node in sorted(layers, key=lambda name: -layers[name]):
        effects = dag.children(node)
        if len(effects) > len(dag.parents[node]):
            layers[node] = min(layers[effect] for effect in effects) - 1
    return layers


def _chain(edge: tuple[str, str], layers: Mapping[str, int]) -> tuple[Item, ...]:
    cause, effect = edge
    bends = tuple((cause, layer) for layer in range(layers[cause], layers[effect]))
    return (*bends, (effect, layers[effect]))


def _rows(
    dag: Dag, layers: Mapping[str, int], chains: Mapping[tuple[str, str], tuple[Item, ...]]
) -> list[list[Item]]:
    rows: list[list[Item]] = [[] for _ in range(max(layers.values()) + 1)]
    for node in dag.parents:
        rows[layers[node]].append((node, layers[node]))
    for chain in chains.values():
        for item in chain[1:-1]:
            if item not in rows[item[1]]:
                rows[item[1]].append(item)
    return rows


def _ordered(
    rows: list[list[Item]], above: Mapping[Item, list[Item]], below: Mapping[Item, list[Item]]
) -> list[list[Item]]:
    """Order each row by the mean place of its neighbours, down and up again; keep the fewest crossings."""
    best, fewest = rows, _crossings(rows, below)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        rows = [list(items) for items in rows]
        for at in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            near = rows[at - 1] if down else rows[at + 1]
            place = {item: number for number, item in enumerate(near)}
            links = above if down else below
            old = {item: number for number, item in enumerate(rows[at])}

            def mean(
                item: Item, links: Mapping[Item, list[Item]] = links, place: Mapping[Item, int] = place
            ) -> float | None:
                near = links.get(item, [])
                return sum(place[other] for other in near) / len(near) if near else None

            means = {item: mean(item) for item in rows[at]}
            rows[at].sort(key=lambda item: (old[item] if means[item] is None else means[item], old[item]))
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _crossings(rows: Sequence[Sequence[Item]], below: Mapping[Item, list[Item]]) -> int:
    count = 0
    for upper, lower in pairwise(rows):
        place = {item: number for number, item in enumerate(lower)}
        ends = [sorted(place[other] for other in below.get(item, [])) for item in upper]
        for at, first in enumerate(ends):
            for second in ends[at + 1 :]:
                count += sum(1 for a in first for b in second if b < a)
    return count


def _placed(
    rows: Sequence[Sequence[Item]],
    above: Mapping[Item, list[Item]],
    below: Mapping[Item, list[Item]],
    size: Mapping[Item, float],
) -> dict[Item, float]:
    """Give each item a place near its neighbours, in the order of its row and without overlap."""
    places: dict[Item, float] = {}
    for items in rows:
        offsets = _offsets(items, size)
        places |= {item: offset - offsets[-1] / 2 for item, offset in zip(items, offsets, strict=True)}
    for sweep in range(2 * SWEEPS):
        for items in rows if sweep % 2 == 0 else reversed(rows):
            offsets = _offsets(items, size)
            wanted = []
            for item, offset in zip(items, offsets, strict=True):
                near = [*above.get(item, []), *below.get(item, [])]
                mean = sum(places[other] for other in near) / len(near) if near else places[item]
                wanted.append(mean - offset)
            fitted = _isotonic(wanted)
            places |= {
                item: value + offset for item, value, offset in zip(items, fitted, offsets, strict=True)
            }
    return places


def _offsets(items: Sequence[Item], size: Mapping[Item, float]) -> list[float]:
    """Smallest distances of a row's items from its first one."""
    offsets = [0.0]
    for before, after in pairwise(items):
        offsets.append(offsets[-1] + (size[before] + size[after]) / 2 + GAP)
    return offsets


def _isotonic(values: Sequence[float]) -> list[float]:
    """Return the nearest sequence that never goes down (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        block = (value, 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, number = blocks.pop()
            total = number + block[1]
            block = ((mean * number + block[0] * block[1]) / total, total)
        blocks.append(block)
    return [mean for mean, number in blocks for _ in range(number)]
