"""What happened, as arrays: the signals and the contact attempts of a site, with codes instead of texts.

Texts are turned into whole numbers once; every question, horizon and outcome then works on numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.history import SPAN, UNDATED, Floats, History, Integers, to_days

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from causalsig.study.models import SignalSet

Texts = NDArray[np.object_]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Signals:
    """Dated signals of known households, sorted by household and day.

    Attributes
    ----------
    keys : (s,) int
        ``household * SPAN + day``, ascending.
    new : (s,) bool
        Whether the signal reports new arrears.
    kind : (s,) int
        Place of the creditor's type in `kinds`, -1 when unknown.
    kinds : tuple of str
    cents : (s,) float
        Amount in whole cents; NaN when unknown.
    """

    keys: Integers
    new: Mask
    kind: Integers
    kinds: tuple[str, ...]
    cents: Floats

    @classmethod
    def of(cls, signals: pd.DataFrame, households: Integers) -> Signals:
        """Sort canonical signals; ``households`` (s,) are their codes, negative when unknown."""
        day = to_days(signals["received_on"].to_numpy("datetime64[D]"))
        rows = np.flatnonzero((households >= 0) & (day > 0))
        keys = households[rows] * SPAN + day[rows]
        order = np.argsort(keys, kind="stable")
        rows = rows[order]
        kind, kinds = text_codes(signals["creditor_type"])
        return cls(
            keys=keys[order],
            new=signals["new_arrears"].to_numpy("float64")[rows] == 1.0,
            kind=kind[rows],
            kinds=tuple(kinds.tolist()),
            cents=signals["amount_cents"].to_numpy("float64")[rows],
        )

    def chosen(self, signals: SignalSet, creditor: str | None = None) -> Mask | None:
        """Signals that an outcome counts, shape (s,); None for all of them."""
        mask = self.new if signals == "new_arrears" else None
        if creditor is None:
            return mask
        place = self.kinds.index(creditor) if creditor in self.kinds else -2
        of_creditor: Mask = self.kind == place
        return of_creditor if mask is None else mask & of_creditor

    def history(self, signals: SignalSet = "all_signals", creditor: str | None = None) -> History:
        """Signals of a set, one each, on the time axis."""
        mask = self.chosen(signals, creditor)
        return History.of_sorted(self.keys if mask is None else self.keys[mask])


@dataclass(frozen=True, slots=True)
class Attempts:
    """Contact attempts of one site, in no order.

    Attributes
    ----------
    case : (a,) int
        Code of the case, -1 when the attempt names none.
    day : (a,) int
        Days since 1970; `UNDATED` when unknown.
    method : (a,) int
        Place of the recorded method in `methods`, -1 when unknown.
    methods : tuple of str
    reached, wanted : (a,) bool
        Recorded as reached; recorded as wanting help.
    """

    case: Integers
    day: Integers
    method: Integers
    methods: tuple[str, ...]
    reached: Mask
    wanted: Mask

    @classmethod
    def of(cls, attempts: pd.DataFrame, case: Integers) -> Attempts:
        """Take canonical attempts; ``case`` (a,) are the codes of their cases."""
        method, methods = text_codes(attempts["method"])
        return cls(
            case=case,
            day=to_days(attempts["attempted_on"].to_numpy("datetime64[D]")),
            method=method,
            methods=tuple(methods.tolist()),
            reached=attempts["reached"].to_numpy("float64") == 1.0,
            wanted=attempts["wants_help"].to_numpy("float64") == 1.0,
        )

    @property
    def usable(self) -> Mask:
        """Attempts on a day and a case that are known."""
        mask: Mask = (self.case >= 0) & (self.day != UNDATED)
        return mask

    def by(self, *methods: str) -> Mask:
        """Mark the attempts by one of these methods, shape (a,)."""
        return np.isin(self.method, [place for place, name in enumerate(self.methods) if name in methods])


def text_codes(*columns: Any) -> tuple[Any, ...]:
    """Whole numbers for texts, equal where the texts are equal, across columns; -1 where there is none.

    Parameters
    ----------
    *columns : (n_j,) array-like of text or None

    Returns
    -------
    tuple
        One (n_j,) int array a column, and last the (c,) distinct texts in the order of the first.
    """
    import pandas as pd

    values = [_objects(column) for column in columns]
    joined = values[0] if len(values) == 1 else np.concatenate(values)
    codes, texts = pd.factorize(joined)
    ends = np.cumsum([len(one) for one in values])[:-1]
    return (*np.split(codes.astype(np.int64, copy=False), ends), texts)


def places_of(texts: Any, among: Texts) -> Integers:
    """Place of each text in distinct others, shape (n,); -1 where it is none of them or missing."""
    import pandas as pd

    index = pd.Index(among, dtype=object)
    places: Integers = index.get_indexer(pd.Index(_objects(texts), dtype=object)).astype(np.int64)
    return places


def rank_of_texts(texts: Texts) -> Integers:
    """Rank of each text in the order of the texts, shape (n,): to settle ties without the row order."""
    ranks: Integers = np.unique(texts.astype(str), return_inverse=True)[1].astype(np.int64)
    return ranks


def first_of(groups: Integers, *keys: Integers) -> Integers:
    """Row of the first of each group by `keys`, the first key before the second; groups ascend."""
    order = np.lexsort((*keys[::-1], groups))
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = groups[order][1:] != groups[order][:-1]
    rows: Integers = order[begins]
    return rows


def distinct(codes: Integers) -> int:
    """Count the different codes, which are whole numbers from 0."""
    return int(np.count_nonzero(np.bincount(codes))) if len(codes) else 0


def _objects(column: Sequence[Any] | Any) -> Texts:
    """Column of Python's texts, without a copy where it is one already."""
    values: Texts = column.to_numpy(object) if hasattr(column, "to_numpy") else np.asarray(column, object)
    return values
