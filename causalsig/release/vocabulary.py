"""The code lists of the release documents: every string that may leave, beside the study's own identifiers.

The codes that `causalsig explain` knows (gates, attrition rules, refusals) and the disclosure rules are the
list. A code that is not in it leaves as ``other``, so that no room can send a word of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

OTHER = "other"

COVARIATES: tuple[str, ...] = (
    "creditor-rent",
    "creditor-energy",
    "creditor-water",
    "creditor-health_insurance",
    "log_amount",
    "amount-missing",
    "log_months_in_arrears",
    "months_in_arrears-missing",
    "n_creditors-from-2",
    "n_creditors-from-3",
    "n_new_arrears-from-1",
    "n_new_arrears-from-2",
    "crisis",
    "rent_or_crisis",
    "signal_m1",
    "signal_m2",
    "signal_m3",
    "signal_m1_to_m3",
    "signal_m1_to_m3-missing",
    "earlier_attempts-from-1",
    "earlier_attempts-from-3",
    "earlier_visit_or_call",
    "earlier_reached",
    "earlier_accepted",
    "age-18-26",
    "age-27-45",
    "age-46-65",
    "age-66-plus",
    "age-missing",
    "minor_children-no",
    "minor_children-yes",
    "minor_children-missing",
)
"""Columns of the design matrix that have a name in a release; a district has none."""
CUT_POINTS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"amount": (100, 250, 500, 1000, 2000, 5000), "months": (2, 3, 6, 12)}
)
"""Cut points of amount (euro) and months in arrears, fixed beforehand; a test holds them to the atlas."""

_SHAPE = re.compile(r"[a-z][a-z0-9_-]{1,47}")


@cache
def rule_codes() -> frozenset[str]:
    """Return the reason codes of all registered rules; their texts are under ``release.rules``."""
    from causalsig.release.registry import all_rules

    return frozenset(rule.code for rule in all_rules())


@cache
def known_codes() -> frozenset[str]:
    """Return every code that may leave."""
    from causalsig.texts import catalogue

    keys = (key.split(".") for key in catalogue("en"))
    explained = {parts[1] for parts in keys if parts[0] == "codes"}
    return frozenset(code for code in {OTHER, *rule_codes(), *explained} if _SHAPE.fullmatch(code))


def to_code(code: str) -> str:
    """Return the code itself when it is in the lists, else ``other``."""
    return code if code in known_codes() else OTHER


def check_code(code: str) -> str:
    """Return the code; a ValueError when it is in no list (for pydantic)."""
    if code not in known_codes():
        raise ValueError("not a code of the release's code lists")
    return code


def check_rule(code: str) -> str:
    """Return the rule's code; a ValueError when there is no such rule (for pydantic)."""
    if code not in rule_codes():
        raise ValueError("not the code of a disclosure rule")
    return code


def covariate_code(column: str) -> str:
    """Write the name of a column of the design matrix as a code: ``age=66+`` is ``age-66-plus``."""
    return column.replace(">=", "-from-").replace("=", "-").replace("+", "-plus")


def is_covariate(code: str) -> bool:
    """Say whether a covariate may leave by this name."""
    return code in COVARIATES


def check_covariate(code: str) -> str:
    """Return the code; a ValueError when no covariate has it (for pydantic)."""
    if code not in COVARIATES:
        raise ValueError("not a covariate of the release's code list")
    return code
