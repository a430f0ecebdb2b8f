"""Another signal while nobody was reached: somebody calls again, and help may be accepted after all.

What comes in after time zero then moves acceptance, and goes with later returns by itself: the confounding in
time that groups formed on one day cannot undo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation import draws
from causalsig.simulation.attempts import ACCEPTANCE_DAYS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation.arrears import Batch, State
    from causalsig.simulation.clones import Birth, Clones
    from causalsig.simulation.scenario import Scenario

HELP_LASTS_DAYS: Final = 45
"""Days after acceptance for which the case stays open at least."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls after another signal, all (m,): row of the state, day, household, place in the batch, accepted.

    ``day`` counts from 1970-01-01.
    """

    row: NDArray[np.int64]
    day: NDArray[np.int64]
    household: NDArray[np.int64]
    place: NDArray[np.int64]
    accepted: NDArray[np.bool_]


def calls_after(
    key: int, month: int, batch: Batch, state: State, household: NDArray[np.int64] | None, scenario: Scenario
) -> Calls:
    """Call whoever has a signal in this batch, an open case, and was not reached by then; change the state.

    ``household`` points every row of the state at the household whose draws it shares; None when rows are
    households. Who is called accepts or is not reached.
    """
    law = scenario.traps.second_signal
    if law.accepts == 0.0:
        none = np.empty(0, np.int64)
        return Calls(none, none, none, none, np.empty(0, np.bool_))
    came = np.where(batch.reported, batch.day, np.iinfo(np.int64).max).min(axis=1) + law.after_days
    place = np.flatnonzero((state.case_until[batch.rows] > came) & (state.reached_on[batch.rows] > came))
    row, day = batch.rows[place], came[place]
    who = row if household is None else household[row]
    accepted = draws.uniforms(key, month, draws.SECOND_SIGNAL, who) < law.accepts
    accepted &= state.declines_until[row] < day
    helped = row[accepted]
    state.reached_on[helped] = day[accepted]
    state.case_until[helped] = np.maximum(state.case_until[helped], day[accepted] + HELP_LASTS_DAYS)
    return Calls(row, day, who, place, accepted)


def who_accepted_after_all(
    calls: Calls, births: list[Birth], clones: Clones, state: State, month: int
) -> None:
    """Let the clones made to accept be the households that accepted in time after another signal.

    Until then nobody knew, and they lived as if they had accepted at once; their follow-up begins later.
    """
    birth = next((b for b in reversed(births) if b.month == month - 1), None)
    if birth is None or "accepted_help" not in birth.first_tally:
        return
    helped = np.flatnonzero(calls.accepted)
    order = np.argsort(birth.facts.household, kind="stable")
    known = birth.facts.household[order]
    at = np.minimum(np.searchsorted(known, calls.household[helped]), len(known) - 1)
    found = known[at] == calls.household[helped]
    place, calling = order[at[found]], helped[found]
    in_time = calls.day[calling] - birth.zero[place] <= ACCEPTANCE_DAYS
    place, calling = place[in_time], calling[in_time]
    birth.received["accepted_help"][place] = 0
    # Of the two arms the accepted come first, and clones are in the order of their numbers.
    rows = np.searchsorted(clones.number, birth.first_tally["accepted_help"] + place)
    clones.state.put(rows, state, calls.row[calling])
