"""The provider's inventory: which sites there are, their traits, and the agreement each one runs under."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from causalsig.study.handling import HandlingRule, check_periods, plain_rule
from causalsig.study.models import Closed, Disclosure
from causalsig.study.site_policy import SitePolicy

RetentionRegime = Literal["strict6", "6-12-18", "full"]
GUARANTEED_MONTHS: dict[str, int] = {"strict6": 6, "6-12-18": 6}
"""Months every signal is kept whatever happened to it: what a regime keeps longer, it keeps because help was
offered or accepted, so only the shortest term is guaranteed. A full regime keeps what the extract holds."""


class MatchingTrait(Closed):
    """How often and on which day signals are matched into episodes."""

    frequency: Literal["monthly", "weekly"] = "monthly"
    day: int = Field(default=15, ge=1, le=28, description="Day of the month; weekly: ISO weekday.")

    @model_validator(mode="after")
    def _weekday(self) -> MatchingTrait:
        if self.frequency == "weekly" and self.day > 7:
            raise ValueError("a weekly matching day lies outside 1 to 7; give the ISO weekday")
        return self


class Rule(Closed):
    """The site's own rule for what is taken up."""

    threshold_eur: int = Field(default=0, ge=0, le=10_000, description="Total below which nothing is done.")


class Agreement(Closed):
    """The agreements without which a site's data are not touched."""

    project_agreement: date | None = Field(default=None, description="Signed on; none: not signed.")
    processor_agreement_provider: date | None = None
    processor_agreement_university: date | None = None
    ends_on: date | None = None
    withdrawn_on: date | None = Field(default=None, description="The site left on this day; it stays out.")
    data_from: date | None = Field(default=None, description="Data before this day are not covered.")
    data_until: date | None = Field(default=None, description="Data after this day are not covered.")

    def missing(self, today: date) -> str | None:
        """Say what keeps the agreement from being in force on ``today``; None when it is."""
        signed = {
            "project_agreement": self.project_agreement,
            "processor_agreement_provider": self.processor_agreement_provider,
            "processor_agreement_university": self.processor_agreement_university,
        }
        for name, signed_on in signed.items():
            if signed_on is None:
                return f"{name} is not signed"
            if signed_on > today:
                return f"{name} starts later"
        if self.withdrawn_on is not None and self.withdrawn_on <= today:
            return "the site has withdrawn"
        if self.ends_on is not None and self.ends_on < today:
            return "the agreement has ended"
        return None


class CreditorAgreement(Closed):
    """A creditor that began or ended to report to the municipality within the data."""

    creditor: str = Field(min_length=1, max_length=80, description="Which one, for the reader.")
    starts_on: date | None = Field(default=None, description="Its first day; none: before the data.")
    ends_on: date | None = Field(default=None, description="Its last day; none: after the data.")


class Site(Closed):
    """One municipality: its code, its name, what kind of place it is, and what it agreed to."""

    code: Annotated[str, Field(pattern=r"^[0-9]{4}$")] = Field(
        description="Municipality code, four digits as text."
    )
    name: str = Field(min_length=1, max_length=80)
    inhabitants: int = Field(ge=500, le=2_000_000)
    urbanicity: int = Field(default=3, ge=1, le=5, description="1 very urban to 5 rural.")
    problem_debt_share: float | None = Field(default=None, gt=0, lt=0.5)
    retention: RetentionRegime
    retention_months: int | None = Field(
        default=None, ge=1, le=240, description="Guaranteed months of signals; none: what the regime says."
    )
    acceptance_coding: Literal["talk_is_declined", "talk_is_quick_fix", "standard"] = "standard"
    matching: MatchingTrait = MatchingTrait()
    rule: Rule = Rule()
    handling: tuple[HandlingRule, ...] = Field(
        default=(), description="What follows for whom, by period; none: what rule.threshold_eur says."
    )
    amount_locale: Literal["nl", "en"] | None = Field(
        default=None, description="How amounts are written in the export; none: detected and confirmed."
    )
    extracted_on: date | None = Field(
        default=None, description="Date of the extract; none: the latest date in it, with a finding."
    )
    agreement: Agreement = Agreement()
    creditor_agreements: tuple[CreditorAgreement, ...] = Field(
        default=(), description="Creditors that began or stopped reporting: they narrow the entry window."
    )
    earlier_extracts: tuple[date, ...] = Field(
        default=(), description="Dates of extracts released before, the earliest first: this one is a wave."
    )
    policy: SitePolicy = Field(
        default=SitePolicy(), description="Floors of what may leave, where stricter than the study's."
    )
    opted_out_households: int | None = Field(
        default=None, ge=0, description="Removed from the source on request; none: not told by the provider."
    )

    @property
    def wave(self) -> int:
        """Number of this extract among those of the site, from 1."""
        return len(self.earlier_extracts) + 1

    @model_validator(mode="after")
    def _retained(self) -> Site:
        limit = GUARANTEED_MONTHS.get(self.retention)
        if limit is None and self.retention_months is None:
            raise ValueError(
                "retention is 'full' but retention_months is not given; say how many months the extract holds"
            )
        if limit is not None and self.retention_months is not None and self.retention_months > limit:
            raise ValueError(
                "retention_months is longer than this regime guarantees for every signal; lower or drop it"
            )
        dates = (*self.earlier_extracts, *([] if self.extracted_on is None else [self.extracted_on]))
        if any(later <= earlier for earlier, later in pairwise(dates)):
            raise ValueError(
                "earlier_extracts is not in order, or not before extracted_on; list the earliest first"
            )
        check_periods(self.handling)
        return self

    @property
    def handling_rules(self) -> tuple[HandlingRule, ...]:
        """Rules in order of validity; the plain threshold as one where there are none of its own."""
        if self.handling or not self.rule.threshold_eur:
            return self.handling
        return (plain_rule(self.rule.threshold_eur),)

    @property
    def floors(self) -> Disclosure:
        """Floors of what leaves without a study: the house's, or the municipality's where stricter."""
        return self.policy.tightened(Disclosure())

    @property
    def guaranteed_months(self) -> int:
        """Months R for which every signal is kept, whatever happened to it."""
        if self.retention_months is not None:
            return self.retention_months
        return GUARANTEED_MONTHS[self.retention]


class Inventory(Closed):
    """All sites of one provider."""

    schema_version: Literal["0.1"]
    provider: str = Field(min_length=1, max_length=80)
    sites: tuple[Site, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> Inventory:
        codes = [site.code for site in self.sites]
        if len(set(codes)) != len(codes):
            raise ValueError("two sites have the same code; every municipality is listed once")
        return self

    def site(self, code: str) -> Site | None:
        """Return the site with this municipality code, or None."""
        return next((site for site in self.sites if site.code == code), None)
