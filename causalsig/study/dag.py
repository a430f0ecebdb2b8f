"""Directed acyclic graphs and d-separation, in plain Python: what a causal graph implies, path by path.

dowhy decides whether a set is enough; what it cannot tell is *which* path stays open and through whom, and
that is what a reader of a study must know.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Arrival = Literal["along", "against"]
State = tuple[str, Arrival]
"""A node on a path, and whether the arrow to it was followed along or against its direction."""
Path = tuple[str, ...]
MOST_STEPS = 20_000
"""Partial paths looked at before a list of open paths is called incomplete: milliseconds, not minutes."""


@dataclass(frozen=True, slots=True)
class Dag:
    """Nodes with their direct causes.

    Attributes
    ----------
    parents : mapping of str to tuple of str
        Every node is a key; its direct causes, in the order in which they were written.
    """

    parents: Mapping[str, tuple[str, ...]]

    @property
    def edges(self) -> Iterator[tuple[str, str]]:
        """Each (cause, effect)."""
        return ((cause, node) for node, causes in self.parents.items() for cause in causes)

    def children(self, node: str) -> tuple[str, ...]:
        """Return the direct effects of a node."""
        return tuple(other for other, causes in self.parents.items() if node in causes)

    def ancestors(self, nodes: Iterable[str]) -> frozenset[str]:
        """Causes of any of the nodes, direct or not, and the nodes themselves."""
        return _reach(nodes, lambda node: self.parents[node])

    def descendants(self, nodes: Iterable[str]) -> frozenset[str]:
        """Effects of any of the nodes, direct or not, and the nodes themselves."""
        return _reach(nodes, self.children)

    def without(self, nodes: Collection[str]) -> Dag:
        """Leave nodes out, with their arrows."""
        return Dag(
            {
                node: tuple(cause for cause in causes if cause not in nodes)
                for node, causes in self.parents.items()
                if node not in nodes
            }
        )

    def without_effects_of(self, node: str) -> Dag:
        """Leave out the arrows that leave a node: what remains between it and another is not its doing."""
        return Dag(
            {
                other: tuple(cause for cause in causes if cause != node)
                for other, causes in self.parents.items()
            }
        )

    def cycle(self) -> Path:
        """Return nodes that cause each other in a circle, the first one again at the end; none: empty."""
        left = dict(self.parents)
        while left:
            roots = [node for node, causes in left.items() if not any(cause in left for cause in causes)]
            if not roots:
                break
            for node in roots:
                del left[node]
        if not left:
            return ()
        walk = [next(iter(left))]
        while True:
            cause = next(cause for cause in left[walk[-1]] if cause in left)
            if cause in walk:
                return tuple(reversed([*walk[walk.index(cause) :], cause]))
            walk.append(cause)

    def layers(self) -> dict[str, int]:
        """Return for each node the number of arrows on the longest way to it from a node without causes."""
        found: dict[str, int] = {}
        left = list(self.parents)
        while left:
            ready = [node for node in left if all(cause in found for cause in self.parents[node])]
            for node in ready:
                found[node] = 1 + max((found[cause] for cause in self.parents[node]), default=-1)
            left = [node for node in left if node not in found]
        return found

    def connected(self, source: str, target: str, given: Collection[str]) -> bool:
        """Whether information flows between two nodes when those given are held fixed (d-connection)."""
        return any(node == target for node, _ in self._states(source, target, frozenset(given)))

    def open_paths(
        self, source: str, target: str, given: Collection[str], *, most: int = 4
    ) -> tuple[tuple[Path, ...], bool]:
        """List paths that stay open when the given nodes are held fixed, shortest first.

        Returns
        -------
        paths : tuple of tuple of str
            At most ``most``; no node twice in one path.
        complete : bool
            Whether there are no others.
        """
        held = frozenset(given)
        useful = self._useful(source, target, held)
        queue: deque[tuple[Path, State]] = deque(((source, state[0]), state) for state in self._begin(source))
        found: list[Path] = []
        steps = 0
        opened = self.ancestors(held)
        while queue:
            path, state = queue.popleft()
            steps += 1
            if state not in useful:
                continue
            if state[0] == target:
                if len(found) == most:
                    return tuple(found), False
                found.append(path)
                continue
            if steps > MOST_STEPS:
                return tuple(found), False
            for step in self._steps(state, held, opened):
                if step[0] not in path:
                    queue.append(((*path, step[0]), step))
        return tuple(found), True

    def _begin(self, source: str) -> list[State]:
        up: list[State] = [(cause, "against") for cause in self.parents[source]]
        return [*up, *((effect, "along") for effect in self.children(source))]

    def _steps(self, state: State, held: frozenset[str], opened: frozenset[str]) -> list[State]:
        """Where a path goes on: through a node, or back up at a collider that is held or leads to one."""
        node, arrival = state
        steps: list[State] = []
        if node not in held:
            steps += [(effect, "along") for effect in self.children(node)]
        if (node in opened) if arrival == "along" else (node not in held):
            steps += [(cause, "against") for cause in self.parents[node]]
        return steps

    def _states(self, source: str, target: str, held: frozenset[str]) -> dict[State, list[State]]:
        """Every state that can be reached from a node without passing the target, with where it leads."""
        opened = self.ancestors(held)
        found: dict[State, list[State]] = {}
        queue = deque(self._begin(source))
        while queue:
            state = queue.popleft()
            if state in found or state[0] == source:
                continue
            found[state] = [] if state[0] == target else self._steps(state, held, opened)
            queue.extend(found[state])
        return found

    def _useful(self, source: str, target: str, held: frozenset[str]) -> set[State]:
        """States from which the target can be reached: the others are dead ends."""
        states = self._states(source, target, held)
        useful = {state for state in states if state[0] == target}
        grown = bool(useful)
        while grown:
            more = {state for state, steps in states.items() if state not in useful and useful & set(steps)}
            useful |= more
            grown = bool(more)
        return useful


def _reach(nodes: Iterable[str], onward: Callable[[str], tuple[str, ...]]) -> frozenset[str]:
    found = set(nodes)
    queue = list(found)
    while queue:
        for node in onward(queue.pop()):
            if node not in found:
                found.add(node)
                queue.append(node)
    return frozenset(found)
