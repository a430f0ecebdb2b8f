"""Each trap of practice catches the analysis that is blind to it, and nothing else does.

What is shown is that the switches do what they are for, not how often practice falls into them. Window and
outcome of each analysis were chosen after pilots of 16 to 40 municipalities, so that its trap has something
to catch: hidden stress from day 14 (it ends for a quarter of households every month), the pause among signals
of the case's own creditors in the 45 days that it lasts (among all returns theirs are few), retention over
half a year of every case that is still held, repeats as a ratio. The seeds of the pilots are among those that
are run. Three sizes are extreme on purpose, the other traps have their packaged ones: retention (every
municipality keeps 6, 12 or 18 months; in the base scenario three in ten), acceptance coding (every
municipality books talks as quick fix; in the base scenario 38 %), and the effect of help where a trap shows
in its size (hazard ratio 0.4 of accepting, nothing else works, no spread between municipalities).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evidence.claim import Verdict
from evidence.claims._trap_blind import (
    BLANK,
    GRACE,
    HALF_YEAR,
    PAUSE,
    QUARTER,
    Cases,
    cases_of,
    difference,
    log_change,
    log_ratio,
)
from evidence.context import Context
from evidence.montecarlo import mean_and_error, rate_figures

if TYPE_CHECKING:
    from causalsig.simulation import Scenario, SimulatedSite
    from causalsig.simulation.switches import TrapName

CLAIM = """For each trap that needs no cohort machinery, an analysis that is sound where every trap is off
(95 % intervals cover the truth in 91 to 99 % of 400 municipalities, by the rate itself) and blind to this
trap covers in less than 90 % once it is on, with the whole exact 99 % interval below: severity, hidden
stress, the pause after help, repeats of the same arrear, unequal retention, coding of acceptance, national
shocks, billing and outages. The others belong to cohorts, thresholds and findings, and are judged there."""
ISSUE = 3
COVERS = (
    "causalsig/simulation/[a-w]*.py",
    "causalsig/simulation/scenarios/base.toml",
    "causalsig/simulation/scenarios/clean.toml",
    "causalsig/simulation/scenarios/ignorable.toml",
    "causalsig/simulation/traps/*.py",
    "causalsig/sources/arrears.py",
    "causalsig/sources/episodes.py",
    "evidence/claims/_trap_blind.py",
)
REPLICATIONS = 400
"""With all traps off, shared by all analyses: one that covers 95 % stays below 91 % once in 2,000 runs."""
OUTAGES = 200
FEW = 60
"""Replications with a trap on: pilots of 30 covered at most 37 %, so that even these end far below 90 %."""
SOUND = (0.91, 0.99)
CAUGHT = (0.0, 0.90)
NORMAL = 1.959963984540054
TRUTH_SEEDS = range(10_000, 10_032)
"""Municipalities that no analysis sees; so many that the truth is off by a tenth of a standard error."""
EXTRACTED_ON = date(2024, 12, 31)
MONTHS = 30
INHABITANTS = 300_000
STRONG = {"written": 1.0, "reached": 1.0, "accepted": 0.4}
"""Hazard ratios where a trap shows in the size of an effect: only acceptance works, and well."""
BEFORE, AFTER = ("2023-01", "2023-12"), ("2024-01", "2024-12")
LAST_TWO = (("2024-10", "2024-10"), ("2024-11", "2024-11"))
Estimate = tuple[float, float]
OTHERS = {
    "cohorts": (
        "capacity_shocks, escalation, movers, batch_delivery, found_on_visit, youth_text_first, "
        "benefit_clients, opt_outs, second_signal"
    ),
    "thresholds": "threshold_rule, heaped_amounts",
    "findings": "absurd_ages, mixed_locales, missing_links, reach_not_recorded, canaries",
}


def _visits(cases: Cases) -> Estimate:
    """Compare visited first with written to first, whoever they are."""
    seen = cases.followed(GRACE + QUARTER)
    visit, letter = (seen & (cases.first == method) for method in ("home_visit", "letter"))
    return difference(cases.returned(GRACE, QUARTER), visit, letter, cases.household)


def _accepted(cases: Cases, start: int, days: int, which: str = "all", ratio: bool = False) -> Estimate:
    """Compare accepted with reached and declined, within strata of recorded history."""
    seen = cases.followed(start + days) & cases.reached
    one, other = seen & cases.accepted, seen & ~cases.accepted & ~cases.ended
    compare = log_ratio if ratio else difference
    return compare(cases.returned(start, days, which), one, other, cases.household, cases.stratum)


@dataclass(frozen=True, slots=True)
class Blind:
    """An analysis and the trap it does not see.

    Attributes
    ----------
    about : str
        What is done, in one sentence.
    analysis : callable
        Cases and signals in, estimate and standard error out.
    truth : {"nothing", "difference", "log_ratio"}
        Nothing works, and the truth is 0; or help works, and it is the true contrast of who accepted.
    sizes : dict
        Size of the trap, where it is not the packaged one.
    replications : int
        With the trap on.
    """

    about: str
    analysis: Callable[[Cases], Estimate]
    truth: Literal["nothing", "difference", "log_ratio"] = "nothing"
    sizes: dict[str, Any] = field(default_factory=dict)
    replications: int = FEW


BLIND: dict[TrapName, Blind] = {
    "severity": Blind("returns after a first visit against a first letter, unadjusted", _visits),
    # From day 14 on: stress, which moves acceptance, ends for a quarter of households every month.
    "hidden_stress": Blind(
        "returns after accepting against declining from day 14 on, adjusted for recorded history",
        partial(_accepted, start=GRACE, days=QUARTER),
    ),
    # Only the creditors of the case are silent; among all returns in these weeks theirs are few.
    "pause": Blind(
        "signals of the same creditors from day 14 to day 58, accepting against declining",
        partial(_accepted, start=GRACE, days=PAUSE, which="own"),
    ),
    # Of cases older than a year only those with help are still held, but not their returns; and what comes in
    # while a case is open is not taken up and goes first, most of it of help, whose cases are open longest.
    "retention": Blind(
        "returns in the half year from day 14 of every case the extract still holds",
        partial(_accepted, start=GRACE, days=HALF_YEAR),
        sizes={"full": 0.0, "six_twelve_eighteen": 1.0, "strict6": 0.0},
    ),
    "repeats": Blind(
        "ratio of any signals after accepting against declining, read as that of new arrears",
        partial(_accepted, start=BLANK, days=QUARTER, ratio=True),
        "log_ratio",
    ),
    "acceptance_coding": Blind(
        "new arrears after accepting against declining, by the result as it was booked",
        partial(_accepted, start=BLANK, days=QUARTER, which="new"),
        "difference",
        {"recorded": 0.0, "quick_fix": 1.0, "declined": 0.0},
    ),
    "calendar_shocks": Blind(
        "signals of March against February, read as what a change of policy did",
        partial(log_change, before=("2024-02", "2024-02"), after=("2024-03", "2024-03")),
    ),
    "billing": Blind(
        "signals of 2024 against 2023, read the same way", partial(log_change, before=BEFORE, after=AFTER)
    ),
    # Three creditors in a hundred are out in a month: most misses are of the few municipalities in which one
    # of the largest was, so coverage falls to about three quarters and no further.
    "outage": Blind(
        "signals of November against October, read the same way",
        partial(log_change, before=LAST_TWO[0], after=LAST_TWO[1]),
        replications=OUTAGES,
    ),
}


def law_of(trap: TrapName | None, works: bool) -> Scenario:
    """Scenario with one trap on, or none; help works strongly, or nothing does."""
    from causalsig.simulation import load_scenario

    scenario = load_scenario("clean", "modest" if works else "null")
    scenario = scenario.model_copy(update={"extracted_on": EXTRACTED_ON})
    if works:
        strong = scenario.effects["modest"].model_copy(update=STRONG)
        sites = scenario.sites.model_copy(update={"log_hazard_ratio_sd": 0.0})
        scenario = scenario.model_copy(
            update={"effects": scenario.effects | {"modest": strong}, "sites": sites}
        )
    if trap is None:
        return scenario
    scenario = scenario.switch(on=(trap,))
    size = getattr(scenario.traps, trap).model_copy(update=BLIND[trap].sizes)
    return scenario.model_copy(update={"traps": scenario.traps.model_copy(update={trap: size})})


def size_of(law: Scenario, trap: TrapName) -> str:
    """Write down the size at which a trap is on."""
    size = getattr(law.traps, trap).model_dump(by_alias=True)
    return ", ".join(f"{name} {value}" for name, value in size.items())


def site_of(law: Scenario, seed: int, truth: bool = False) -> SimulatedSite:
    """Draw and simulate one municipality."""
    from causalsig.simulation import draw_sites, simulate_site

    [drawn] = draw_sites(law, 1, seed, inhabitants=INHABITANTS)
    # Where arrears are more frequent help has more to prevent: with one rate there is one truth.
    spec = replace(drawn, rate_multiplier=1.0)
    return simulate_site(spec, law, seed, months=MONTHS, truth=truth, six_months=False)


def replicate(trap: TrapName, seed: int) -> list[float]:
    """Estimate and standard error with the trap on."""
    works = BLIND[trap].truth != "nothing"
    return list(BLIND[trap].analysis(cases_of(site_of(law_of(trap, works), seed).tables)))


def replicate_clean(seed: int) -> dict[str, list[float]]:
    """Estimates and standard errors of every analysis with all traps off."""
    found: dict[str, list[float]] = {}
    for works in (False, True):
        cases = cases_of(site_of(law_of(None, works), seed).tables)
        for trap, blind in BLIND.items():
            if (blind.truth != "nothing") == works:
                found[trap] = list(blind.analysis(cases))
    return found


def replicate_truth(seed: int) -> list[float]:
    """Give the true chance of new arrears of who accepts, had they accepted and had they not.

    Every episode counts by its true chance of accepting. That is the mean over who did accept, without the
    noise of who that was: those alone, in eight municipalities, were off by most of a standard error.
    """
    truth = site_of(law_of(None, True), seed, truth=True).truth
    assert truth is not None
    means = truth.potential["accepted_help"]["any_new_arrears_3m"]
    known = np.flatnonzero(~np.isnan(means).any(axis=1))
    share = truth.propensity["accepted_help"][known, 0]
    found: list[float] = (share @ means[known] / share.sum()).tolist()
    return found


def truths(rows: list[list[float]]) -> tuple[dict[str, float], dict[str, float]]:
    """Give the truth each kind of analysis is after, and the Monte Carlo error of each."""
    accepted, declined = np.array(rows).T
    one, other = float(accepted.mean()), float(declined.mean())
    gap, gap_error = mean_and_error((accepted - declined).tolist())
    _, log_error = mean_and_error((accepted / one - declined / other).tolist())
    true = {"nothing": 0.0, "difference": gap, "log_ratio": float(np.log(one / other))}
    return true, {"nothing": 0.0, "difference": gap_error, "log_ratio": log_error}


def run(context: Context) -> Verdict:
    """Count coverage of every analysis with its trap on and with all traps off."""
    seeds = range(REPLICATIONS)
    true, error = truths(context.replicate(replicate_truth, TRUTH_SEEDS, part="truth"))
    clean = context.replicate(replicate_clean, seeds, part="clean")
    rows: list[dict[str, Any]] = []
    for trap, blind in BLIND.items():
        target = true[blind.truth]
        about = {
            "trap": trap,
            "size": size_of(law_of(trap, blind.truth != "nothing"), trap),
            "analysis": blind.about,
            "truth": target,
            "Monte Carlo error of the truth": error[blind.truth],
        }
        caught = context.replicate(partial(replicate, trap), seeds[: blind.replications], part=trap)
        found = _coverage(caught, target, CAUGHT)
        # To overlap with the band is not enough to have been caught: all of the interval is inside.
        found["passed"] = found["rate_high"] < CAUGHT[1]
        rows.append(about | {"switch": "on"} | found)
        sound = _coverage([row[trap] for row in clean], target, SOUND)
        # An interval that overlaps with the band would let 85 % pass for sound.
        sound["passed"] = SOUND[0] <= sound["rate"] <= SOUND[1]
        rows.append(about | {"switch": "all off"} | sound)
    return {
        "passed": all(row["passed"] for row in rows),
        "figures": {"analyses": rows, "judged elsewhere": OTHERS},
        "seed": 0,
        "replications": len(clean),
    }


def _coverage(rows: list[list[float]], truth: float, band: tuple[float, float]) -> dict[str, Any]:
    estimate, error = np.array(rows).T
    inside = int((np.abs(estimate - truth) <= NORMAL * error).sum())
    return {
        **rate_figures(inside, len(rows), band),
        "mean bias": float(estimate.mean() - truth),
        "mean standard error": float(error.mean()),
        "standard deviation": float(estimate.std(ddof=1)) if len(rows) > 1 else None,
    }
