"""Draws for rows of a finished extract, found by the text of their key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalsig.simulation import draws

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_HEXADECIMAL = 16
_ADDRESSES = 1 << 21


def luck_of_households(key: int, slot: int, household_key: pd.Series) -> NDArray[np.float64]:
    """Uniform draw of each row's household, (n,); 1 where the row has none."""
    numbers = [int(text, _HEXADECIMAL) if text is not None else -1 for text in household_key.tolist()]
    return _draw(key, slot, numbers)


def luck_of_numbered(key: int, slot: int, identifier: pd.Series) -> NDArray[np.float64]:
    """Uniform draw of each row by the number in its identifier, such as ``z000012``; 1 where it has none."""
    return _draw(key, slot, [int(text[1:]) if text is not None else -1 for text in identifier.tolist()])


def _draw(key: int, slot: int, numbers: list[int]) -> NDArray[np.float64]:
    address = np.array([number % _ADDRESSES for number in numbers], dtype=np.int64)
    # Beyond the last month of any run, so that no draw of the dynamics is used twice.
    luck = draws.uniforms(key, 5000, slot, address)
    luck[[number < 0 for number in numbers]] = 1.0
    return luck
