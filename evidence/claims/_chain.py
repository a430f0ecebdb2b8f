"""Which code the claims that run the whole chain speak of; a test looks whether anything else is called."""

from __future__ import annotations


def files_of(rooms: dict[str, str]) -> tuple[str, ...]:
    """Paths of modules, named room by room."""
    return tuple(f"causalsig/{room}/{name}.py" for room, names in rooms.items() for name in names.split())


SITE = (
    "causalsig/records.py",
    "causalsig/refusals.py",
    "causalsig/results.py",
    *files_of(
        {
            "cohort": "arms build content covariates eligibility events facts history outcomes person_periods"
            " plan window",
            "diagnostics": "balance clone_gate gates later_gates overlap",
            "estimation": "augmented clone_censoring clone_checks clone_strategies clone_target clone_weights"
            " design folds inference inputs multinomial nuisances ordering outcome_models person_periods"
            " prepare propensity regressions request reuse stacked tilting weighted_clones weighting",
            "execution": "analyse horizons later routes truth",
            "release": "nested registry rules",
            "simulation": "acceptance accepted arrears attempts calendar choice clones draws episode_facts"
            " ledger months policies population rules scenario scenario_files seasons second_signals site"
            " sites switches tables threshold truth",
            "sources": "arrears checks_view episodes rows schema",
            "study": "dag graph graph_findings graph_identify models questions",
        }
    ),
    "causalsig/study/studies/vroegsignalering.toml",
    "evidence/claims/_chain.py",
)
"""An invented municipality, its cohorts and its analysis."""
POOL = files_of(
    {
        "execution": "comparison",
        "meta": "fits gls heterogeneity inputs intervals maximum mixture only_maximum options prediction"
        " results roots scan sums tau2_intervals univariate weights",
        "pooling": "censored interval_censored lineup pool",
        "release": "arm_entries beside beside_entries build censored censored_entries documents floors grid"
        " sift value_types vocabulary",
    }
)
"""From a municipality's analysis to the pooled contrast."""
WORKBOOK = files_of(
    {
        "execution": "invented_files site",
        "simulation": "xxllnc",
        "sources": "amounts assemble cells dates findings formats joined lookup municipality tabs values"
        " window workbook workbook_tabs xxllnc_2026 xxllnc_layout xxllnc_tokens",
    }
)
"""To a workbook and back."""
ONLY_CARRIES = frozenset(
    {
        "causalsig/errors.py",
        "causalsig/diagnostics/atlas.py",  # where an arm is not used: said beside the answer
        "causalsig/diagnostics/questions.py",
        "causalsig/estimation/asked.py",  # sensitivity and groups start from it
        "causalsig/execution/invented_rules.py",  # a site's own thresholds and Q3: a question of its own
        "causalsig/release/crossed.py",
        "causalsig/study/crossing.py",
        "causalsig/study/handling.py",
        "causalsig/study/moving.py",
        "causalsig/cohort/groups.py",  # groups, contact by group and rules: said beside, where a study asks
        "causalsig/execution/contacts.py",
        "causalsig/execution/grouped.py",
        "causalsig/execution/rule_scores.py",
        "causalsig/execution/rules.py",
        "causalsig/release/contacts.py",
        "causalsig/release/given.py",
        "causalsig/diagnostics/words.py",
        "causalsig/estimation/trimming.py",  # whom a cut would leave out: said of overlap, nobody is
        "causalsig/execution/design_figures.py",
        "causalsig/estimation/sensitivity.py",  # how strong a hidden cause must be: said beside it too
        "causalsig/estimation/sensitivity_coding.py",
        "causalsig/estimation/sensitivity_fit.py",
        "causalsig/execution/strength.py",
        "causalsig/pooling/robustness.py",
        "causalsig/execution/hidden.py",  # says how far an answer may be off, never changes it
        "causalsig/execution/record.py",  # what a run writes down about itself
        "causalsig/sources/database_address.py",  # whether a source is a database
        "causalsig/release/certified.py",  # whether a site was certified: said beside the answer
        "causalsig/study/digest.py",
        "causalsig/study/inventory.py",
        "causalsig/study/read.py",
        "causalsig/simulation/traps/__init__.py",  # names of the switches
        "causalsig/texts/__init__.py",
        "causalsig/threads.py",
        *(f"causalsig/{room}/__init__.py" for room in ("cohort", "estimation", "pooling")),  # lazy exports
        *(f"causalsig/{room}/__init__.py" for room in ("report", "simulation", "sources")),
    }
)
"""Called, and without a say in any number."""
