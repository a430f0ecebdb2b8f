"""Groups that a study names before anybody sees an outcome: who is in them, by what is known at time zero.

Each family parts the episodes by one thing, but for creditors, of which an episode may have several. Who is
not known to be anywhere is in no group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.cohort.covariates import AGE_EDGES, CREDITOR_GROUPS, ENCODERS

if TYPE_CHECKING:
    from causalsig.cohort.covariates import ContactHistory, EpisodeFacts

Members = NDArray[np.bool_]
AMOUNT_EDGES = (250.0, 500.0, 1000.0)
"""Euros; the cut points that municipalities use themselves."""
AGE_GROUPS = ("age_18_26", "age_27_45", "age_46_65", "age_66_up")
AMOUNT_GROUPS = ("amount_below_250", "amount_250_500", "amount_500_1000", "amount_1000_up")
NUMBER_GROUPS = ("creditors_1", "creditors_2", "creditors_3_up")


def _creditor(facts: EpisodeFacts, history: ContactHistory) -> dict[str, Members]:
    return {f"creditor_{group}": facts.creditors[:, j] == 1.0 for j, group in enumerate(CREDITOR_GROUPS)}


def _age_band(facts: EpisodeFacts, history: ContactHistory) -> dict[str, Members]:
    return _bands(AGE_GROUPS, AGE_EDGES, facts.age)


def _number(facts: EpisodeFacts, history: ContactHistory) -> dict[str, Members]:
    return _bands(NUMBER_GROUPS, (2, 3), facts.n_creditors)


def _amount_band(facts: EpisodeFacts, history: ContactHistory) -> dict[str, Members]:
    return _bands(AMOUNT_GROUPS, AMOUNT_EDGES, facts.amount_eur)


def _repeated(facts: EpisodeFacts, history: ContactHistory) -> dict[str, Members]:
    """Whether there was a signal in months 1 to 3 before, as the covariate has it."""
    columns = dict(ENCODERS["signals_m1_m3"](facts, history, 0))
    known, before = columns["signal_m1_to_m3=missing"] == 0.0, columns["signal_m1_to_m3"] > 0.0
    return {"first": known & ~before, "repeated": before}


def _bands(names: tuple[str, ...], edges: Sequence[float], values: NDArray[np.float64]) -> dict[str, Members]:
    """Part what is known by edges; an edge belongs to the band above it."""
    known = ~np.isnan(values)
    band = np.searchsorted(edges, np.where(known, values, 0.0), side="right")
    return {name: known & (band == place) for place, name in enumerate(names)}


FAMILIES: Mapping[str, Callable[[EpisodeFacts, ContactHistory], dict[str, Members]]] = MappingProxyType(
    {
        "creditor": _creditor,
        "age_band": _age_band,
        "n_creditors": _number,
        "first_or_repeated": _repeated,
        "amount_band": _amount_band,
    }
)


def groups_of(
    families: Sequence[str], facts: EpisodeFacts, history: ContactHistory
) -> dict[str, dict[str, Members]]:
    """Give the members of every group, family by family.

    Parameters
    ----------
    families : sequence of str
        Of `FAMILIES`.
    facts : EpisodeFacts
        Of n episodes.
    history : ContactHistory

    Returns
    -------
    dict of dict of (n,) bool
    """
    return {name: FAMILIES[name](facts, history) for name in families}
