"""The best rule of two questions, by trying all of them: what a learned rule is held against."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

SLACK = 1e-12
"""Of a share: shares are sums of ones divided by how many there are."""


def best_of_two(answers: Any, law: Any, limits: Any) -> float:
    """Give the mean reward of the best tree of two questions that keeps within limits.

    Parameters
    ----------
    answers : (n, q) of 0 and 1
    law : (n, K) mean reward of every arm for everybody
    limits : (K,) largest share of each arm
    """
    (n, q), arms = answers.shape, law.shape[1]
    halves = (answers.astype(float), 1.0 - answers)
    # Rewards (q, q, K) and shares (q, q) of who answers both questions so.
    sums = [[np.stack([(a.T * one) @ b for one in law.T], axis=-1) / n for b in halves] for a in halves]
    shares = [[a.T @ b / n for b in halves] for a in halves]
    pairs = np.array(list(product(range(arms), repeat=2)))
    best = -np.inf
    for first in range(q):
        rewards, used = [], []
        for side in (0, 1):
            of_arms = [sums[side][k][first][:, pairs[:, k]] for k in (0, 1)]
            rewards.append((of_arms[0] + of_arms[1]).ravel())
            share = sum(shares[side][k][first][:, None, None] * np.eye(arms)[pairs[:, k]] for k in (0, 1))
            used.append(np.asarray(share).reshape(-1, arms))
        allowed = np.all(used[0][:, None] + used[1][None] <= limits + SLACK, axis=-1)
        best = max(best, float(np.where(allowed, rewards[0][:, None] + rewards[1][None], -np.inf).max()))
    return best
