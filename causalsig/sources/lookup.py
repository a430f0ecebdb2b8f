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
    import numpy as np
    import pandas as pd

    from causalsig.sources.checks_view import positions

    at, is_text = positions(keys, table.index), table.dtype == object
    values = table.array if pd.api.types.is_extension_array_dtype(table.dtype) else table.to_numpy()
    missing = None if is_text else (np.datetime64("NaT") if table.dtype.kind == "M" else np.nan)
    found = pd.api.extensions.take(values, at, allow_fill=True, fill_value=missing)
    return pd.Series(found, index=keys.index, dtype=object if is_text else None)
