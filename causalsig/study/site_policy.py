"""A municipality's own floors: stricter than the study's, never looser."""

from __future__ import annotations

import math

from pydantic import Field

from causalsig.study.base import Closed
from causalsig.study.models import Disclosure, Study
from causalsig.study.privacy import Privacy

AT_LEAST = ("min_households_cell", "min_households_arm", "min_expected_class", "min_residual_df")
AT_MOST = ("max_largest_weight", "max_two_largest_weight", "max_parameter_share", "max_snapshot_share")


class SitePolicy(Closed):
    """What a municipality asks beyond the study; looser than the house's floors cannot be written down."""

    min_households_cell: int | None = Field(default=None, ge=10, le=10_000)
    min_households_arm: int | None = Field(default=None, ge=30, le=10_000)
    min_expected_class: int | None = Field(default=None, ge=20, le=10_000)
    min_residual_df: int | None = Field(default=None, ge=10, le=10_000)
    max_largest_weight: float | None = Field(default=None, gt=0, le=0.5)
    max_two_largest_weight: float | None = Field(default=None, gt=0, le=0.67)
    max_parameter_share: float | None = Field(default=None, gt=0, le=0.1)
    max_snapshot_share: float | None = Field(default=None, gt=0, le=0.33)

    max_epsilon: float | None = Field(default=None, ge=0.01, le=10)
    epsilon_budget: float | None = Field(default=None, ge=0.01, le=100)

    def tightened(self, floors: Disclosure) -> Disclosure:
        """Take the stricter of both, floor by floor."""
        asked = {name: getattr(self, name) for name in AT_LEAST + AT_MOST if getattr(self, name) is not None}
        stricter = {name: max(asked[name], getattr(floors, name)) for name in AT_LEAST if name in asked}
        stricter |= {name: min(asked[name], getattr(floors, name)) for name in AT_MOST if name in asked}
        return floors.model_copy(update=stricter)

    def more_private(self, privacy: Privacy | None) -> Privacy | None:
        """Take the smaller epsilon and the smaller budget; of a release without noise there is neither."""
        if privacy is None:
            return None
        budget = min(privacy.epsilon_budget, self.epsilon_budget or math.inf)
        epsilon = min(privacy.epsilon, self.max_epsilon or math.inf, budget)
        return privacy.model_copy(update={"epsilon": epsilon, "epsilon_budget": budget})


def under_policy(study: Study, policy: SitePolicy) -> Study:
    """Give the study as it is run at a municipality; its digest stays that of the file that was signed."""
    floors = policy.tightened(study.disclosure)
    privacy = policy.more_private(study.privacy)
    if (floors, privacy) == (study.disclosure, study.privacy):
        return study
    changed = study.model_copy(update={"disclosure": floors, "privacy": privacy})
    changed._written = study.as_written
    return changed
