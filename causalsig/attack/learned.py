"""Guessing at a household's outcome from the differences of releases.

How much each number says is learned where the attacker knows the answer, on invented municipalities:
by ridge regression of the answers on the differences, leaving out the municipality guessed at. With few
of them, and where means are exact, the sum of the differences of the means decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from causalsig.attack.attacks import Attack, Trial, coin

if TYPE_CHECKING:
    from causalsig.attack.differences import Difference, Told

ENOUGH_TO_LEARN: Final = 30
RIDGE: Final = 1.0
EVEN: Final = 0.5


def guess(found: Sequence[Difference]) -> list[bool]:
    """Guess, under one setting, whether each municipality's household returned."""
    seen = {one.site: one.told for one in found if one.told is not None and any(map(any, one.told))}
    answers = [one.returned for one in found if one.site in seen]
    exact = all(one.setting == "off" for one in found)
    scores = dict(zip(seen, _scores(list(seen.values()), answers, exact), strict=True))
    return [scores[one.site] > 0.0 if scores.get(one.site) else coin(one.attack, one.site) for one in found]


def _scores(seen: Sequence[Told], returned: Sequence[bool], exact: bool) -> list[float]:
    plain = [sum(means) for means, _ in seen]
    if exact or len(seen) < ENOUGH_TO_LEARN:
        return plain
    columns = np.array([[*means, *errors, sum(means)] for means, errors in seen])
    spread = columns.std(axis=0)
    columns = columns[:, spread > 0.0] / spread[spread > 0.0]
    return [float(score) for score in _left_out(columns, np.where(returned, 1.0, -1.0))]


def _left_out(columns: NDArray[np.float64], answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Predict each answer by ridge regression on all the others, through the hat matrix, no intercept.

    The sign of what is learned is the attacker's gain; an intercept would learn the rate, which is even.
    """
    gram = columns.T @ columns + RIDGE * np.eye(columns.shape[1])
    hat = columns @ np.linalg.solve(gram, columns.T)
    own = np.diagonal(hat)
    fitted = hat @ answers
    left: NDArray[np.float64] = (fitted - own * answers) / (1.0 - own)
    return left


def trials_of(attack: Attack, found: Sequence[Difference]) -> list[Trial]:
    """Judge the guesses of one attack, setting by setting."""
    trials = []
    for setting in dict.fromkeys(one.setting for one in found):
        own = [one for one in found if (one.attack, one.setting) == (attack.name, setting)]
        trials += [
            Trial(attack.name, setting, one.site, right == one.returned, EVEN)
            for one, right in zip(own, guess(own), strict=True)
        ]
    return trials
