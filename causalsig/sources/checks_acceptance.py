"""What the codes for accepted help mean at a site: the same talk is help here and a refusal there.

Almost four in ten municipalities book an advice talk as "no help", as many as a quick fix (Divosa,
loep 2024). So counts of results among the cases that were reached tell how acceptance is coded.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from causalsig.codes import ACCEPTED_RESULTS, RESULTS
from causalsig.sources.checks_view import as_objects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from causalsig.sources.checks_view import View
    from causalsig.sources.findings import FindingList
    from causalsig.sources.schema import SiteTables

FEWEST_ACCEPTED: Final = 20
"""With fewer accepted cases a code that is never used says nothing."""
RARE_QUICK_FIX: Final = 0.05
"""Elsewhere most accepted help is a quick fix: so few of them are talks booked otherwise."""


@dataclass(frozen=True, slots=True)
class AcceptanceCoding:
    """How many cases carry which result.

    Attributes
    ----------
    reached : int
        Cases with a reached attempt.
    results : mapping of str to int
        Cases by result, every code of the list; a case without one is in none.
    reached_results : mapping of str to int
        The same among the cases with a reached attempt.
    """

    reached: int
    results: Mapping[str, int]
    reached_results: Mapping[str, int]

    @property
    def accepted(self) -> int:
        """Cases with a result that counts as accepted help."""
        return sum(self.results[code] for code in ACCEPTED_RESULTS)

    @property
    def without_quick_fix(self) -> int:
        """Accepted cases with another result than a quick fix."""
        return self.accepted - self.results["quick_fix"]


def acceptance_coding(tables: SiteTables, view: View) -> AcceptanceCoding:
    """Count the results of all cases, and of those that were reached."""
    reached = np.zeros(len(tables.cases), dtype=bool)
    rows = (view.attempt_case >= 0) & (tables.attempts["reached"].to_numpy("float64") == 1)
    reached[view.attempt_case[rows]] = True
    codes, unique = pd.factorize(as_objects(tables.cases["result"]))
    every, of_reached = (
        dict(zip(unique.tolist(), np.bincount(rows[rows >= 0], minlength=len(unique)).tolist(), strict=True))
        for rows in (codes, codes[reached])
    )
    return AcceptanceCoding(
        reached=int(reached.sum()),
        results=MappingProxyType({code: every.get(code, 0) for code in RESULTS}),
        reached_results=MappingProxyType({code: of_reached.get(code, 0) for code in RESULTS}),
    )


def check_acceptance(tables: SiteTables, view: View, findings: FindingList) -> None:
    """Tell as counts which results stand for accepted help, and how often reach ends in a refusal."""
    coding = acceptance_coding(tables, view)
    for code, count in (
        ("source-acceptance-quick-fix", coding.results["quick_fix"]),
        ("source-acceptance-without-quick-fix", coding.without_quick_fix),
        ("source-cases-reached", coding.reached),
        ("source-reached-declined", coding.reached_results["declined"]),
    ):
        findings.add(code, "cases", "result", count, "info")
    rare = coding.results["quick_fix"] < RARE_QUICK_FIX * coding.accepted
    if coding.accepted >= FEWEST_ACCEPTED and rare:
        findings.add("source-acceptance-talks-elsewhere", "cases", "result", coding.without_quick_fix)
