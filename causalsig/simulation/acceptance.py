"""Acceptance of help: how likely it is, and how contact goes when it is accepted within 28 days."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.simulation.choice import Facts
    from causalsig.simulation.scenario import Scenario


def acceptance(facts: Facts, scenario: Scenario) -> NDArray[np.float64]:
    """Probability of accepting when reached, shape (m,): by recorded history, or by hidden stress."""
    law, hidden = scenario.acceptance, scenario.traps.hidden_stress
    if hidden.by_stress:
        return np.where(facts.stress, hidden.in_stress, hidden.not_in_stress)
    logit = law.intercept + law.successive * facts.successive + law.multiple * facts.multiple
    probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-logit))
    return probability
