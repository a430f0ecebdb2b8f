"""How hard a study tries to show that its own answers are wrong; nothing here closes a gate."""

from __future__ import annotations

from math import ceil

from pydantic import Field, model_validator

from causalsig.study.base import Closed, Slug

EXACT = 1e-9
"""A level such as 0.01 is no whole number of parts but for the last bit."""


class Falsification(Closed):
    """Placebos, refits and negative controls, and from where on they warn."""

    placebos: int = Field(
        default=200, ge=0, le=2000, description="Arms dealt by lot so many times, all fitted again; 0: none."
    )
    random_causes: int = Field(
        default=3, ge=0, le=50, description="Refits with a column of noise among the covariates; 0: none."
    )
    subsets: int = Field(
        default=10, ge=0, le=100, description="Refits on 80 % of the households, 2 or more; 0: none."
    )
    negative_controls: tuple[Slug, ...] = Field(
        default=(), description="Outcomes, defined in [[outcomes]], that no arm can have changed."
    )
    level: float = Field(
        default=0.01, gt=0, le=0.1, description="Chance of a warning by a placebo outcome or a control."
    )
    max_spread: float = Field(
        default=1.1, ge=1, le=2, description="Placebos' spread in stated errors, beyond chance."
    )
    max_centre: float = Field(
        default=0.25, gt=0, le=1, description="Placebos' centre in stated errors, beyond chance."
    )
    max_random_shift: float = Field(
        default=0.25, gt=0, le=1, description="Shift by a column of noise, in standard errors."
    )
    max_adjustment: float = Field(
        default=0.1, gt=0, le=1, description="Shift by adjusting, in the outcome's deviations, beyond chance."
    )

    @model_validator(mode="after")
    def _enough(self) -> Falsification:
        # The smallest p-value among B placebos is 1 / (B + 1): with fewer no warning could ever be given.
        fewest = max(20, ceil(1.0 / self.level - EXACT))
        if 0 < self.placebos < fewest:
            raise ValueError(
                f"placebos is too low to warn at level {self.level:g}; give 0 for none, or at least {fewest}"
            )
        # One subset outside its noise comes by chance one time in twenty: alone it could never warn.
        if self.subsets == 1:
            raise ValueError("subsets is too low to ever warn; give 0 for none, or at least 2")
        if len(set(self.negative_controls)) != len(self.negative_controls):
            raise ValueError("negative_controls names an outcome twice; name each once")
        return self
