"""Records of contact by group: how a municipality first contacts whom; facts of the design, no outcome."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GroupContact:
    """How the episodes of one group were first contacted, arm by arm in the order of the block.

    Attributes
    ----------
    family, group : str
        Both empty: everybody.
    households : int
    shares : tuple of float, length K
        Of the group's episodes; they add up to one.
    with_arm, without_arm : tuple of int, length K
        Households with an episode in the arm, and with one in another arm; for the disclosure rules.
    """

    family: str
    group: str
    households: int
    shares: tuple[float, ...]
    with_arm: tuple[int, ...]
    without_arm: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NearSets:
    """Two sets of groups that differ by too few households in some arms; for the disclosure rules.

    ``other`` is empty for everybody. With an arm's share of everything in both, that of the few is told.
    """

    one: tuple[str, ...]
    other: tuple[str, ...]
    arms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContactBlock:
    """Shares of contact by arm in the groups that a study named, and among everybody.

    Attributes
    ----------
    question : str
    arms : tuple of str, length K
        Of the question, in its order; those that nobody is in are not there.
    everybody : GroupContact
    groups : tuple of GroupContact
        Family by family; those with nobody in them are not there.
    near : tuple of NearSets
    complete : tuple of str
        Families of which every episode is in one group and no more.
    """

    question: str
    arms: tuple[str, ...]
    everybody: GroupContact
    groups: tuple[GroupContact, ...]
    near: tuple[NearSets, ...]
    complete: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReleasedContact:
    """Shares of one group as they left a site: those arms that could.

    ``family`` and ``group`` are empty for everybody; ``households`` is a band, None where it is open.
    """

    site: str
    question: str
    family: str
    group: str
    households: tuple[int, int | None]
    shares: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class PooledContactRow:
    """Share of one group that one arm is used for, as a mean of sites that each count once.

    ``everybody`` is the mean share among everybody of the same sites, so that the two differ by the group and
    not by which municipalities have it.
    """

    question: str
    family: str
    group: str
    arm: str
    sites: int
    share: float
    everybody: float
    publishable: bool
