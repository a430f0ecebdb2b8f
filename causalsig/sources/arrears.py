"""Which signals report new arrears, for signals of nobody too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalsig.sources.derive import classify_new_arrears

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


def new_arrears(signals: pd.DataFrame) -> NDArray[np.float64]:
    """Flag of new arrears for each row of canonical ``signals``, shape (n,), 1.0 or 0.0.

    As :func:`causalsig.sources.derive.classify_new_arrears`. A signal without a household has no earlier one:
    all of them together are not one household that keeps coming back.
    """
    flags = classify_new_arrears(signals)
    flags[signals["household_key"].isna().to_numpy()] = 1.0
    return flags
