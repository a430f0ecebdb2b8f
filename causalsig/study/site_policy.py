"""A municipality's own floors: stricter than the study's, never looser."""

from __future__ import annotations

from pydantic import Field

from causalsig.study.base import Closed
from causalsig.study.models import Disclosure, Study

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

    def tightened(self, floors: Disclosure) -> Disclosure:
        """Take the stricter of both, floor by floor."""
        asked = {name: value for name, value in self.model_dump().items() if value is not None}
        stricter = {name: max(asked[name], getattr(floors, name)) for name in AT_LEAST if name in asked}
        stricter |= {name: min(asked[name], getattr(floors, name)) for name in AT_MOST if name in asked}
        return floors.model_copy(update=stricter)


def under_policy(study: Study, policy: SitePolicy) -> Study:
    """Give the study as it is run at a municipality; its digest stays that of the file that was signed."""
    floors = policy.tightened(study.disclosure)
    if floors == study.disclosure:
        return study
    changed = study.model_copy(update={"disclosure": floors})
    changed._written = study.as_written
    return changed
