"""Municipalities with one trap on, and three analyses of each: plain, blind to the trap, the default."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from evidence.claims import trap_coverage
from evidence.claims._trap_blind import BLANK, GRACE, QUARTER, Cases, cases_of, difference

if TYPE_CHECKING:
    from causalsig.cohort import CohortPlan
    from causalsig.records import Analysis, QuestionResult
    from causalsig.simulation import Scenario, SimulatedSite
    from causalsig.simulation.switches import TrapName
    from causalsig.sources.schema import SiteTables
    from causalsig.study.inventory import Site
    from causalsig.study.models import Study

World = Literal["nothing", "help"]
"""Nothing works, and every contrast is 0; or help works strongly, and the generator knows the contrast."""
Estimate = tuple[float, float]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Trapped:
    """A trap in the table.

    Attributes
    ----------
    world : {"nothing", "help"}
    about : str
        What the blind analysis does; or why there is none.
    blind : callable, optional
        Cases in, estimate and standard error out.
    sizes : dict
        Size of the trap, where it is not the packaged one.
    by_file : bool
        The trap sits in the file: it is written and read back.
    """

    world: World
    about: str
    blind: Callable[[Cases], Estimate] | None = None
    sizes: dict[str, Any] = field(default_factory=dict)
    by_file: bool = False


def _returns(cases: Cases, one: Mask, other: Mask) -> Estimate:
    """Compare returns of a quarter from day 14 on, unadjusted."""
    seen = cases.followed(GRACE + QUARTER)
    return difference(cases.returned(GRACE, QUARTER), seen & one, seen & other, cases.household)


def _texts(cases: Cases) -> Estimate:
    """Compare a first text with a first letter."""
    return _returns(cases, cases.first == "text_message", cases.first == "letter")


def _letters_or_nothing(cases: Cases) -> Estimate:
    """Compare a first letter with no attempt in 14 days."""
    nothing = np.array([not isinstance(method, str) for method in cases.first])
    return _returns(cases, cases.first == "letter", nothing)


def _heaviest(cases: Cases) -> Estimate:
    """Compare who was ever visited with who only got letters, whatever came first."""
    return _returns(cases, cases.heaviest == "home_visit", cases.heaviest == "letter")


def _found_left_out(cases: Cases) -> Estimate:
    """Compare visits with letters without the cases that turned out to be known or to live elsewhere."""
    visit, letter = (~cases.ended & (cases.first == method) for method in ("home_visit", "letter"))
    return _returns(cases, visit, letter)


def _landmark(cases: Cases) -> Estimate:
    """Compare who accepted with everybody else, within strata of what was known at the match."""
    seen = cases.followed(BLANK + QUARTER) & ~cases.ended
    one, other = seen & cases.accepted, seen & ~cases.accepted
    return difference(cases.returned(BLANK, QUARTER), one, other, cases.household, cases.stratum)


def _from_coverage(trap: TrapName) -> Trapped:
    """Take a trap over from the claim `trap-coverage`, with its blind analysis and size."""
    blind = trap_coverage.BLIND[trap]
    world: World = "nothing" if blind.truth == "nothing" else "help"
    return Trapped(world, blind.about, blind.analysis, blind.sizes)


NO_DATES = "none: a comparison of periods or methods does not see it"
AT_CUTOFF = "none here: it moves who is just above a cutoff, which is judged by the claims on thresholds"
IN_FILE = "none: what falls for it is a reader of files"
TABLE: dict[str, Trapped] = {
    "severity": _from_coverage("severity"),
    "capacity_shocks": Trapped("nothing", "none: it is what an instrument is made of"),
    "escalation": Trapped("nothing", "returns of who was ever visited against letters only", _heaviest),
    "repeats": _from_coverage("repeats"),
    "pause": _from_coverage("pause"),
    "retention": _from_coverage("retention"),
    "movers": Trapped(
        "help",
        "none: the outcome is one of the address, and the truth beside it is that of the address too",
    ),
    "outage": _from_coverage("outage"),
    "billing": _from_coverage("billing"),
    "batch_delivery": Trapped("nothing", NO_DATES),
    "found_on_visit": Trapped(
        "nothing",
        "visits against letters without the cases that ended for what a visit found",
        _found_left_out,
    ),
    "threshold_rule": Trapped("nothing", AT_CUTOFF),
    "heaped_amounts": Trapped("nothing", AT_CUTOFF),
    "youth_text_first": Trapped(
        "nothing",
        "returns after a first text against a first letter, unadjusted",
        _texts,
    ),
    "acceptance_coding": _from_coverage("acceptance_coding"),
    "acceptance_coding-declined": Trapped(
        "help",
        "none: the same, with talks booked as refusals",
        sizes={"recorded": 0.0, "quick_fix": 0.0, "declined": 1.0},
    ),
    "benefit_clients": Trapped("help", "none: nothing is written of what the department does"),
    "calendar_shocks": _from_coverage("calendar_shocks"),
    "opt_outs": Trapped(
        "nothing",
        "returns after a first letter against no attempt in 14 days, unadjusted",
        _letters_or_nothing,
    ),
    "second_signal": Trapped(
        "nothing",
        "returns after accepting against not accepting by day 28, whatever came in before day 28",
        _landmark,
    ),
    "hidden_stress": _from_coverage("hidden_stress"),
    "absurd_ages": Trapped("nothing", IN_FILE),
    "mixed_locales": Trapped("nothing", IN_FILE, by_file=True),
    "missing_links": Trapped("nothing", IN_FILE),
    "reach_not_recorded": Trapped("nothing", IN_FILE),
    "canaries": Trapped("nothing", IN_FILE),
}
"""By the name of the trap, after a hyphen what sets a second row of it apart."""


def trap_of(row: str) -> TrapName:
    """Give the trap of a row of the table."""
    name: TrapName = row.split("-", 1)[0]  # type: ignore[assignment]
    return name


@cache
def default_study() -> tuple[Study, tuple[CohortPlan, ...]]:
    """Give the default study, and of each question the plan of its primary analysis and nothing beside it."""
    from causalsig.cohort import plan_cohorts
    from causalsig.study.read import read_study

    study = read_study("vroegsignalering")
    plans = [
        replace(
            plan,
            outcomes=tuple(o for o in plan.outcomes if o.id == plan.settings.primary_outcome),
            settings=plan.settings.model_copy(update={"sensitivity": ()}),
        )
        for plan in plan_cohorts(study)
    ]
    return study, tuple(plan for plan in plans if plan.outcomes)


def law_of(row: str | None, world: World) -> Scenario:
    """Scenario with one trap on at its size here, or with none."""
    law = trap_coverage.law_of(None, world == "help")
    if row is None:
        return law
    trap = trap_of(row)
    law = law.switch(on=(trap,))
    size = getattr(law.traps, trap)
    if TABLE[row].sizes:
        size = size.model_copy(update=TABLE[row].sizes)
    return law.model_copy(update={"traps": law.traps.model_copy(update={trap: size})})


def replicate(row: str | None, world: World, seed: int) -> dict[str, Any]:
    """Analyse one municipality three ways.

    Returns
    -------
    dict
        ``blind``: estimate and standard error, or None. ``questions``: by question ``naive`` and ``default``
        (estimate, lower and upper end; None where it was refused), ``truth``, and ``codes``: all that the
        default analysis says beside its numbers.
    """
    from causalsig.errors import SourceError
    from causalsig.execution.analyse import analyse_site
    from causalsig.execution.truth import inventory_site

    study, plans = default_study()
    law = law_of(row, world)
    site = trap_coverage.site_of(law, seed, truth=world == "help")
    asked = inventory_site(site.spec, months=trap_coverage.MONTHS, extracted_on=law.extracted_on)
    try:
        tables, codes = _as_read(site, row, law, asked)
    except SourceError as error:
        unread = {"naive": None, "default": None, "truth": 0.0, "codes": [error.code]}
        return {"blind": None, "questions": {plan.question: unread for plan in plans}}
    result = analyse_site(tables, study, asked, site.spec.matching, plans=plans, finding_codes=codes)
    blind = None if row is None else TABLE[row].blind
    return {
        "blind": None if blind is None else [float(value) for value in blind(cases_of(site.tables))],
        "questions": {question.question: _question(question, site, codes) for question in result.questions},
    }


def _as_read(
    site: SimulatedSite, row: str | None, law: Scenario, asked: Site
) -> tuple[SiteTables, frozenset[str]]:
    """Tables as a run has them, and the codes of what reading and checking found."""
    from causalsig.execution.invented_files import write_source
    from causalsig.execution.site import read_site
    from causalsig.sources.checks import check_tables

    if row is None or not TABLE[row].by_file:
        return site.tables, frozenset(finding.code for finding in check_tables(site.tables))
    mixed = law.resolved().traps.mixed_locales.share
    with tempfile.TemporaryDirectory() as folder:
        path = write_source(
            site.tables, Path(folder), "xxllnc-2026", name=site.spec.name, mixed_locales=mixed
        )
        read = read_site(path, asked)
    return read.tables, frozenset(finding.code for finding in read.findings)


def _question(found: QuestionResult, site: SimulatedSite, codes: Iterable[str]) -> dict[str, Any]:
    study, _ = default_study()
    settings = study.asked[found.question]
    primary = next((one for one in found.analyses if one.primary), None)
    said = {*codes, *(refusal.code for refusal in found.refusals)}
    said |= {verdict.code for verdict in found.verdicts if not verdict.passed}
    numbers: dict[str, Any] = {"naive": None, "default": None, "truth": 0.0}
    if primary is not None:
        numbers["default"] = _ends(primary.result.contrast(*settings.primary_contrast))
        numbers["naive"] = _ends(primary.unadjusted.contrast(*settings.primary_contrast))
    if site.truth is not None:
        numbers["truth"] = _truth(site, found.question, settings, primary)
    return numbers | {"codes": sorted(said)}


def _truth(site: SimulatedSite, question: str, settings: Any, primary: Analysis | None) -> float:
    assert site.truth is not None
    estimand = "ATO" if primary is None else primary.estimand
    means = site.truth.arm_means(question, settings.primary_outcome, estimand)
    arm, reference = (means.means[means.arms.index(name)] for name in settings.primary_contrast)
    return float(arm - reference)


def _ends(contrast: Any) -> list[float]:
    return [float(contrast.estimate), float(contrast.conf_low), float(contrast.conf_high)]
