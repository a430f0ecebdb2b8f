"""Who is compared with whom: eligibility, time zero, arms, outcomes, covariates before time zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalsig.cohort.build import Cohort, CohortPlan, build_cohort, plan_cohorts, secondary_plans

__all__ = ["Cohort", "CohortPlan", "build_cohort", "plan_cohorts", "secondary_plans"]


def __getattr__(name: str) -> object:
    """Load the room's modules on first use, so that importing the package stays cheap."""
    if name in __all__:
        from causalsig.cohort import build

        return getattr(build, name)
    raise AttributeError(name)
