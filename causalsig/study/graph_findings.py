"""What is found in a causal graph: the set, paths that stay open, what to leave alone, instruments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from causalsig.study.base import Covariate
from causalsig.study.dag import Path

Role = Literal["mediator", "consequence", "collider", "instrument"]


@dataclass(frozen=True, slots=True)
class OpenPath:
    """A path that the held nodes do not close.

    Attributes
    ----------
    nodes : tuple of str
        From exposure (or instrument) to outcome.
    arrows : tuple of str
        Between them: "→" or "←".
    hidden, later, unheld : tuple of str
        Nodes on it that would close it, were they recorded; recorded before time zero; a covariate. Effects
        of the exposure are not among them: they may not be held.
    opened : tuple of str
        Colliders on it that adjusting has opened.
    """

    nodes: Path
    arrows: tuple[str, ...]
    hidden: tuple[str, ...]
    later: tuple[str, ...]
    unheld: tuple[str, ...]
    opened: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A recorded node that must not be adjusted for.

    Attributes
    ----------
    node : str
    role : {"mediator", "consequence", "collider", "instrument"}
        Between exposure and outcome; another effect of the exposure; opens a path that is closed; moves the
        exposure only.
    ties : tuple of str
        Unrecorded causes of the outcome that adjusting for it would tie to the exposure.
    """

    node: str
    role: Role
    ties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Instrument:
    """What the graph says of a candidate instrument, given the set.

    Attributes
    ----------
    node : str
    relevant : bool
        Tied to the exposure.
    decided_by : tuple of str
        Held nodes that decide it by a rule, so that none of it is left to chance.
    other_ways : tuple of OpenPath
        Ways to the outcome that do not lead through the exposure, shortest first; an instrument has none.
    """

    node: str
    relevant: bool
    decided_by: tuple[str, ...]
    other_ways: tuple[OpenPath, ...]

    @property
    def valid(self) -> bool:
        """Whether it moves the outcome through the exposure only."""
        return self.relevant and not self.other_ways


@dataclass(frozen=True, slots=True)
class Identification:
    """What a graph says about one question.

    Attributes
    ----------
    question, exposure, outcome : str
    adjustment : tuple of str
        Nodes to adjust for, in the file's order.
    covariates : tuple of str
        The cohort's names for them, in the cohort's order.
    sufficient : bool
        Whether the set closes every path that is not the exposure's doing; no other set does where it does
        not.
    open_paths : tuple of OpenPath
        The shortest ones that stay open, at least one through each door.
    more_paths : bool
        Whether there are others.
    doors : tuple of str
        Direct causes of the exposure through which the open paths begin.
    followed : tuple of str
        Facts recorded later that come before the exposure and that weights by period hold.
    part : tuple of str
        Facts recorded later that come before the exposure and that nothing holds: what they do is part of it.
    open_with_followed : tuple of OpenPath
        What stays open when the former are held as well.
    without_overlap : bool
        The set decides the exposure by a rule: a comparison is possible only at the rule's threshold.
    left_alone : tuple of LeftAlone
    instruments : tuple of Instrument
    assumption : str
        The assumption under which dowhy identifies the effect by this set.
    """

    question: str
    exposure: str
    outcome: str
    adjustment: tuple[str, ...]
    covariates: tuple[Covariate, ...]
    sufficient: bool
    open_paths: tuple[OpenPath, ...]
    more_paths: bool
    doors: tuple[str, ...]
    followed: tuple[str, ...]
    part: tuple[str, ...]
    open_with_followed: tuple[OpenPath, ...]
    without_overlap: bool
    left_alone: tuple[LeftAlone, ...]
    instruments: tuple[Instrument, ...]
    assumption: str


@dataclass(frozen=True, slots=True)
class ListCheck:
    """A study's list of covariates beside a graph.

    Attributes
    ----------
    missing : tuple of str
        In the graph's set and not in the list.
    left_alone : tuple of str
        In the list, though the graph says to leave their node alone.
    not_needed : tuple of str
        In the list and in the graph, where no question needs them.
    unknown : tuple of str
        In the list and not in the graph, so that nothing argues them.
    """

    missing: tuple[Covariate, ...]
    left_alone: tuple[Covariate, ...]
    not_needed: tuple[Covariate, ...]
    unknown: tuple[Covariate, ...]

    @property
    def agrees(self) -> bool:
        """Whether the list is the graph's set."""
        return not (self.missing or self.left_alone or self.not_needed or self.unknown)
