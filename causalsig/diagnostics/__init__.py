"""May it be believed: overlap, balance, and the gates that decide before any effect is computed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Atlas": "atlas",
    "BalanceComponents": "balance",
    "DesignGate": "gates",
    "LaterGate": "later_gates",
    "LaterThresholds": "later_gates",
    "LoveRow": "balance",
    "Overlap": "overlap",
    "Region": "atlas",
    "balance_components": "balance",
    "balance_table": "balance",
    "design_gate": "gates",
    "falsification_sentence": "words",
    "judge_adjustment": "falsification",
    "judge_negative_controls": "falsification",
    "judge_permutation": "falsification",
    "judge_placebo_outcome": "falsification",
    "judge_random_causes": "falsification",
    "judge_subsets": "falsification",
    "largest_difference": "balance",
    "love_plot": "balance",
    "overlap_of": "overlap",
    "pooling_gate": "later_gates",
    "positivity_atlas": "atlas",
    "region_sentence": "words",
    "solo_gate": "later_gates",
    "variance_ratios": "balance",
    "verdict_sentence": "words",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
