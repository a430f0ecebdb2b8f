"""Q3, another cutoff: how curved means and effects may be, and what a contact costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator

from causalsig.study.base import Closed

Contacted = Literal["letter", "message", "phone", "home_visit", "taken_up"]


class Moving(Closed):
    """What another cutoff than a site's own would do, for each of the question's ``candidates``.

    Bounds cannot be learnt from the data, so the study declares them. They are of the primary outcome, in its
    own unit, on log(amount / cutoff): from a cutoff to its double is 0.7.
    """

    curvature: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="Largest second derivative of the mean outcome, to continue it beyond the cutoff; none: "
        "that route is not tried.",
    )
    drift_bound: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="Largest drift a month between a band whose handling changed and the scores beside it; "
        "0: they are taken to go together exactly.",
    )
    effect_curvature: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="Largest second derivative of the effect itself, between the two places of a cutoff that "
        "really changed; 0: a line.",
    )
    slope_bound: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="Largest slope of the gap between two sites that do the same, where sites are pooled; "
        "none: that route is not tried.",
    )
    costs_eur: dict[Contacted, float] = Field(
        default_factory=dict,
        description="What one contact costs, by handling; none given: those of [rules], if there are any.",
    )
    capacity: float | None = Field(
        default=None,
        gt=0,
        le=1_000_000,
        description="Contacts a year that a site has room for beside those made now; none: not judged.",
    )

    @field_validator("costs_eur")
    @classmethod
    def _possible(cls, costs: dict[Contacted, float]) -> dict[Contacted, float]:
        if any(not 0.0 <= cost <= 1_000_000 for cost in costs.values()):
            raise ValueError("costs_eur has a cost below 0; give what a contact costs, in euros")
        return costs

    def contact_cost(self, below: str, above: str, otherwise: Mapping[str, float]) -> float | None:
        """Price of one contact that another cutoff adds: the one that it comes instead of is saved.

        Parameters
        ----------
        below, above : str
            Handlings on either side of the cutoff.
        otherwise : mapping of handling to euro, where this section names no cost

        Returns
        -------
        float or None
            Euro; None where a cost is not known, or the contact costs no more than what it replaces.
        """
        costs: Mapping[str, float] = {"none": 0.0} | dict(self.costs_eur or otherwise)
        if not {below, above} <= set(costs):
            return None
        more = costs[above] - costs[below]
        # Where crossing ends a contact it is the one below that another cutoff adds.
        more = -more if above == "none" else more
        return more if more > 0.0 else None
