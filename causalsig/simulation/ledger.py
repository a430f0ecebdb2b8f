"""What a site writes down while months pass: signals, cases, attempts, by row numbers and day numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from causalsig.simulation.attempts import MAXIMUM_ATTEMPTS
from causalsig.simulation.policies import PHONE
from causalsig.simulation.second_signals import HELP_LASTS_DAYS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation.arrears import Batch
    from causalsig.simulation.attempts import Attempts, Course
    from causalsig.simulation.choice import Facts
    from causalsig.simulation.second_signals import Calls

NO_CASE: Final = -1


@dataclass(slots=True)
class Ledger:
    """Blocks of columns, one block a month; :meth:`columns` joins them."""

    signals: list[dict[str, NDArray[np.generic]]] = field(default_factory=list)
    cases: list[dict[str, NDArray[np.generic]]] = field(default_factory=list)
    attempts: list[dict[str, NDArray[np.generic]]] = field(default_factory=list)
    n_cases: int = 0
    case_of: dict[int, int] = field(default_factory=dict)

    def record(
        self,
        month: int,
        batch: Batch,
        facts: Facts,
        crisis: NDArray[np.bool_],
        age: NDArray[np.float64],
        taken: NDArray[np.int64],
        course: Course,
        attempts: Attempts,
    ) -> None:
        """Write down a month: ``taken`` are the episodes (rows of ``batch``) that ``course`` is about."""
        opened = np.flatnonzero(course.has_case)
        number = np.full(len(course.has_case), NO_CASE)
        number[opened] = self.n_cases + np.arange(len(opened))
        self.n_cases += len(opened)
        case = np.full(len(batch.rows), NO_CASE)
        case[taken] = number
        row, contract = np.nonzero(batch.reported)
        self.case_of.update(zip(batch.rows[taken[opened]].tolist(), number[opened].tolist(), strict=True))
        self.signals.append(
            {
                "household": batch.rows[row],
                "month": np.full(len(row), month),
                "day": batch.day[row, contract],
                "zero": batch.zero[row],
                "contract": contract,
                "cents": batch.amount[row, contract],
                "new": batch.new[row, contract],
                "crisis": crisis[row, contract],
                "age": age[row],
                "minor": facts.minor[row],
                "recent": batch.recent[row],
                "case": case[row],
            }
        )
        self.cases.append(
            {
                "case": number[opened],
                "household": batch.rows[taken[opened]],
                "zero": batch.zero[taken[opened]],
                "close_day": course.close_day[opened],
                "accepted": course.accepted[opened],
                "reached_day": course.reached_day[opened],
                "attempted": course.first_method[opened] >= 0,
                "found": course.found[opened],
            }
        )
        self.attempts.append(
            {
                "case": number[attempts.row],
                "zero": batch.zero[taken[attempts.row]],
                "number": attempts.number,
                "day": attempts.day,
                "method": attempts.method,
                "reached": attempts.reached,
                "accepted": course.accepted[attempts.row] & attempts.reached,
            }
        )

    def record_calls(self, calls: Calls) -> None:
        """Write down calls on cases opened before, and what came of them."""
        case = np.array([self.case_of.get(who, NO_CASE) for who in calls.household.tolist()], np.int64)
        known = np.flatnonzero(case >= 0)
        case, day, accepted = case[known], calls.day[known], calls.accepted[known]
        self.attempts.append(
            {
                "case": case,
                "zero": day,
                "number": np.full(len(case), MAXIMUM_ATTEMPTS),
                "day": np.zeros(len(case), np.int64),
                "method": np.full(len(case), PHONE),
                "reached": accepted,
                "accepted": accepted,
            }
        )
        for number, on in zip(case[accepted].tolist(), day[accepted].tolist(), strict=True):
            block = next(b for b in reversed(self.cases) if len(b["case"]) and b["case"][0] <= number)
            row = number - int(block["case"][0])
            last = on - int(block["zero"][row])
            block["accepted"][row] = True
            block["reached_day"][row] = last
            block["close_day"][row] = max(int(block["close_day"][row]), last + HELP_LASTS_DAYS)


def columns(blocks: list[dict[str, NDArray[np.generic]]]) -> dict[str, NDArray[np.generic]]:
    """Join the blocks of a ledger, column by column."""
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
