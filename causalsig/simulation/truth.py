"""The truth about a site: what every episode leads to under each arm, and how likely each arm was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from causalsig.errors import SimulationError
from causalsig.simulation.clones import FIRST_BATCH, LONG, QUESTION_ARMS
from causalsig.simulation.tables import household_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from causalsig.simulation.clones import Clones, Question
    from causalsig.simulation.ledger import Calendar
    from causalsig.simulation.scenario import Scenario
    from causalsig.simulation.sites import SiteSpec

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
Estimand = Literal["ATO", "ATE"]


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
        Total tilting weight (for ATE the number of episodes).
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
    register's own definition (:func:`causalsig.sources.derive.is_new_arrears`) on the whole history.

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
    """

    municipality: str
    scenario: str
    effect: str
    household_key: NDArray[np.object_]
    matched_on: NDArray[np.datetime64]
    propensity: Mapping[str, NDArray[np.float64]]
    received: Mapping[str, NDArray[np.int64]]
    potential: Mapping[str, Mapping[str, NDArray[np.float64]]]

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
        estimand : {"ATO", "ATE"}
            ATO: tilted by ``1 / sum_k 1 / e_k`` with the true propensities (generalised overlap weights; Li
            and Li 2019, doi:10.1214/19-AOAS1282). ATE: every episode alike.
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
        if estimand not in ("ATO", "ATE"):
            raise _error("estimand ATO or ATE", "another name")
        values = self.potential[question][outcome]
        rows = np.flatnonzero(self._mask(eligible) & ~np.isnan(values).any(axis=1))
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
    households = [birth.household for birth in births]
    household = np.concatenate(households) if births else np.empty(0, np.int64)
    sizes = np.array([len(h) for h in households], np.int64)
    month = np.repeat(np.array([b.month for b in births], np.int64), sizes)
    zero = calendar.first_day[month] + 14
    return SiteTruth(
        municipality=spec.code,
        scenario=scenario.name,
        effect=scenario.effect,
        household_key=household_keys(key, household),
        matched_on=zero.astype("datetime64[D]"),
        propensity={q: _stack([b.propensity[q] for b in births], len(a)) for q, a in QUESTION_ARMS.items()},
        received={
            q: np.concatenate([b.received[q] for b in births] or [np.empty(0, np.int64)])
            for q in QUESTION_ARMS
        },
        potential={question: _potential(clones, question, len(calendar)) for question in QUESTION_ARMS},
    )


def _potential(clones: Clones, question: Question, months: int) -> dict[str, NDArray[np.float64]]:
    arms, first = len(QUESTION_ARMS[question]), FIRST_BATCH[question]
    blocks: list[NDArray[np.float64]] = []
    for birth in clones.births:
        n = len(birth.household)
        block = np.full((4, n, arms), np.nan)
        if question in birth.first_tally:
            start = birth.first_tally[question]
            tally = clones.tally[:, start : start + n * arms].reshape(4, arms, n).transpose(0, 2, 1)
            block[:2] = tally[:2]
            if clones.batches == LONG and birth.month + first + LONG <= months:
                block[2:] = tally[2:]
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


def _stack(blocks: list[NDArray[np.float64]], arms: int) -> NDArray[np.float64]:
    return np.concatenate(blocks) if blocks else np.empty((0, arms))


def _error(expected: str, found: str) -> SimulationError:
    return SimulationError(
        "simulation-truth", expected=expected, found=found, mend="See SiteTruth.arm_means for what it knows."
    )
