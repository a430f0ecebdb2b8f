"""The traps of the field as named switches, each with its size.

A trap that is off has the size at which it does nothing, so the laws of motion read sizes only and never ask
whether something is on. Every trap draws from its own random stream: switching one off leaves the draws of
everything else as they were.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]

TrapName = Literal[
    "severity",
    "capacity_shocks",
    "escalation",
    "repeats",
    "pause",
    "second_signal",
    "retention",
    "movers",
    "outage",
    "billing",
    "batch_delivery",
    "found_on_visit",
    "threshold_rule",
    "heaped_amounts",
    "youth_text_first",
    "acceptance_coding",
    "benefit_clients",
    "calendar_shocks",
    "opt_outs",
    "hidden_stress",
    "absurd_ages",
    "mixed_locales",
    "missing_links",
    "reach_not_recorded",
    "canaries",
]
TRAP_NAMES: Final[tuple[TrapName, ...]] = get_args(TrapName)


class Closed(BaseModel):
    """Base of everything a scenario holds: frozen, strict, no unknown key, no number without end."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _adds_to_one(total: float) -> None:
    if abs(total - 1.0) > 1e-9:
        raise ValueError("shares of a trait of sites do not add to 1; correct them")


class Severity(Closed):
    """Severity decides the method: a factor on what the score adds to the utility of each method."""

    factor: NotNegative = 1.0


class CapacityShocks(Closed):
    """Months of leave and sickness: spread of the log of a month's capacity for calls and for visits."""

    sd: NotNegative = 0.20


class Escalation(Closed):
    """Chance that an attempt without reach is followed by a heavier method."""

    letter_to_phone: Probability = 0.05
    phone_to_visit: Probability = 0.15


class Repeats(Closed):
    """The same arrear is reported again: a factor on each creditor's chance of doing so in a month."""

    factor: Annotated[float, Field(ge=0.0, le=2.0)] = 1.0


class Pause(Closed):
    """Days for which the creditors of an episode report nothing after help was accepted."""

    days: Annotated[int, Field(ge=0, le=120)] = 45


class SecondSignal(Closed):
    """A signal that comes in while nobody was reached makes somebody call again, who may accept after all.

    ``accepts`` is the chance of it, ``after_days`` the days from the signal to the call: a week's round,
    and the day after it.
    """

    accepts: Probability = 0.5
    after_days: Annotated[int, Field(ge=1, le=60)] = 8


class Retention(Closed):
    """Shares of municipalities by how long they keep signals."""

    model_config = ConfigDict(populate_by_name=True)  # errors list the name of the field among the known keys

    full: Probability = 0.0
    six_twelve_eighteen: Probability = Field(default=0.0, alias="6-12-18")
    strict6: Probability = 0.0

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        _adds_to_one(self.full + self.six_twelve_eighteen + self.strict6)
        return self


class Movers(Closed):
    """Chance a month that new occupants come to an address; they inherit its key and its history."""

    monthly: Probability = 0.009


class Outage(Closed):
    """Share of creditor-months without a delivery; the next one catches up."""

    share: Probability = 0.03


class Billing(Closed):
    """Water companies bill monthly from 2024 on: their onset before it, relative to after."""

    water_before_2024: NotNegative = 0.5


class BatchDelivery(Closed):
    """A creditor delivers once a month, on one day for everybody; a share of sites matches weekly."""

    one_day: bool = True
    weekly_sites: Probability = 0.0


class FoundOnVisit(Closed):
    """Who turns out to be known in debt help, or to live elsewhere, once somebody calls or visits.

    ``known`` and ``mismatch`` are shares of episodes; stress doubles the former (a hidden cause of returns).
    The case ends there, so a result that only a visit can find must not decide who is compared.
    """

    known: Probability = 0.05
    mismatch: Probability = 0.03
    by_visit: Probability = 0.60
    by_phone: Probability = 0.15


