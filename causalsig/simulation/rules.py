"""A municipality's own rule for what it takes up, and which episodes hang on the amount alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from causalsig.simulation.choice import Facts
    from causalsig.simulation.switches import ThresholdRule


@dataclass(frozen=True, slots=True)
class SiteRule:
    """What is taken up while the rule is valid.

    Attributes
    ----------
    amount_cents : float
        Total arrears from which an episode is taken up.
    signals : int
        Number of signals that is enough (or needed); 0 leaves it out.
    rent_or_crisis : bool
        Whether a rent or crisis signal is enough (or needed).
    combine : {"or", "and"}
    valid_from, valid_to : datetime.date or None
        First and last day; None is open.
    """

    amount_cents: float
    signals: int = 0
    rent_or_crisis: bool = False
    combine: Literal["or", "and"] = "or"
    valid_from: date | None = None
    valid_to: date | None = None

    def takes_up(self, facts: Facts) -> NDArray[np.bool_]:
        """Say which episodes the rule takes up, (m,)."""
        above = facts.cents >= self.amount_cents
        pivotal = self.pivotal(facts)
        others = ~pivotal if self.combine == "or" else np.zeros(len(above), np.bool_)
        taken: NDArray[np.bool_] = np.where(pivotal, above, others)
        return taken

    def pivotal(self, facts: Facts) -> NDArray[np.bool_]:
        """Say for which episodes crossing the amount alone decides, (m,): the pivotal set."""
        conditions = []
        if self.signals:
            conditions.append(facts.signals >= self.signals)
        if self.rent_or_crisis:
            conditions.append(facts.rent_or_crisis)
        if not conditions:
            return np.ones(len(facts.cents), np.bool_)
        if self.combine == "or":
            enough: NDArray[np.bool_] = np.logical_or.reduce(conditions)
            return ~enough
        needed: NDArray[np.bool_] = np.logical_and.reduce(conditions)
        return needed


def site_rules(law: ThresholdRule) -> tuple[SiteRule, ...]:
    """Write the rules of a site down, in order of validity; two when the amount changes."""
    from datetime import timedelta

    def rule(amount_eur: float, since: date | None, until: date | None) -> SiteRule:
        return SiteRule(amount_eur * 100.0, law.signals, law.rent_or_crisis, law.combine, since, until)

    if law.changes_on is None or law.amount_eur_after is None:
        return (rule(law.amount_eur, None, None),)
    return (
        rule(law.amount_eur, None, law.changes_on - timedelta(days=1)),
        rule(law.amount_eur_after, law.changes_on, None),
    )


def rule_on(rules: tuple[SiteRule, ...], day: int) -> SiteRule | None:
    """Return the rule that is valid on a day (days since 1970-01-01); None when there is none."""
    from datetime import date, timedelta

    today = date(1970, 1, 1) + timedelta(days=day)
    for rule in rules:
        if (rule.valid_from is None or rule.valid_from <= today) and (
            rule.valid_to is None or today <= rule.valid_to
        ):
            return rule
    return None
