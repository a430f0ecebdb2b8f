"""What one release minus another says of a household that is in only one of them.

Every number of the household's arm counts: its mean and its standard error, under every outcome and estimand.
How much each says is learned where the attacker knows the answer, on invented municipalities of his own: by
ridge regression of the answer on the differences, leaving out the municipality that is guessed at. With few
of them, the sum of the differences of the means decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from causalsig.attack.attacks import Attack, Setting, Trial, coin
from causalsig.release.build import released_arms

if TYPE_CHECKING:
    from causalsig.records import ReleasedArms, SiteResult
    from causalsig.release.documents import EstimatesDocument
    from causalsig.study.models import Study

ENOUGH_TO_LEARN: Final = 30
RIDGE: Final = 1.0
Told = tuple[tuple[float, ...], tuple[float, ...]]
Numbers = Mapping[tuple[str, str], tuple[float, float]]
"""Mean and standard error of one arm, by outcome and estimand."""
EVEN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Difference:
    """What an attacker has of one municipality: differences, or None where a release was refused.

    ``told`` holds differences of means, in standard errors, and of standard errors, as logarithms, in the
    study's order; 0 where one of the releases has no such number. ``returned`` is the truth.
    """

    attack: str
    setting: Setting
    site: str
    told: Told | None
    returned: bool


def released_numbers_of(document: EstimatesDocument, like: ReleasedArms, arm: str) -> Numbers:
    """Take an arm's numbers from a release."""
    return {
        (block.outcome, block.estimand): (
            block.means[block.arms.index(arm)],
            math.sqrt(block.covariance[block.arms.index(arm)][block.arms.index(arm)]),
        )
        for block in released_arms(document)
        if (block.question, block.estimator) == (like.question, like.estimator) and arm in block.arms
    }


def exact_numbers_of(result: SiteResult, like: ReleasedArms, arm: str) -> Numbers:
    """Take an arm's plain means from a result, as no release has them."""
    found = {}
    for question in result.questions:
        for one in question.analyses:
            if (question.question, one.estimator) == (like.question, like.estimator):
                plain = one.unadjusted
                if arm in plain.arms:
                    at = plain.arms.index(arm)
                    found[one.outcome, one.estimand] = (float(plain.means[at]), float(plain.std_errors[at]))
    return found


def order_of(study: Study, question: str) -> list[tuple[str, str]]:
    """Give outcomes and estimands in the order in which differences stand."""
    return list(product(study.asked[question].outcomes, study.estimands_of(question)))


def minus(first: Numbers, second: Numbers, order: Sequence[tuple[str, str]]) -> Told:
    """Subtract: means in standard errors of the first, standard errors as logarithms of ratios."""
    means, errors = [], []
    for key in order:
        if key not in first or key not in second:
            means.append(0.0)
            errors.append(0.0)
            continue
        (one, error), (other, beside) = first[key], second[key]
        means.append((one - other) / error if error > 0.0 else 0.0)
        errors.append(math.log(error / beside) if error > 0.0 and beside > 0.0 else 0.0)
    return tuple(means), tuple(errors)


def guess(found: Sequence[Difference]) -> list[bool]:
    """Guess whether each municipality's household returned."""
    seen = {one.site: one.told for one in found if one.told is not None and any(map(any, one.told))}
    answers = [one.returned for one in found if one.site in seen]
    scores = dict(zip(seen, _scores(list(seen.values()), answers), strict=True))
    return [scores[one.site] > 0.0 if scores.get(one.site) else coin(one.attack, one.site) for one in found]


def _scores(seen: Sequence[Told], returned: Sequence[bool]) -> list[float]:
    plain = [sum(means) for means, _ in seen]
    if len(seen) < ENOUGH_TO_LEARN:
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
