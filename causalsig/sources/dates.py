"""The extraction date, and dates that cannot be because they lie after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import numpy as np

from causalsig.errors import SourceError
from causalsig.sources.checks_bounds import is_most

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import pandas as pd
    from numpy.typing import NDArray

    from causalsig.sources.findings import FindingList, Severity

LARGEST_GAP_DAYS: Final = 92
"""No municipality is silent for a quarter: dates after such a gap, when few, are typing errors."""
LARGEST_TAIL: Final = 0.01
"""Share of all dates that may lie after the gap and be called typing errors."""
FEWEST_DATES: Final = 20
"""With fewer dates a gap says nothing."""


def latest_plausible(dates: NDArray[np.datetime64]) -> np.datetime64:
    """Latest date that is not separated from the mass of the dates; NaT only when there is none."""
    known = np.sort(dates[~np.isnat(dates)].astype("datetime64[D]"))
    if not len(known):
        return np.datetime64("NaT", "D")
    wide = np.flatnonzero(np.diff(known) > np.timedelta64(LARGEST_GAP_DAYS, "D"))
    allowed = max(1.0, LARGEST_TAIL * len(known)) if len(known) >= FEWEST_DATES else 0.0
    for last in wide:
        if len(known) - 1 - last <= allowed:
            return np.datetime64(known[last], "D")
    return np.datetime64(known[-1], "D")


def settle_extraction_date(
    frames: Mapping[str, pd.DataFrame],
    dated: Mapping[str, Sequence[str]],
    given: date | None,
    findings: FindingList,
) -> date:
    """Date of the extract: as given, or the latest plausible one; later dates become missing, in place.

    Raises
    ------
    SourceError
        ``source-no-signals``: every signal is dated after the day given, which is then not the right one.
    """
    columns = [(tab, name) for tab, names in dated.items() for name in names if name in frames[tab]]
    if given is None:
        # Follow-ups can be planned ahead, so they do not tell when the extract was made.
        pooled = [frames[tab][name] for tab, name in columns if name != "followed_up_on"]
        latest = latest_plausible(np.concatenate([column.to_numpy("datetime64[D]") for column in pooled]))
        findings.add("source-extraction-date-inferred", "", severity="info")
    else:
        latest = np.datetime64(given, "D")
    received = next((column for column in columns if column[1] == "received_on"), None)
    for tab, name in columns:
        frame = frames[tab]
        later = frame[name].to_numpy("datetime64[D]") > latest
        code = "source-date-out-of-range" if given is None else "source-date-after-extraction"
        severity: Severity = "info" if name == "followed_up_on" else "warning"
        if (tab, name) == received:
            known = len(frame) - int(frame[name].isna().sum())
            if later.sum() == known:
                raise _before_every_signal(known)
            severity = "error" if is_most(int(later.sum()), known) else severity
        findings.add(code, tab, name, int(later.sum()), severity)
        if later.any():
            frame[name] = frame[name].where(~later)
    return cast("date", latest.item())


def _before_every_signal(signals: int) -> SourceError:
    return SourceError(
        "source-no-signals",
        expected="signals received on or before the day of the extract",
        found=f"{signals} dated signals, every one of them received later",
        mend="Give the day on which the data were extracted, or mend the dates of delivery in the file.",
    )
