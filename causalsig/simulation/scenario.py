"""A scenario: the country's laws of motion, as a small TOML file a statistician can write."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from causalsig.errors import SimulationError

EffectName = Literal["null", "modest", "harmful"]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Effect(_Closed):
    """Hazard ratios of new arrears in the twelve months after being written to, reached, and accepting.

    They multiply: who was reached after a letter and accepted lives under the product of the three.
    They act on arrears that begin by themselves, not on the 3.5 % with which one arrear drags along another.
    """

    written: Positive
    reached: Positive
    accepted: Positive


class Assignment(_Closed):
    """What the municipal score weighs (per unit), and how strongly the score moves a method's utility."""

    multiple: float
    successive: float
    successive_months: Annotated[int, Field(ge=1, le=6)]
    rent_or_crisis: float
    log_amount: float
    minor_children: float
    stress: float
    slope_message: float
    slope_phone: float
    slope_home_visit: float
    slope_none: float


class Care(_Closed):
    """How contact goes: attempts, reach, escalation, and what becomes of who is not attempted in time."""

    delay_shape: Positive
    delay_mean_days: Positive
    late_share: Probability
    desk_share: Probability
    reach_letter: Probability
    reach_message: Probability
    reach_phone: Probability
    reach_home_visit: Probability
    reach_factor_in_stress: Positive
    letter_to_phone: Probability
    letter_again: Probability
    phone_to_visit: Probability
    phone_again: Probability
    visit_again: Probability

    @model_validator(mode="after")
    def _shares(self) -> Care:
        if self.late_share + self.desk_share > 1.0:
            raise ValueError("late_share and desk_share together exceed 1")
        return self


class Acceptance(_Closed):
    """Log-odds of accepting when reached, on recorded history; or probabilities by hidden stress."""

    intercept: float
    successive: float
    multiple: float
    by_stress: bool
    in_stress: Probability
    not_in_stress: Probability


class Sites(_Closed):
    """Shares of the traits of municipalities; each list is drawn from with these weights."""

    signals_per_1000_a_month: Positive
    rate_noise: Annotated[float, Field(ge=0.0)]
    log_hazard_ratio_sd: Annotated[float, Field(ge=0.0)]
    capacity_noise: Annotated[float, Field(ge=0.0)]
    capacity_shock: Annotated[float, Field(ge=0.0)]
    no_threshold: Probability
    youth_text_first: Probability
    retention: dict[Literal["full", "6-12-18", "strict6"], Probability]
    acceptance_coding: dict[Literal["recorded", "quick_fix", "declined"], Probability]
    repeat_refused: tuple[Probability, Probability]


class Scenario(_Closed):
    """Everything the generator may be told.

    Attributes
    ----------
    name : str
        The scenario's name; part of the truth file.
    effect : {"null", "modest", "harmful"}
        Which of ``effects`` is in force.
    extracted_on : datetime.date
        Extraction date of every site; the last day of a month.
    """

    name: str
    effect: EffectName
    extracted_on: date
    effects: dict[EffectName, Effect]
    assignment: Assignment
    care: Care
    acceptance: Acceptance
    sites: Sites

    @model_validator(mode="after")
    def _complete(self) -> Scenario:
        if self.effect not in self.effects:
            raise ValueError("effect names a table of effects that is not there")
        if (self.extracted_on + timedelta(days=1)).day != 1:
            raise ValueError("extracted_on is not the last day of a month")
        for trait in (self.sites.retention, self.sites.acceptance_coding):
            if abs(sum(trait.values()) - 1.0) > 1e-9:
                raise ValueError("shares of a trait of sites do not add to 1")
        return self

    @property
    def hazard_ratios(self) -> Effect:
        """The effect in force."""
        return self.effects[self.effect]


def scenario_names() -> tuple[str, ...]:
    """Names of the packaged scenarios."""
    folder = resources.files("causalsig.simulation") / "scenarios"
    return tuple(sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".toml")))


def load_scenario(name: str | Path, effect: EffectName | None = None) -> Scenario:
    """Read a packaged scenario by name, or a TOML file by path.

    Parameters
    ----------
    name : str or Path
        ``"ignorable"``, ``"hidden_stress"``, or the path of a scenario file.
    effect : {"null", "modest", "harmful"}, optional
        Overrides the effect the file puts in force.

    Raises
    ------
    SimulationError
        ``simulation-scenario``: not found, not TOML, an unknown key, a wrong type, impossible shares.
    """
    text = _read(name)
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise _error(name, "a TOML file", "text that is not TOML") from None
    if effect is not None:
        raw["effect"] = effect
    if isinstance(raw.get("sites", {}).get("repeat_refused"), list):
        raw["sites"]["repeat_refused"] = tuple(raw["sites"]["repeat_refused"])
    try:
        return Scenario.model_validate(raw)
    except ValidationError as failure:
        first = failure.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise _error(name, f"a valid value at {place}", first["msg"]) from None


def _read(name: str | Path) -> str:
    if isinstance(name, str) and name in scenario_names():
        return (resources.files("causalsig.simulation") / "scenarios" / f"{name}.toml").read_text("utf-8")
    try:
        return Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise _error(name, f"one of {', '.join(scenario_names())}, or a readable file", "neither") from None


def _error(name: str | Path, expected: str, found: str) -> SimulationError:
    return SimulationError(
        "simulation-scenario",
        expected=expected,
        found=found,
        mend="Copy a packaged scenario and change only the values you mean to change.",
        where=f"scenario {Path(name).name}",
    )
