"""The truth about a site: what every episode leads to under each arm, and how likely each arm was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from causalsig.errors import SimulationError
from causalsig.simulation.clones import FOLLOW_UP_FROM, LONG, QUESTION_ARMS, SHORT, arms_of
from causalsig.simulation.tables import household_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from causalsig.simulation.calendar import Calendar
    from causalsig.simulation.clones import Birth, Clones, Question
    from causalsig.simulation.scenario import Scenario
    from causalsig.simulation.sites import SiteSpec
    from causalsig.simulation.threshold import ThresholdTruth

Outcome = Literal[
    "any_new_arrears_3m", "any_all_3m", "count_new_arrears_3m", "any_new_arrears_6m", "any_all_6m"
]
OUTCOMES: tuple[Outcome, ...] = (
    "any_new_arrears_3m",
    "any_all_3m",
    "count_new_arrears_3m",
    "any_new_arrears_6m",
    "any_all_6m",
)
Estimand = Literal["ATO", "ATE"] | tuple[Literal["ATT"], str]
"""Whom a mean is over: the overlap population, every episode, or those that received the named arm."""
SUBGROUPS: Final = ("rent", "multiple", "successive", "minor_children", "youth", "crisis")
"""Subgroups by facts recorded at time zero; each has its complement."""


@dataclass(frozen=True, slots=True)
class ArmTruth:
    """True mean potential outcomes.

    Attributes
    ----------
    arms : tuple of str
    means : (K,) float64
    episodes : int
        Episodes the means are over.
    weight : float
        Total tilting weight (for ATE and ATT the number of episodes).
    """

    arms: tuple[str, ...]
    means: NDArray[np.float64]
    episodes: int
    weight: float


@dataclass(frozen=True, slots=True)
class SiteTruth:
    """Potential outcomes and propensities of the n episodes that can enter a cohort.

    Those are the episodes within guaranteed retention, at or above the threshold, without an open case, with
    three months of the contact question's follow-up before extraction. Signals count as new arrears by the
    register's own definition (:func:`causalsig.sources.arrears.is_new_arrears`) on the whole history.

    Attributes
    ----------
    municipality, scenario, effect : str
    household_key : (n,) object
    matched_on : (n,) datetime64[D]
    propensity : mapping of question to (n, K) float64
        Given everything that moved the choice, hidden stress included where the scenario has it.
    received : mapping of question to (n,) int64
        Position of the arm that was received in fact.
    potential : mapping of question to mapping of outcome to (n, K) float64
        NaN where the extract ends before the window does.
    subgroups : mapping of name to (n,) bool
        Facts at time zero, ``SUBGROUPS``.
    threshold : ThresholdTruth or None
        About the site's own cutoff, of a rule or a plain threshold; None when it has none.
    """

    municipality: str
    scenario: str
    effect: str
    household_key: NDArray[np.object_]
    matched_on: NDArray[np.datetime64]
    propensity: Mapping[str, NDArray[np.float64]]
    received: Mapping[str, NDArray[np.int64]]
    potential: Mapping[str, Mapping[str, NDArray[np.float64]]]
    subgroups: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    threshold: ThresholdTruth | None = None

    def __len__(self) -> int:
        return len(self.household_key)

    @staticmethod
    def arms(question: str) -> tuple[str, ...]:
        """Arms of a question, in the order of the columns."""
        if question not in QUESTION_ARMS:
            raise _error(f"a question out of {', '.join(QUESTION_ARMS)}", "another name")
        return QUESTION_ARMS[question]

    def rows_of(self, household_key: Any, matched_on: Any) -> NDArray[np.int64]:
        """Row of each (household, time zero), -1 when the truth does not know it; shape of the input."""
        import pandas as pd

        def index(keys: Any, dates: Any) -> pd.MultiIndex:
            return pd.MultiIndex.from_arrays(
                [np.asarray(keys, dtype=object), np.asarray(dates, dtype="datetime64[s]")]
            )

        known = index(self.household_key, self.matched_on)
        return np.asarray(known.get_indexer(index(household_key, matched_on)), dtype=np.int64)

    def arm_means(
        self,
        question: str,
        outcome: str,
        estimand: Estimand = "ATO",
        eligible: NDArray[np.bool_] | pd.DataFrame | None = None,
    ) -> ArmTruth:
        """Mean potential outcome under each arm.

        Parameters
        ----------
        question : {"contact_method", "accepted_help"}
        outcome : str
            One of ``OUTCOMES``.
        estimand : {"ATO", "ATE"} or ("ATT", arm)
            ATO: tilted by ``1 / sum_k 1 / e_k`` with the true propensities (generalised overlap weights; Li
            and Li 2019, doi:10.1214/19-AOAS1282). ATE: every episode alike. ATT: those that received ``arm``.
        eligible : (n,) bool array or DataFrame, optional
            Episodes of the cohort: a mask, or a frame with ``household_key`` and ``matched_on``. Episodes of
            the frame that the truth does not know are left out.

        Raises
        ------
        SimulationError
            ``simulation-truth``: unknown question, outcome or estimand, a mask of another length, or nothing
            left to average.
        """
        arms = self.arms(question)
        if outcome not in self.potential[question]:
            raise _error(f"an outcome out of {', '.join(OUTCOMES)}", "another name")
        values = self.potential[question][outcome]
        mask = self._mask(eligible) & ~np.isnan(values).any(axis=1)
        if isinstance(estimand, tuple):
            if estimand[0] != "ATT" or estimand[1] not in arms:
                raise _error(f'estimand ("ATT", arm) with an arm out of {", ".join(arms)}', "another one")
            mask &= self.received[question] == arms.index(estimand[1])
        elif estimand not in ("ATO", "ATE"):
            raise _error('estimand ATO, ATE or ("ATT", arm)', "another name")
        rows = np.flatnonzero(mask)
        if not len(rows):
            raise _error("at least one episode followed to the end of the window", "none")
        weight = np.ones(len(rows))
        if estimand == "ATO":
            weight = 1.0 / (1.0 / self.propensity[question][rows]).sum(axis=1)
        means = weight @ values[rows] / weight.sum()
        return ArmTruth(arms, means, len(rows), float(weight.sum()))

    def _mask(self, eligible: NDArray[np.bool_] | pd.DataFrame | None) -> NDArray[np.bool_]:
        if eligible is None:
            return np.ones(len(self), np.bool_)
        if isinstance(eligible, np.ndarray):
            if eligible.shape != (len(self),):
                raise _error("a mask with one value an episode of the truth", "another shape")
            return eligible
        rows = self.rows_of(eligible["household_key"], eligible["matched_on"])
        mask = np.zeros(len(self), np.bool_)
        mask[rows[rows >= 0]] = True
        return mask


def site_truth(clones: Clones, calendar: Calendar, spec: SiteSpec, scenario: Scenario, key: int) -> SiteTruth:
    """Gather the tallies of all clones."""
    births = clones.births
    zero = _join([birth.zero for birth in births])
    potential: dict[str, dict[str, NDArray[np.float64]]] = {}
    for question in QUESTION_ARMS:
        potential[question] = outcomes_of(clones, births, question, calendar.extract)
    # Episodes too late to be followed for the first question's three months cannot enter.
    enters = ~np.isnan(potential["contact_method"]["any_all_3m"]).any(axis=1)
    rows = np.flatnonzero(enters)
    facts = {
        "rent": _join([birth.facts.rent for birth in births]),
        "multiple": _join([birth.facts.multiple for birth in births]),
        "successive": _join([birth.facts.successive for birth in births]),
        "minor_children": _join([birth.facts.minor for birth in births]),
        "youth": _join([birth.facts.youth for birth in births]),
        "crisis": _join([birth.facts.crisis for birth in births]),
    }
    from causalsig.simulation.threshold import kept_band, threshold_truth

    return SiteTruth(
        municipality=spec.code,
        scenario=scenario.name,
        effect=scenario.effect,
        household_key=household_keys(key, _join([birth.facts.household for birth in births])[rows]),
        matched_on=zero[rows].astype("datetime64[D]"),
        propensity={
            q: _stack([b.propensity[q] for b in births], len(a))[rows] for q, a in QUESTION_ARMS.items()
        },
        received={q: _join([b.received[q] for b in births])[rows] for q in QUESTION_ARMS},
        potential={q: {o: v[rows] for o, v in table.items()} for q, table in potential.items()},
        subgroups={name: np.asarray(flag[rows], np.bool_) for name, flag in facts.items()},
        threshold=threshold_truth(clones, calendar, spec, kept_band(scenario), key)
        if clones.crossings
        else None,
    )


def outcomes_of(
    clones: Clones, births: Sequence[Birth], question: Question, extract: int
) -> dict[str, NDArray[np.float64]]:
    """Outcomes (n, K) of the clones born for a question; NaN where the extract ends before the window."""
    arms, start = len(arms_of(question)), FOLLOW_UP_FROM[question]
    blocks: list[NDArray[np.float64]] = []
    for birth in births:
        n = len(birth.zero)
        block = np.full((4, n, arms), np.nan)
        if question in birth.first_tally:
            first = birth.first_tally[question]
            tally = clones.tally[:, first : first + n * arms].reshape(4, arms, n).transpose(0, 2, 1)
            for rows, days in ((slice(0, 2), SHORT), (slice(2, 4), LONG)):
                known = birth.zero + start + days <= extract
                if days <= clones.days:
                    block[rows] = np.where(known[:, None], tally[rows], np.nan)
        blocks.append(block)
    new_3, all_3, new_6, all_6 = np.concatenate(blocks, axis=1) if blocks else np.empty((4, 0, arms))
    return {
        "any_new_arrears_3m": _any(new_3),
        "any_all_3m": _any(all_3),
        "count_new_arrears_3m": new_3,
        "any_new_arrears_6m": _any(new_6),
        "any_all_6m": _any(all_6),
    }


def _any(count: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(count), np.nan, (count > 0).astype(np.float64))


def _join(blocks: list[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(blocks) if blocks else np.empty(0, np.int64)


def _stack(blocks: list[NDArray[np.float64]], arms: int) -> NDArray[np.float64]:
    return np.concatenate(blocks) if blocks else np.empty((0, arms))


def _error(expected: str, found: str) -> SimulationError:
    return SimulationError(
        "simulation-truth", expected=expected, found=found, mend="See SiteTruth.arm_means for what it knows."
    )
