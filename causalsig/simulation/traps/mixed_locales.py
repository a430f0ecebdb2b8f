"""Amounts of a text export in two notations: 1.234,56 in some rows and 1,234.56 in others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_SWAP: Final = str.maketrans(",.", ".,")


def mix_locales(amounts: Sequence[str], share: float) -> list[str]:
    """Write a share of the amounts in the other notation; the same ones every time."""
    other = np.random.default_rng(len(amounts)).random(len(amounts)) < share
    pairs = zip(amounts, other.tolist(), strict=True)
    return [amount.translate(_SWAP) if swap else amount for amount, swap in pairs]
