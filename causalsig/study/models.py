"""The study file's closed models: every key a statistician may set, with its default and its bounds."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import (
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from causalsig.records import Estimator as Estimator
from causalsig.records import OutcomeKind as OutcomeKind
from causalsig.study.base import Closed as Closed
from causalsig.study.base import Covariate as Covariate
from causalsig.study.base import CreditorGroup as CreditorGroup
from causalsig.study.base import ExtraRule as ExtraRule
from causalsig.study.base import Slug as Slug
from causalsig.study.falsification import Falsification as Falsification
from causalsig.study.graph import CausalGraph, check_graph
from causalsig.study.hidden import Hidden
from causalsig.study.privacy import Privacy
from causalsig.study.questions import ESTIMATOR_OF as ESTIMATOR_OF
from causalsig.study.questions import METHOD_MAP as METHOD_MAP
from causalsig.study.questions import SEQUENCES as SEQUENCES
from causalsig.study.questions import AcceptedArm as AcceptedArm
from causalsig.study.questions import AcceptedHelp as AcceptedHelp
from causalsig.study.questions import AcceptedMethod as AcceptedMethod
from causalsig.study.questions import ContactMethod as ContactMethod
from causalsig.study.questions import Method as Method
from causalsig.study.questions import Questions as Questions
from causalsig.study.subgroups import Groups, Rules

SignalSet = Literal["new_arrears", "all_signals"]
Horizon = Literal[3, 6, 12]
Estimand = Literal["ATO", "ATE"]
HORIZON_DAYS: dict[int, int] = {3: 91, 6: 182, 12: 364}
"""Length of a horizon in days: whole weeks, so that every window holds the same number of batches."""


class Localised(Closed):
    """One text in both languages."""

    nl: str = Field(min_length=1, max_length=400)
    en: str = Field(min_length=1, max_length=400)


class DataWindow(Closed):
    """Which time zeros the study looks at, before each site's retention narrows it."""

    first_time_zero: date | None = Field(
        default=None, description="Earliest time zero; none: as retention allows."
    )
    last_time_zero: date | None = Field(
        default=None, description="Latest time zero; none: as follow-up allows."
    )
    look_back_days: int = Field(
        default=183, ge=0, le=730, description="Days before time zero that covariates may use."
    )

    @model_validator(mode="after")
    def _ordered(self) -> DataWindow:
        if self.first_time_zero and self.last_time_zero and self.first_time_zero > self.last_time_zero:
            raise ValueError("first_time_zero lies after last_time_zero; swap them")
        return self


class Eligibility(Closed):
    """Restrictions by facts that exist whatever the arm."""

    open_case: Literal["exclude"] = Field(
        default="exclude",
        description="Episodes of a household with a case still open at time zero.",
    )
    below_threshold: Literal["exclude"] = Field(
        default="exclude", description="Episodes below the site's own amount for taking up (inventory, rule)."
    )
    first_episode_only: bool = Field(default=False, description="Sensitivity: one episode a household.")
    also: tuple[ExtraRule, ...] = Field(
        default=(), description="Further rules on what is known at time zero, each with its row."
    )

    @field_validator("also")
    @classmethod
    def _once(cls, rules: tuple[ExtraRule, ...]) -> tuple[ExtraRule, ...]:
        if len(set(rules)) != len(rules):
            raise ValueError("also names a rule twice; name each once")
        return rules


class Outcome(Closed):
    """One outcome: what is counted, of which signals, over how many months."""

    id: Slug
    kind: OutcomeKind = Field(
        description="any: was there a return · count: signals · days: days without a return · amount: euro."
    )
    signals: SignalSet
    months: Horizon
    creditor: CreditorGroup | None = Field(
        default=None, description="Only signals of this type of creditor; none: of all."
    )
    from_day: int | None = Field(
        default=None,
        ge=0,
        le=180,
        description="Sensitivity: the window begins on another day than the question's follow_up_from_day.",
    )
    cap_eur: int = Field(
        default=10_000, ge=500, le=100_000, description="Amount: what one episode can count for at most."
    )

    @model_validator(mode="after")
    def _of_new_arrears(self) -> Outcome:
        if self.kind == "amount" and self.signals != "new_arrears":
            raise ValueError(
                "an amount of all signals would add up the same arrear every time it is reported again; "
                'use signals = "new_arrears"'
            )
        return self

    @property
    def days(self) -> int:
        """Length of the outcome window in days."""
        return HORIZON_DAYS[self.months]


class Nuisance(Closed):
    """How the treatment and outcome models are fitted."""

    learner: Literal["linear"] = "linear"
    folds: int = Field(default=5, ge=2, le=20)
    repeats: int = Field(default=1, ge=1, le=50)


