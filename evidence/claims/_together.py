"""Numbers of households that go together."""

from __future__ import annotations

from typing import Any

import numpy as np


def together(r: np.random.Generator, households: Any) -> Any:
    """Draw uniform numbers that go together within a household (a correlation of a half behind them)."""
    from scipy.special import ndtr

    shared = r.normal(size=int(households.max()) + 1)[households]
    return ndtr(np.sqrt(0.5) * (shared + r.normal(size=len(households))))
