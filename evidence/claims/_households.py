"""Chance that households share, for the claims on groups, rules and predicted effects."""

from __future__ import annotations

from typing import Any

import numpy as np


def together(r: np.random.Generator, households: Any) -> Any:
    """Draw uniform numbers (n,) that go together within a household: a correlation of a half behind them.

    Parameters
    ----------
    households : (n,) of whole numbers from 0
    """
    from scipy.special import ndtr

    shared = r.normal(size=int(households.max()) + 1)[households]
    return ndtr(np.sqrt(0.5) * (shared + r.normal(size=len(households))))