class Estimands(Closed):
    """What is estimated; the estimand is fixed by the study, never chosen at a site."""

    primary: Estimand = "ATO"
    also: tuple[Estimand, ...] = ("ATE",)

    @model_validator(mode="after")
    def _once(self) -> Estimands:
        if self.primary in self.also:
            raise ValueError("also repeats the primary estimand; leave it out there")
        return self

    @property
    def all(self) -> tuple[Estimand, ...]:
        """Primary first."""
        return (self.primary, *self.also)


class Diagnostics(Closed):
    """Thresholds of the gates; the same for every site."""

    max_smd: float = Field(default=0.1, gt=0, le=0.5, description="Weighted |SMD| beyond sampling noise.")
    equipoise_bounds: tuple[float, float] = (0.3, 0.7)
    min_equipoise_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Below this share in equipoise the question is withheld.",
    )
    min_effective_sample_size: float = Field(default=30, ge=30)
    positivity_probability: float = Field(
        default=0.01, gt=0, lt=0.2, description="An ATE needs every arm's propensity above this ..."
    )
    positivity_share: float = Field(default=0.02, ge=0, lt=1, description="... except in at most this share.")
    min_followed: float = Field(
        default=0.8,
        ge=0.5,
        le=1,
        description="Pooling: share of an arm's episodes whose outcome window was seen to its end.",
    )
    max_known_failures: int = Field(
        default=0, ge=0, le=100, description="Pooling: known failures of the data that a site may have."
    )
    largest_detectable: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="Solo: effect on the primary risk that a site must be able to see by itself.",
    )
    solo_power: float = Field(default=0.8, ge=0.5, lt=1, description="Solo: chance to see it.")


LARGEST_DECLARED_RISK = 0.2
"""Declared risk of the rarer class, at most: 20 expected of it are 100 households."""


class Disclosure(Closed):
    """Floors of what may leave; a study may tighten them, never loosen."""

    min_households_cell: int = Field(default=10, ge=10)
    min_households_arm: int = Field(default=30, ge=30)
    min_expected_class: int = Field(
        default=20, ge=20, description="n · min(p0, 1 - p0), known before outcomes are looked at."
    )
    expected_risk: float = Field(
        default=0.2, gt=0, lt=1, description="p0, the declared risk of a return; a rarer one asks for more."
    )
    max_largest_weight: float = Field(default=0.5, gt=0, le=0.5)
    max_two_largest_weight: float = Field(default=0.67, gt=0, le=0.67)
    max_parameter_share: float = Field(default=0.1, gt=0, le=0.1)
    max_snapshot_share: float = Field(
        default=0.33,
        gt=0,
        le=0.33,
        description="Numbers released of one extract, over all studies, as a part of its households.",
    )
    min_residual_df: int = Field(default=10, ge=10)

    @field_validator("expected_risk")
    @classmethod
    def _not_looser(cls, risk: float) -> float:
        if min(risk, 1.0 - risk) > LARGEST_DECLARED_RISK:
            raise ValueError("expected_risk would admit smaller arms than the house's floor; at most 0.2")
        return risk


class Pooling(Closed):
    """How the sites are pooled."""

    tau2: Literal["REML", "DL"] = "REML"
    interval: Literal["knapp-hartung-floored", "knapp-hartung", "wald", "mixture"] = "knapp-hartung-floored"
    level: float = Field(default=0.95, gt=0.5, lt=1)
    min_sites: int = Field(default=6, ge=6)
    max_site_weight: float = Field(default=0.5, gt=0, le=0.5)
    max_two_site_weight: float = Field(default=0.67, gt=0, le=0.67)
    max_months_behind: int = Field(default=24, ge=1)
    """A site whose last extract is older than this, counted from the newest one of the pool, is left out."""


class ReportChoices(Closed):
    """What the reports look like."""

    language: Literal["nl", "en"] = "nl"


