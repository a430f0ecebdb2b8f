"""What one release minus another says of a household that is in only one of them, number by number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from causalsig.attack.attacks import Setting
from causalsig.release.build import released_arms

if TYPE_CHECKING:
    from causalsig.records import ReleasedArms, SiteResult
    from causalsig.release.documents import EstimatesDocument
    from causalsig.study.models import Study

Told = tuple[tuple[float, ...], tuple[float, ...]]
Numbers = Mapping[tuple[str, str], tuple[float, float]]
"""Mean and standard error of one arm, by outcome and estimand."""


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
