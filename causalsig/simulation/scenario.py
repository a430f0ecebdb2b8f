"""A scenario: the country's laws of motion, as a small TOML file a statistician can write."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from causalsig.simulation.switches import (
    TRAP_NAMES,
    Closed,
    NotNegative,
    Positive,
    Probability,
    TrapName,
    Traps,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

EffectName = Literal["null", "modest", "fading", "subgroup", "harmful"]
FIRST_YEAR: Final = 2021
"""Early signalling is a duty of municipalities from 1 January 2021 on; before it nothing is known."""
LAST_YEAR: Final = 2099
Policy = Literal["letter_first", "phone_first", "visit_for_multiple", "call_centre", "amsterdam", "groningen"]


class Effect(Closed):
    """Hazard ratios of new arrears in the twelve months after being written to, reached, and accepting.

    They multiply: who was reached after a letter and accepted lives under the product of the three.
    They act on arrears that begin by themselves, not on the 3.5 % with which one arrear drags along another.

    Attributes
    ----------
    written, reached, accepted : float
    half_life_months : float or None
        The log of each ratio halves in so many months; None: it stays for the twelve.
    only : {"rent"} or None
        Only episodes with a rent signal are helped; None: all.
    """

    written: Positive
    reached: Positive
    accepted: Positive
    half_life_months: Positive | None = None
    only: Literal["rent"] | None = None


class Assignment(Closed):
    """What the municipal score weighs (per unit), and how strongly the score moves a method's utility."""

    multiple: float
    successive: float
    successive_months: Annotated[int, Field(ge=1, le=6)]
    rent_or_crisis: float
    log_amount: float
    minor_children: float
    slope_message: float
    slope_phone: float
    slope_home_visit: float
    slope_none: float


class Care(Closed):
    """How contact goes: attempts, reach, and what becomes of who is not attempted in time."""

    delay_shape: Positive
    delay_mean_days: Positive
    late_share: Probability
    desk_share: Probability
    reach_letter: Probability
    reach_message: Probability
    reach_phone: Probability
    reach_home_visit: Probability
    letter_again: Probability
    phone_again: Probability
    visit_again: Probability

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.late_share + self.desk_share > 1.0:
            raise ValueError("late_share and desk_share together exceed 1; lower one of them")
        return self


class Acceptance(Closed):
    """Log-odds of accepting when reached, on recorded history."""

    intercept: float
    successive: float
    multiple: float


class Sites(Closed):
    """How municipalities differ.

    Attributes
    ----------
    signals_per_1000_a_month : float
        Mean over municipalities in 2024 and later.
    rate_noise, capacity_noise : float
        Spread between sites of the log of signals beyond debt, and of the log of capacity.
    log_hazard_ratio_sd : float
        Between-site spread of the log hazard ratios of being reached and of accepting.
    no_threshold : float
        Share of sites that take up every amount.
    repeat_refused : (float, float)
        Range of the share of repeats that is left alone for that reason.
    policies : mapping of policy to float
        Shares of sites.
    median_inhabitants, size_spread : float
        Sizes are lognormal.
    minimum_inhabitants : int or None
        Smallest site of the scenario; None: whoever draws the sites decides.
    giant_inhabitants : int or None
        Size of site number 1; None: drawn like the others.
    """

    signals_per_1000_a_month: Positive
    rate_noise: NotNegative
    log_hazard_ratio_sd: NotNegative
    capacity_noise: NotNegative
    no_threshold: Probability
    repeat_refused: Annotated[tuple[Probability, Probability], Field(strict=False)]
    policies: dict[Policy, Probability]
    median_inhabitants: Positive
    size_spread: NotNegative
    minimum_inhabitants: Annotated[int, Field(ge=1000)] | None = None
    giant_inhabitants: Annotated[int, Field(ge=1000)] | None = None

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if abs(sum(self.policies.values()) - 1.0) > 1e-9:
            raise ValueError("shares of a trait of sites do not add to 1; correct them")
        if self.repeat_refused[0] > self.repeat_refused[1]:
            raise ValueError("repeat_refused begins above its end; give the lower share first")
        return self


class Scenario(Closed):
    """Everything the generator may be told.

    Attributes
    ----------
    name : str
        The scenario's name; part of the truth file.
    about : str
        What it is for, in one sentence.
    effect : {"null", "modest", "fading", "subgroup", "harmful"}
        Which of ``effects`` is in force.
    extracted_on : datetime.date
        Extraction date of every site; the last day of a month. With waves: of the last one.
    waves : int
        Extracts, a quarter apart.
    traps : Traps
        The traps that are on, with their sizes.
    """

    name: str
    about: str
    effect: EffectName
    extracted_on: date
    waves: Annotated[int, Field(ge=1, le=12)] = 1
    effects: dict[EffectName, Effect]
    assignment: Assignment
    care: Care
    acceptance: Acceptance
    sites: Sites
    traps: Traps

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.effect not in self.effects:
            raise ValueError("effect names a table of effects that is not there; add it, or name another")
        if (self.extracted_on + timedelta(days=1)).day != 1:
            raise ValueError("extracted_on is not the last day of a month; take one that is")
        if not FIRST_YEAR <= self.extracted_on.year <= LAST_YEAR:
            raise ValueError(
                f"extracted_on lies outside the years the generator knows; "
                f"take one of {FIRST_YEAR} to {LAST_YEAR}"
            )
        return self

    @property
    def hazard_ratios(self) -> Effect:
        """The effect in force."""
        return self.effects[self.effect]

    def switch(self, *, on: Iterable[TrapName] = (), off: Iterable[TrapName] = ()) -> Scenario:
        """Return the scenario with some traps switched on and some off; sizes stay as they are.

        Raises
        ------
        SimulationError
            ``simulation-trap``: no such trap; the message lists those there are.
        """
        wanted = (set(self.traps.on) | set(on)) - set(off)
        unknown = (set(on) | set(off)) - set(TRAP_NAMES)
        if unknown:
            from causalsig.errors import SimulationError

            raise SimulationError(
                "simulation-trap",
                expected=f"traps out of {', '.join(TRAP_NAMES)}",
                found=f"{len(unknown)} other name{'s' if len(unknown) > 1 else ''}",
                mend="Use the names as they are listed.",
            )
        chosen = tuple(name for name in TRAP_NAMES if name in wanted)
        return self.model_copy(update={"traps": self.traps.model_copy(update={"on": chosen})})

    def resolved(self) -> Scenario:
        """Return the laws the dynamics read: traps that are off have the size that does nothing."""
        return self.model_copy(update={"traps": self.traps.in_force()})
