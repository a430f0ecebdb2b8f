"""Looking values up by key where there may be nothing to look up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def look_up(keys: pd.Series, table: pd.Series) -> pd.Series[Any]:
    """Value of each key, missing where the table has none, of the table's own type.

    ``Series.map`` turns an empty table of dates into floats and then fails on them.

    Parameters
    ----------
    keys : (n,) Series
    table : Series
        Indexed by key; of a repeated key the first value counts.

    Returns
    -------
    (n,) Series
        With the index of ``keys``.
    """
    unique = table[~table.index.duplicated()]
    return unique.reindex(keys.to_numpy()).set_axis(keys.index)
