"""Codes by which the analysis says that a trap may keep it from the truth, by row of the table of traps.

Only the judgement looks here: another flag needs no municipality to be drawn again.
"""

from __future__ import annotations

from types import MappingProxyType

SHORT = ("cohort-look-back-not-retained", "cohort-new-arrears-short-history", "cohort-no-entry-window")
TALKS = ("cohort-acceptance-coded-otherwise", "source-acceptance-talks-elsewhere")
FLAGS = MappingProxyType(
    {
        "retention": frozenset(SHORT),
        # Whom the rule leaves alone cannot accept: the design gate refuses the question about help.
        "threshold_rule": frozenset({"gate-positivity"}),
        "acceptance_coding": frozenset(TALKS),
        "acceptance_coding-declined": frozenset(TALKS),
        "hidden_stress": frozenset({"cohort-hidden-cause"}),
        # 1.234 is a thousand in one notation, one in the other: the file is refused until it is said which.
        "mixed_locales": frozenset({"source-amount-locale-undecided"}),
        "missing_links": frozenset({"source-forwarded-without-case"}),
        "reach_not_recorded": frozenset({"source-reach-unknown"}),
    }
)