class ThresholdRule(Closed):
    """A municipality's own rule for what is taken up, and when it changes.

    Attributes
    ----------
    kind : {"cutoff", "rank"}
        A cutoff anyone can state, or the top ``rank_share`` of each month's list: capacity without a cutoff.
    amount_eur : float
        Total arrears from which an episode is taken up.
    signals : int
        Number of signals that is enough (``or``) or needed too (``and``); 0 leaves it out.
    rent_or_crisis : bool
        Whether a rent or crisis signal is enough (``or``) or needed too (``and``).
    combine : {"or", "and"}
    changes_on, amount_eur_after : date, float
        From that day on the amount is another one.
    sites : float
        Share of sites with the rule.
    band : float
        The truth about crossing is kept for amounts within this distance of the cutoff, on the log scale.
    """

    kind: Literal["cutoff", "rank"] = "cutoff"
    amount_eur: Positive = 250.0
    signals: Annotated[int, Field(ge=0, le=5)] = 0
    rent_or_crisis: bool = False
    combine: Literal["or", "and"] = "or"
    changes_on: date | None = None
    amount_eur_after: Positive | None = None
    rank_share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.6
    sites: Probability = 1.0
    band: Positive = 1.0

    @model_validator(mode="after")
    def _change(self) -> Self:
        if (self.changes_on is None) != (self.amount_eur_after is None):
            raise ValueError("changes_on and amount_eur_after go together; give both or neither")
        if self.kind == "rank" and self.changes_on is not None:
            raise ValueError("a rank has no amount that changes; leave changes_on out, or take a cutoff")
        return self


class HeapedAmounts(Closed):
    """Share of arrears that a creditor reports in multiples of so many euro."""

    share: Probability = 0.3
    to_eur: Positive = 50.0


class YouthTextFirst(Closed):
    """Share of sites that text who is under 27 first, and what that adds to the utility of a text."""

    sites: Probability = 0.33
    utility: float = 1.5


class AcceptanceCoding(Closed):
    """Shares of sites by how an advice talk is booked: as it is, as quick fix, or as no help."""

    recorded: Probability = 0.0
    quick_fix: Probability = 0.0
    declined: Probability = 0.0

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        _adds_to_one(self.recorded + self.quick_fix + self.declined)
        return self


class BenefitClients(Closed):
    """Share of households known at the benefits department, which speaks to them and writes nothing here.

    ``reached`` is the share of their episodes in which it does reach them.
    """

    share: Probability = 0.12
    reached: Probability = 0.5


class CalendarShocks(Closed):
    """Seasons and shocks that all municipalities share.

    Attributes
    ----------
    march_health, winter_energy : float
        Onset of health arrears in March, and of energy arrears from November to February.
    years : bool
        Levels of 2021 to 2023 below that of 2024, the energy window of December 2022, and end-of-supply
        signals from April 2023 only.
    surprise : float
        Spread of the log of a national shock on all onsets of a month.
    """

    march_health: Positive = 1.9
    winter_energy: Positive = 1.15
    years: bool = True
    surprise: NotNegative = 0.0


class OptOuts(Closed):
    """Share of attempted households that object to being in the system; their later signals are removed."""

    share: Probability = 0.02


class HiddenStress(Closed):
    """Stress, which no register holds, moves what the municipality and the household do.

    Attributes
    ----------
    score : float
        Points of the municipal score.
    reach : float
        Factor on the chance that an attempt reaches somebody.
    by_stress : bool
        Whether acceptance depends on stress instead of on recorded history.
    in_stress, not_in_stress : float
        Chance of accepting when reached.
    """

    score: float = 0.0
    reach: Positive = 0.85
    by_stress: bool = True
    in_stress: Probability = 0.46
    not_in_stress: Probability = 0.27


class AbsurdAges(Closed):
    """Share of episodes whose recorded age is missing or absurd, half and half."""

    share: Probability = 0.01


class MixedLocales(Closed):
    """Share of amounts written with the separators of the other language (in text exports)."""

    share: Probability = 0.2


class MissingLinks(Closed):
    """Signals older than so many months lose their case number, and a share of the younger ones does."""

    months: Annotated[int, Field(ge=0, le=120)] = 6
    share: Probability = 0.05


