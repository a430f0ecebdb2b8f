"""Arms: the first attempt within the grace period, help accepted by the landmark day, and secondary ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.events import Attempts, Mask, first_of
from causalsig.cohort.history import History, Integers

if TYPE_CHECKING:
    from causalsig.study.models import AcceptedHelp, ContactMethod

INTENSITY = {"none": 0, "letter": 1, "message": 2, "phone": 3, "home_visit": 4}
"""Same-day ties go to the more intensive method."""
LONGEST_PERIOD = 31
"""Days of a matching period, at most."""
UNMAPPED = "unmapped"
"""First attempt by a method that the study's map leaves out: belongs to no arm."""
METHODS = (*INTENSITY, UNMAPPED)
_UNMAPPED = len(INTENSITY)
FEW, MANY = "one_or_two", "three_or_more"
MANY_FROM = 3
STEPS = 3
"""A sequence of attempts is told by its first three methods."""

Codes = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Arms:
    """Arm of each episode.

    Attributes
    ----------
    codes : (m,) int
        Place of the arm in `labels`.
    labels : tuple of str
    """

    codes: Integers
    labels: tuple[str, ...]

    def within(self, arms: tuple[str, ...]) -> Mask:
        """Whether each episode is in one of these arms, shape (m,)."""
        mask: Mask = np.array([label in arms for label in self.labels], dtype=bool)[self.codes]
        return mask

    def texts(self, rows: Integers | None = None) -> Codes:
        """Label of each episode, or of some of them: (m,) object."""
        texts: Codes = np.array(self.labels, dtype=object)[self.codes if rows is None else self.codes[rows]]
        return texts


@dataclass(frozen=True, slots=True)
class _Own:
    """Attempts on the case that an episode opened, in time: by episode, day, the more intensive first.

    ``episode``, ``elapsed`` (days after time zero, at least 0) and ``method`` (place in `METHODS`) are (k,).
    """

    episode: Integers
    elapsed: Integers
    method: Integers


def _own_attempts(
    case: Integers, time_zero: Integers, attempts: Attempts, question: ContactMethod, by_day: int
) -> _Own:
    """Collect what was attempted for each episode up to and including a day.

    An attempt up to one matching period before time zero (a crisis that did not wait for the matching day)
    counts as day 0; earlier ones belong to something else. A method that the study maps to "none" is none.
    """
    opened = np.flatnonzero(case >= 0)
    episode_of = np.full(max(int(case.max(initial=-1)), int(attempts.case.max(initial=-1))) + 2, -1)
    episode_of[case[opened]] = opened
    mapped = np.array(
        [METHODS.index(question.method_map.get(name, UNMAPPED)) for name in attempts.methods] + [_UNMAPPED],
        dtype=np.int64,
    )
    rows = np.flatnonzero(attempts.usable)
    episode, method = episode_of[attempts.case[rows]], mapped[attempts.method[rows]]
    owned = (episode >= 0) & (method != INTENSITY["none"])
    rows, episode, method = rows[owned], episode[owned], method[owned]
    elapsed = attempts.day[rows] - time_zero[episode]
    inside = (elapsed >= -LONGEST_PERIOD) & (elapsed <= by_day)
    episode, method = episode[inside], method[inside]
    elapsed = np.maximum(elapsed[inside], 0)
    # Unmapped methods come last on a day: they give way to any method that has an arm.
    intensity = np.where(method == _UNMAPPED, -1, method)
    order = np.lexsort((-intensity, elapsed, episode))
    return _Own(episode[order], elapsed[order], method[order])


def first_method(case: Integers, time_zero: Integers, attempts: Attempts, question: ContactMethod) -> Arms:
    """Arm of each episode by its first attempt within the grace period.

    Intention: an attempt counts whether anyone was reached or not.

    Parameters
    ----------
    case : (m,) int
        Code of the case that each episode opened, -1 when it opened none; no case is listed twice.
    time_zero : (m,) int
        Day of matching.
    attempts : Attempts
        Of the same site.
    question : ContactMethod
        Grace period and the map from recorded method to arm.
    """
    codes = np.zeros(len(case), dtype=np.int64)
    own = _own_attempts(case, time_zero, attempts, question, question.grace_days)
    first = _begins(own.episode)
    codes[own.episode[first]] = own.method[first]
    return Arms(codes, METHODS)


def attempt_number(case: Integers, time_zero: Integers, attempts: Attempts, question: ContactMethod) -> Arms:
    """Secondary exposure of Q2: one or two attempts by `attempts_by_day`, or three and more.

    Attempts end when somebody is reached, so that the number tells of the household as well as of the
    municipality. Episodes without an attempt are in neither arm, those by unmapped methods are not counted.
    """
    own = _own_attempts(case, time_zero, attempts, question, question.attempts_by_day)
    number = np.bincount(own.episode[own.method != _UNMAPPED], minlength=len(case))
    return Arms(np.where(number == 0, 0, np.where(number < MANY_FROM, 1, 2)), ("none", FEW, MANY))


