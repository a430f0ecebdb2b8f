"""What a text in a document may say: a closed list under each key, written down by hand.

Names of outcomes, of groups and of rules are those of the study, which a document does not carry: they are
held to their form. Everything else is a word of a list; no other text has a place in what leaves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from evidence.claims._payload_grids import BANDS

_HASH, _MONTH = re.compile("[0-9a-f]{64}"), re.compile("20[0-9]{2}-(0[1-9]|1[0-2])")
_STUDY_NAME = re.compile("[a-z][a-z0-9_-]{1,47}")
_FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    **dict.fromkeys(("study_digest", "lock_digest", "snapshot", "site_code", "recipient"), _HASH),
    **dict.fromkeys(("extracted", "month", "first", "last", "contact_last"), _MONTH),
    "package_version": re.compile(r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{1,2}"),
    **dict.fromkeys(("name", "outcome"), _STUDY_NAME),
}
"""Keys whose texts have a form in place of a list."""

_CREDITORS = (
    "rent water energy health_insurance cak_health cak_contribution tax benefits_agency student_loans"
)
_CREDITORS += " mortgage other"
_ARMS = "letter message phone home_visit none accepted not_accepted"
_CODE_LISTS = f"""{_CREDITORS} yes no missing unknown morning afternoon evening email letter text_message
    phone home_visit card_left office_appointment other_trajectory administrative already_paid deceased
    declined follow_up_help follow_up_help_financial follow_up_help_other known_in_debt_help
    lost_after_contact
    not_reached not_resident not_taken_up_other not_taken_up_repeat not_taken_up_unjustified quick_fix
    referred_without_resident"""
_COVARIATES = """age-18-26 age-27-45 age-46-65 age-66-plus age-missing amount-missing calendar_month
    creditor-energy creditor-health_insurance creditor-rent creditor-water crisis earlier_accepted
    earlier_attempts-from-1 earlier_attempts-from-3 earlier_reached earlier_visit_or_call log_amount
    log_months_in_arrears minor_children-missing minor_children-no minor_children-yes
    months_in_arrears-missing n_creditors-from-2 n_creditors-from-3 n_new_arrears-from-1
    n_new_arrears-from-2 rent_or_crisis
    signal_m1 signal_m1_to_m3 signal_m1_to_m3-missing signal_m2 signal_m3"""
_FIGURES = """mix signals_by_creditor reached reached_by_method reached_by_creditor accepted
    accepted_by_method accepted_by_creditor signals_per_1000 signals_per_episode"""
_STATES = """reached_of_cases accepted_of_reached declined_of_reached paid_of_reached quick_fix_of_accepted
    reached_of_accepted wants_help_of_accepted"""
_TABLES = "signals episodes cases attempts followups creditors"
_COLUMNS = """age amount_cents arrears_start attempt_id attempted_on case_id closed_on creditor_id
    creditor_type crisis daypart district episode_id followed_up_on forwarded_on household_key
    instalment_cents is_final
    matched_on method minor_children n_creditors new_arrears opened_on period_end period_start reached
    received_on repeat_m1 repeat_m2 repeat_m3 repeat_m4 repeat_m5 repeat_m6 result signal_id unjustified
    wants_help withdrawn"""
_LISTS: Final[Mapping[str, str]] = {
    "kind": "estimates profile monitor pool any count days amount",
    "schema_version": "0.1 0.2 0.3",
    "question": f"accepted_help contact_method threshold amount months {_COVARIATES}",
    "status": "estimated withheld refused",
    "tier": "design pooling solo",
    "estimand": "ATE ATO E1 E2",
    "estimator": "doubly_robust clone_censor_weight",
    "verdict": "sound failed refused undecided",
    "family": "age_band amount_band creditor first_or_repeated n_creditors",
    "pool": "all others",
    "what": "block sensitivity region balance groups rule given contacts",
    "small": "with without",
    "state": "mixed nearly_all nearly_none not_carried",
    "kernel": "triangular epanechnikov uniform",
    "scale": "usual below above linear log",
    "amounts": "nl en detected",
    "link": "signals_to_households signals_to_cases signals_to_creditors cases_to_signals attempts_to_cases"
    " followups_to_cases",
    "route": "changed_band changed_jumps constant_bias safe_cutoffs continuation",
    "score": "amount months signals creditors age",
    "tau2": "DL EB EE HE HS ML PM REML SJ",
    "tau2_interval": "closed open empty",
    "interval": "knapp-hartung knapp-hartung-floored mixture t wald",
    "mechanism": "discrete-laplace",
    "neighbours": "one-household-more-or-less",
    "given": "fixed-nuisances",
    "covariate": _COVARIATES,
    "creditor_type": _CREDITORS,
    "figure": f"{_FIGURES} {_STATES}",
    "column": _COLUMNS,
    **dict.fromkeys(("arm", "reference"), _ARMS),
    **dict.fromkeys(("above", "below"), f"{_ARMS} taken_up"),
    "over": f"{_ARMS} best_single now",
}
_CODES: Final = frozenset(
    ("code", "reason", "reasons", "refusal", "refusals", "rule", "held", "method", "suppressions")
)
_BANDED: Final = frozenset(("households", "before", "after", "size"))


@cache
def _words(key: str) -> frozenset[str]:
    listed = {"", *_LISTS.get(key, "").split()}
    if key in _CODES:
        from causalsig.texts import catalogue

        codes = {one.split(".")[1] for one in catalogue("en") if one.startswith("codes.")}
        rules = {one.split(".")[2] for one in catalogue("en") if one.startswith("release.rules.")}
        listed |= codes | rules | {"other", *_CODE_LISTS.split()}
    if key in _BANDED:
        listed |= set(BANDS)
    if key == "table":
        names = f"{_TABLES} findings scale missing links acceptance {_FIGURES}".split()
        listed |= {*names, *(f"{name}_by_month" for name in _FIGURES.split())}
        listed |= {f"months_{table}" for table in _TABLES.split()}
        listed |= {f"codes_{t}_{c}" for t in _TABLES.split() for c in _COLUMNS.split()}
    return frozenset(listed)


def may_say(key: str, text: str) -> bool:
    """Say whether a text may stand under a key."""
    if key == "group":  # a monitor's are of a list, a study's have names of their own
        return text == "" or _STUDY_NAME.fullmatch(text) is not None
    form = _FORMS.get(key)
    return form.fullmatch(text) is not None if form is not None else text in _words(key)