class Study(Closed):
    """The whole study file."""

    schema_version: Literal["0.1"]
    name: Slug
    title: Localised
    seed: int = Field(ge=0, lt=2**63)
    data: DataWindow = DataWindow()
    eligibility: Eligibility = Eligibility()
    outcomes: tuple[Outcome, ...] = Field(min_length=1)
    questions: Questions
    covariates: tuple[Covariate, ...] = Field(min_length=1)
    graph: CausalGraph | None = Field(
        default=None, description="Argues the covariates: they must be the set that follows from it."
    )
    nuisance: Nuisance = Nuisance()
    estimands: Estimands = Estimands()
    diagnostics: Diagnostics = Diagnostics()
    falsification: Falsification = Falsification()
    hidden: Hidden = Hidden()
    groups: Groups = Groups()
    rules: Rules | None = Field(default=None, description="Learns for whom which method; none: no rule.")
    disclosure: Disclosure = Disclosure()
    privacy: Privacy | None = Field(
        default=None, description="Differentially private release; none: the rules and grids alone."
    )
    pooling: Pooling = Pooling()
    report: ReportChoices = ReportChoices()
    _written: Study | None = PrivateAttr(default=None)

    @model_serializer(mode="wrap")
    def _without_what_is_not_asked(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave the option out where it is not taken: a study from before it keeps its digest."""
        values: dict[str, Any] = write(self)
        if self.privacy is None:
            del values["privacy"]
        return values

    @property
    def as_written(self) -> Study:
        """The study of the file: itself, but for a municipality that asks for stricter floors."""
        return self._written or self

    @model_validator(mode="after")
    def _resolved(self) -> Study:
        ids = [outcome.id for outcome in self.outcomes]
        if len(set(ids)) != len(ids):
            raise ValueError("two outcomes have the same id; every id names one outcome")
        if len(set(self.covariates)) != len(self.covariates):
            raise ValueError("covariates names one twice; name each once")
        threshold = self.questions.threshold
        for question in (*self.asked.values(), *([] if threshold is None else [threshold])):
            missing = [name for name in question.outcomes if name not in ids]
            if missing:
                raise ValueError(
                    f"a question names the outcome {missing[0]!r}, which [[outcomes]] does not define"
                )
            fixed = question.landmark_day if isinstance(question, AcceptedHelp) else question.grace_days
            started = [self.outcome(name).from_day for name in question.outcomes]
            if any(day is not None and day < fixed for day in started):
                raise ValueError(
                    "an outcome's from_day lies before the day that fixes the question's arms, so an arm "
                    "would depend on follow-up; set it later"
                )
        unknown = [name for name in self.falsification.negative_controls if name not in ids]
        if unknown:
            raise ValueError(
                f"negative_controls names the outcome {unknown[0]!r}, which [[outcomes]] does not define"
            )
        if self.rules is not None:
            method = self.questions.contact_method
            estimands = () if method is None else self.estimands_of("contact_method")
            self.rules.check_within(self.covariates, () if method is None else method.arms, estimands)
        answers = {question.primary_outcome for question in self.asked.values()}
        if answers & set(self.falsification.negative_controls):
            raise ValueError(
                "negative_controls names a question's primary outcome; name outcomes no arm changes"
            )
        if self.graph is not None:
            self._argued(self.graph)
        if self.privacy is not None:
            self.privacy.check_asked(self.asked)
        return self

    def _argued(self, graph: CausalGraph) -> None:
        """Hold the frozen list against the graph; no dowhy in it, so that every site can read the study."""
        from causalsig.study.graph_identify import frozen_covariates

        check_graph(graph, "graph")
        wanted = frozen_covariates(graph, list(self.asked))
        if set(wanted) != set(self.covariates):
            names = ", ".join(f'"{name}"' for name in wanted)
            raise ValueError(
                f"covariates is not the set that follows from the graph; write covariates = [{names}]"
            )

    @property
    def asked(self) -> dict[str, ContactMethod | AcceptedHelp]:
        """The questions that compare arms, by code, in the study's fixed order; a threshold has no arms."""
        found: dict[str, ContactMethod | AcceptedHelp] = {}
        if self.questions.accepted_help is not None:
            found["accepted_help"] = self.questions.accepted_help
        if self.questions.contact_method is not None:
            found["contact_method"] = self.questions.contact_method
        return found

    def outcome(self, outcome_id: str) -> Outcome:
        """Return the outcome with this id (the validator has made sure that it exists)."""
        return next(outcome for outcome in self.outcomes if outcome.id == outcome_id)

    def price_of_moving(self, below: str, above: str) -> float | None:
        """Price of one contact that another cutoff adds, by `Moving.contact_cost`; None without Q3."""
        asked = self.questions.threshold
        if asked is None:
            return None
        otherwise: dict[str, float] = {} if self.rules is None else dict(self.rules.costs_eur.items())
        return asked.moving.contact_cost(below, above, otherwise)

    def estimands_of(self, question: str) -> tuple[Estimand, ...]:
        """Estimands of a question, its primary one first.

        Strategies are for everybody: clone-censor-weight answers with the ATE, whatever is primary elsewhere.
        """
        estimands = self.estimands.all
        if self.asked[question].estimator == "clone_censor_weight":
            return ("ATE", *(estimand for estimand in estimands if estimand != "ATE"))
        return estimands