class ReachNotRecorded(Closed):
    """Share of cases whose attempts say nothing on reach (``Bereikt`` is N.v.t.)."""

    share: Probability = 1.0


class Canaries(Closed):
    """Households whose every free cell is a token that must never be seen outside the site."""

    households: Annotated[int, Field(ge=0, le=1000)] = 5


class Traps(Closed):
    """Which traps are on, and the size of each.

    Attributes
    ----------
    on : tuple of str
        Names out of ``TRAP_NAMES``; the order means nothing.
    """

    on: Annotated[tuple[TrapName, ...], Field(strict=False)] = ()
    severity: Severity = Severity()
    capacity_shocks: CapacityShocks = CapacityShocks()
    escalation: Escalation = Escalation()
    repeats: Repeats = Repeats()
    pause: Pause = Pause()
    second_signal: SecondSignal = SecondSignal()
    retention: Retention = Retention.model_validate({"full": 0.4, "6-12-18": 0.3, "strict6": 0.3})
    movers: Movers = Movers()
    outage: Outage = Outage()
    billing: Billing = Billing()
    batch_delivery: BatchDelivery = BatchDelivery()
    found_on_visit: FoundOnVisit = FoundOnVisit()
    threshold_rule: ThresholdRule | None = ThresholdRule()
    heaped_amounts: HeapedAmounts = HeapedAmounts()
    youth_text_first: YouthTextFirst = YouthTextFirst()
    acceptance_coding: AcceptanceCoding = AcceptanceCoding(recorded=0.24, quick_fix=0.38, declined=0.38)
    benefit_clients: BenefitClients = BenefitClients()
    calendar_shocks: CalendarShocks = CalendarShocks()
    opt_outs: OptOuts = OptOuts()
    hidden_stress: HiddenStress = HiddenStress()
    absurd_ages: AbsurdAges = AbsurdAges()
    mixed_locales: MixedLocales = MixedLocales()
    missing_links: MissingLinks | None = MissingLinks()
    reach_not_recorded: ReachNotRecorded = ReachNotRecorded()
    canaries: Canaries = Canaries()

    def in_force(self) -> Traps:
        """Return the sizes that act: of traps that are on their own, of the others one that does nothing."""
        off: dict[str, Any] = {name: size for name, size in OFF.items() if name not in self.on}
        return self.model_copy(update=off)


OFF: Final[dict[TrapName, Any]] = {
    "severity": Severity(factor=0.0),
    "capacity_shocks": CapacityShocks(sd=0.0),
    "escalation": Escalation(letter_to_phone=0.0, phone_to_visit=0.0),
    "repeats": Repeats(factor=0.0),
    "pause": Pause(days=0),
    "second_signal": SecondSignal(accepts=0.0),
    "retention": Retention(full=1.0),
    "movers": Movers(monthly=0.0),
    "outage": Outage(share=0.0),
    "billing": Billing(water_before_2024=1.0),
    "batch_delivery": BatchDelivery(one_day=False),
    "found_on_visit": FoundOnVisit(known=0.0, mismatch=0.0),
    "threshold_rule": None,
    "heaped_amounts": HeapedAmounts(share=0.0),
    "youth_text_first": YouthTextFirst(sites=0.0),
    "acceptance_coding": AcceptanceCoding(recorded=1.0),
    "benefit_clients": BenefitClients(share=0.0),
    "calendar_shocks": CalendarShocks(march_health=1.0, winter_energy=1.0, years=False),
    "opt_outs": OptOuts(share=0.0),
    "hidden_stress": HiddenStress(score=0.0, reach=1.0, by_stress=False),
    "absurd_ages": AbsurdAges(share=0.0),
    "mixed_locales": MixedLocales(share=0.0),
    "missing_links": None,
    "reach_not_recorded": ReachNotRecorded(share=0.0),
    "canaries": Canaries(households=0),
}
"""For each trap the size at which it does nothing."""
