"""Rows that household, arm and covariates leave equal: nothing may depend on which of them came first.

Such rows are exchangeable as far as any model of the arm can see, but not for the estimators: their outcomes
differ. Without household ids a row's place in the summing order decides its fold, so the place itself must
follow from the data. Folds are dealt by a hash of that place, which knows nothing of what the row holds:
which of two equal rows is held out when remains as random as the seed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from causalsig.estimation.inputs import Outcomes, Sample
from causalsig.results import Floats

Number = TypeVar("Number", bound=np.generic)


def by_content(outcomes: Outcomes) -> Floats:
    """Columns that tell rows apart once outcomes are known: (n, 2 J)."""
    return np.hstack([outcomes.values, outcomes.observed])


def settled(sample: Sample, keys: Floats) -> Sample:
    """Order the rows that tie by further columns.

    Without household ids the households, which are then places in the order, move along.

    Parameters
    ----------
    keys : (n, q), the first column before the second
    """
    order = sample.order
    tied = sample.codes[order[1:]] == sample.codes[order[:-1]]
    if sample.named:
        tied &= sample.clusters[order[1:]] == sample.clusters[order[:-1]]
    near = np.flatnonzero(tied)
    tied[near] = np.all(sample.covariates[order[near + 1]] == sample.covariates[order[near]], axis=1)
    if not tied.any():
        return sample
    group = np.concatenate([[0], np.cumsum(~tied)])
    places = np.flatnonzero(np.append(tied, False) | np.insert(tied, 0, False))
    rows = order[places]
    moved = order.copy()
    moved[places] = rows[np.lexsort((*keys[rows].T[::-1], group[places]))]
    return replace(sample, order=moved, clusters=in_place(sample.clusters, order, moved))


def in_place(values: NDArray[Number], old: NDArray[np.int64], new: NDArray[np.int64]) -> NDArray[Number]:
    """Give what the row at each place of the old order had to the row at that place of the new one."""
    result = np.empty_like(values)
    result[new] = values[old]
    return result