def attempt_sequence(
    case: Integers, time_zero: Integers, attempts: Attempts, question: ContactMethod
) -> Arms:
    """Secondary exposure of Q2: which method came after which by `attempts_by_day`.

    A label is the methods in their order, the same one twice in a row told once, at most three of them:
    ``"letter>phone>home_visit"``. What the study does not list as a sequence belongs to no arm.
    """
    own = _own_attempts(case, time_zero, attempts, question, question.attempts_by_day)
    changes = _begins(own.episode)
    changes[1:] |= own.method[1:] != own.method[:-1]
    episode, method = own.episode[changes], own.method[changes]
    begins = np.flatnonzero(_begins(episode))
    step = np.arange(len(episode)) - np.repeat(begins, np.diff(np.append(begins, len(episode))))
    base = len(METHODS) + 1
    word = np.zeros(len(case), dtype=np.int64)
    for place in range(STEPS):
        at = step == place
        word[episode[at]] += (method[at] + 1) * base ** (STEPS - 1 - place)
    listed = [_word(sequence, base) for sequence in question.sequences]
    codes = np.zeros(len(case), dtype=np.int64)
    for place, code in enumerate(listed):
        codes[word == code] = place + 1
    return Arms(codes, (UNMAPPED, *question.sequences))


def _word(sequence: str, base: int) -> int:
    """Write a sequence of methods as one whole number."""
    places = [METHODS.index(name) + 1 for name in sequence.split(">")]
    return sum(place * base ** (STEPS - 1 - k) for k, place in enumerate(places))


def _begins(groups: Integers) -> Mask:
    """Mark the first of each run of equal codes."""
    begins = np.ones(len(groups), dtype=bool)
    begins[1:] = groups[1:] != groups[:-1]
    return begins


def acceptance_days(attempts: Attempts, accepted_result: Mask) -> tuple[Integers, Mask]:
    """Day on which each case's household accepted help.

    Dated by the first attempt at which help was wanted; else, for a case whose result says accepted, by its
    first reached attempt (`dated_by_reach`).

    Parameters
    ----------
    attempts : Attempts
    accepted_result : (c,) bool
        By case code: the case's result says that help was accepted.

    Returns
    -------
    accepted_on : (c,) int
        -1 for cases without acceptance, or with one that nothing dates.
    undated : (c,) bool
        Cases whose household accepted help on a day that nothing tells.
    """
    said = accepted_result.copy()
    said[attempts.case[(attempts.case >= 0) & attempts.wanted]] = True
    accepted_on = np.full(len(said), -1, dtype=np.int64)
    # What is wanted is written last, so that it decides over the first reach.
    for allowed in (attempts.reached & accepted_result[attempts.case], attempts.wanted):
        rows = np.flatnonzero(allowed & attempts.usable)
        first = rows[first_of(attempts.case[rows], attempts.day[rows])]
        accepted_on[attempts.case[first]] = attempts.day[first]
    return accepted_on, said & (accepted_on < 0)


def accepted_by_landmark(
    households: Integers,
    time_zero: Integers,
    acceptances: History,
    undated: Mask,
    question: AcceptedHelp,
) -> Arms:
    """Arm of each episode: did the household accept help from time zero to the landmark day.

    Episodes with ``undated`` (m,) accepted on a day that nothing tells: they belong to no arm, since calling
    them not accepted would put treated households among the untreated.
    """
    count = acceptances.between(households, time_zero, time_zero + question.landmark_day + 1)
    codes = np.where(count > 0, 0, np.where(undated, 2, 1))
    return Arms(codes, ("accepted", "not_accepted", UNMAPPED))


def accepted_or_declined(
    households: Integers,
    time_zero: Integers,
    acceptances: History,
    reached: History,
    undated: Mask,
    question: AcceptedHelp,
) -> Arms:
    """Secondary exposure of Q1: accepted by the landmark day, or reached by it and not accepted.

    Nearer alike than those never spoken to; but who is reached is decided after time zero, so that it speaks
    of another group of households.
    """
    accepted = accepted_by_landmark(households, time_zero, acceptances, undated, question).codes
    spoken = reached.between(households, time_zero, time_zero + question.landmark_day + 1) > 0
    codes = np.where((accepted == 1) & ~spoken, 2, accepted)
    return Arms(codes, ("accepted", "declined", UNMAPPED))
