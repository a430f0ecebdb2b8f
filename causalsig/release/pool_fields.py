"""Every field of a pool's document; the same table as :mod:`causalsig.release.fields`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from causalsig.release.fields import _CODE, _PUBLIC, _STEP, _STUDY, _TWO, Field, _several

_SITES = Field("sites behind the number", "sites", "exact", "release-pool-not-publishable")
_SHOWN = "release-pool-not-publishable"


def _two_digits(name: str, meaning: str, unit: str, grid: str = _TWO) -> dict[str, Field]:
    prefix = f"contrasts[].numbers.{name}"
    return {
        f"{prefix}.digits": Field(f"{meaning}, digits", unit, grid, _SHOWN),
        f"{prefix}.exponent": Field("times ten to this power", "-", "integer", _SHOWN),
    }


def _steps(prefix: str, names: Mapping[str, str], grid: str) -> dict[str, Field]:
    unit = "risk; signals, days or euro a household-episode; in steps"
    return {f"{prefix}{name}": Field(meaning, unit, grid, _SHOWN) for name, meaning in names.items()}


def _handlings(prefix: str, names: str) -> dict[str, Field]:
    return {
        **_several(prefix, names),
        f"{prefix}below": Field("handling below the cutoff", "code", "-", _CODE),
        f"{prefix}above": Field("handling from the cutoff on", "code", "-", _CODE),
        f"{prefix}score": Field("what the cutoff is of", "code", "-", _CODE),
        f"{prefix}sites": _SITES,
    }


def _threshold(prefix: str) -> dict[str, Field]:
    """Give what was compared at a cutoff, and over how many sites."""
    return {
        **_handlings(prefix, "question outcome estimand kind months"),
        f"{prefix}publishable": Field("may be shown to municipalities", "yes or no", "-", _PUBLIC),
        f"{prefix}reasons[]": Field("why it may not", "code", "-", _CODE),
    }


def _moved(prefix: str) -> dict[str, Field]:
    """Give which candidate it is, and over how many sites."""
    return {
        **_handlings(prefix, "question outcome kind months"),
        f"{prefix}part": Field("candidate, as a part of the own cutoff", "thousandths", _STUDY, _PUBLIC),
    }


def _on_grid(prefix: str, meaning: str) -> dict[str, Field]:
    ends = {"conf_low": "lower end of its interval", "conf_high": "upper end of it"}
    return {
        f"{prefix}exponent": Field("step is two to this power", "-", "integer", _SHOWN),
        **_steps(prefix, {"estimate": meaning}, _STEP),
        **_steps(prefix, ends, f"{_STEP}, outward"),
        f"{prefix}std_error": Field("standard error, digits", "as the estimate", _TWO, _SHOWN),
        f"{prefix}std_error_exponent": Field("times ten to this power", "-", "integer", _SHOWN),
    }


def _pair(name: str, meaning: str, unit: str) -> dict[str, Field]:
    return {
        f"{name}.digits": Field(f"{meaning}, digits", unit, _TWO, _SHOWN),
        f"{name}.exponent": Field("times ten to this power", "-", "integer", _SHOWN),
    }


POOL: Mapping[str, Field] = MappingProxyType(
    {
        "kind": Field("kind of document", "code", "pool", _PUBLIC),
        "schema_version": Field("version of this schema", "-", "0.1 to 0.3", _PUBLIC),
        "study_digest": Field("SHA-256 of the study", "hash", "-", _PUBLIC),
        "package_version": Field("version of causalsig", "-", "digits and dots", _PUBLIC),
        "pool": Field("of all sites, or of all but one", "code", "all, others", _CODE),
        "recipient": Field("site the pool of the others is for", "hash", "HMAC-SHA256", "keyed hash"),
        "tau2": Field("estimator of the between-site variance", "code", "-", _CODE),
        "interval": Field("interval of the mean", "code", "-", _CODE),
        "level_per_mille": Field("confidence level", "per mille", "integer", _PUBLIC),
        "sites": Field("sites that gave a number", "sites", "exact", _PUBLIC),
        "demo": Field("whether any release was a demo", "yes or no", "-", _PUBLIC),
        **_several("contrasts[].", "question outcome estimand estimator kind months arm reference primary"),
        "contrasts[].sites": _SITES,
        "contrasts[].publishable": Field("may be shown to municipalities", "yes or no", "-", _PUBLIC),
        "contrasts[].reasons[]": Field("why it may not", "code", "-", _CODE),
        "contrasts[].numbers.exponent": Field("the step is two to this power", "-", "follows", _SHOWN),
        **_steps("contrasts[].numbers.", {"estimate": "arm minus reference"}, _STEP),
        **_steps(
            "contrasts[].numbers.",
            {
                "conf_low": "lower end of the interval",
                "conf_high": "upper end of the interval",
                "prediction_low": "lower end for a new municipality",
                "prediction_high": "upper end for a new municipality",
            },
            f"{_STEP}, outward",
        ),
        "contrasts[].numbers.std_error": Field("standard error, digits", "as the estimate", _TWO, _SHOWN),
        "contrasts[].numbers.std_error_exponent": Field("times ten to this power", "-", "integer", _SHOWN),
        "contrasts[].numbers.df_tenths": Field("degrees of freedom", "tenths", "rounded down", _SHOWN),
        "contrasts[].numbers.p_value": Field("two-sided p-value", "per mille", "rounded up", _SHOWN),
        **_two_digits("tau2", "between-site variance", "squared unit of the estimate"),
        **_two_digits("tau2_low", "its lower end", "squared unit", "two significant digits, down"),
        **_two_digits("tau2_high", "its upper end", "squared unit"),
        "contrasts[].numbers.tau2_interval": Field("closed, open above or empty", "code", "-", _CODE),
        "contrasts[].numbers.i2_percent": Field("share of variance between sites", "per cent", "1", _SHOWN),
        **_two_digits("q", "Cochran's Q", "-"),
        "contrasts[].numbers.q_p_value": Field("p-value of Q", "per mille", "rounded up", _SHOWN),
        **_several("means[].", "question outcome estimand estimator kind months arm"),
        "means[].sites": _SITES,
        "means[].exponent": Field("the step is two to this power", "-", "follows from the width", _SHOWN),
        **_steps("means[].", {"estimate": "pooled mean of the arm"}, _STEP),
        **_steps("means[].", {"conf_low": "lower end", "conf_high": "upper end"}, f"{_STEP}, outward"),
        "left_out[].site_code": Field(
            "a site that gave nothing; never in a pool of the others", "hash", "HMAC-SHA256", "keyed hash"
        ),
        "left_out[].reason": Field("why", "code", "-", _CODE),
        **_several("robustness[].", "question outcome estimand estimator arm reference"),
        "robustness[].sites": _SITES,
        "robustness[].publishable": Field("may be shown to municipalities", "yes or no", "-", _PUBLIC),
        "robustness[].value": Field(
            "share a hidden cause must explain to take the contrast away",
            "half per cents",
            "rounded down",
            _SHOWN,
        ),
        "robustness[].value_of_interval": Field(
            "the same for its interval", "half per cents", "rounded down", _SHOWN
        ),
        **_several("groups[].", "question outcome estimand estimator arm reference"),
        "groups[].family": Field("what the groups differ in", "code", _STUDY, _CODE),
        "groups[].group": Field("group", "code", _STUDY, _CODE),
        "groups[].sites": _SITES,
        "groups[].publishable": Field("may be shown to municipalities", "yes or no", "-", _PUBLIC),
        "groups[].exponent": Field("step is two to this power", "-", "integer", _SHOWN),
        **_steps(
            "groups[].",
            {
                "estimate": "pooled difference in the group",
                "conf_low": "lower end, of an interval that holds with its family's",
                "conf_high": "upper end of it",
            },
            _STEP,
        ),
        "groups[].std_error": Field("standard error, digits", "as the estimate", _TWO, _SHOWN),
        "groups[].std_error_exponent": Field("times ten to this power", "-", "integer", _SHOWN),
        "groups[].difference.exponent": Field("step is two to this power", "-", "integer", _SHOWN),
        **_steps(
            "groups[].difference.",
            {
                "estimate": "pooled difference less that in the family's first group",
                "conf_low": "lower end, of an interval that holds with its family's",
                "conf_high": "upper end of it",
            },
            _STEP,
        ),
        "groups[].difference.std_error": Field("standard error, digits", "as the estimate", _TWO, _SHOWN),
        "groups[].difference.std_error_exponent": Field("times ten to this power", "-", "integer", _SHOWN),
        "groups[].p_of_family": Field(
            "p-value that the family's groups have one effect", "per mille", "rounded up", _SHOWN
        ),
        **_several("contacts[].", "question arm"),
        **_several("rules[].", "question outcome"),
        "rules[].name": Field("rule that another study learned", "code", _STUDY, _CODE),
        "rules[].travels": Field("whether it beats every single arm elsewhere", "yes or no", "-", _PUBLIC),
        "rules[].gains[].over": Field("what the rule is compared with", "code", "-", _CODE),
        "rules[].gains[].sites": _SITES,
        "rules[].gains[].publishable": Field("may be shown to municipalities", "yes or no", "-", _PUBLIC),
        "rules[].gains[].exponent": Field("step is two to this power", "-", "integer", _SHOWN),
        "rules[].gains[].estimate": Field("pooled gain, in steps", "euro an episode", _STEP, _SHOWN),
        "rules[].gains[].conf_low": Field(
            "lower end, of an interval that holds with all given rules'", "euro an episode", _STEP, _SHOWN
        ),
        "rules[].gains[].conf_high": Field("upper end of it", "euro an episode", _STEP, _SHOWN),
        "rules[].gains[].std_error": Field("standard error, digits", "euro an episode", _TWO, _SHOWN),
        "rules[].gains[].std_error_exponent": Field("times ten to this power", "-", "integer", _SHOWN),
        "contacts[].family": Field("what the groups differ in; none: everybody", "code", _STUDY, _CODE),
        "contacts[].group": Field("group; none: everybody", "code", _STUDY, _CODE),
        "contacts[].sites": _SITES,
        "contacts[].publishable": Field("may be shown to municipalities", "yes or no", "-", _PUBLIC),
        "contacts[].share": Field(
            "mean share that was first contacted so", "share of household-episodes", "1/256", _SHOWN
        ),
        "contacts[].everybody": Field(
            "the same of everybody in these sites", "share of household-episodes", "1/256", _SHOWN
        ),
        **_threshold("thresholds[]."),
        "thresholds[].honest": Field("whether the sites bound their bias", "yes or no", "-", _PUBLIC),
        **_on_grid("thresholds[].numbers.", "pooled effect of crossing"),
        **_steps(
            "thresholds[].numbers.",
            {
                "mixture_low": "lower end by the confidence-distribution mixture",
                "mixture_high": "upper end by it",
                "prediction_low": "lower end for a new municipality",
                "prediction_high": "upper end for a new municipality",
            },
            f"{_STEP}, outward",
        ),
        "thresholds[].numbers.p_value": Field("two-sided p-value", "per mille", "rounded up", _SHOWN),
        **_pair("thresholds[].numbers.largest_bias", "mean of the sites' bounds of bias", "as the estimate"),
        **_pair("thresholds[].numbers.tau2", "between-site variance", "squared unit of the estimate"),
        **_threshold("curves[]."),
        "curves[].refusal": Field("why there is no line", "code", "-", _CODE),
        "curves[].points[].cutoff": Field(
            "round cutoff, with cutoffs of three sites at or beyond it on either side",
            "euro",
            "fixed list",
            _SHOWN,
        ),
        **_on_grid("curves[].points[].", "effect of crossing on the line between sites"),
        **_on_grid("curves[].doubling.", "change of the effect when the cutoff doubles"),
        "curves[].doubling.p_value": Field("two-sided p-value", "per mille", "rounded up", _SHOWN),
        **_moved("moves[]."),
        "moves[].routes[].route": Field("route by which sites have an answer", "code", "-", _CODE),
        "moves[].routes[].sites": Field(
            "how many; never in a pool of the others", "sites", "exact", "release-pool-not-publishable"
        ),
        "moves[].unanswered": Field(
            "sites without any; never in a pool of the others", "sites", "exact", _SHOWN
        ),
        "moves[].publishable": Field("may be shown to municipalities", "yes or no", "-", _PUBLIC),
        "moves[].reasons[]": Field("why it may not", "code", "-", _CODE),
        "moves[].refusal": Field("why there is no number", "code", "-", _CODE),
        **_on_grid("moves[].numbers.", "effect of the handling above, an episode between both cutoffs"),
        **_steps(
            "moves[].numbers.",
            {
                "prediction_low": "lower end for a new municipality",
                "prediction_high": "upper end for a new municipality",
            },
            f"{_STEP}, outward",
        ),
        **_pair("moves[].numbers.largest_bias", "mean of the sites' bounds of bias", "as the estimate"),
        **_pair("moves[].numbers.tau2", "between-site variance", "squared unit of the estimate"),
        **_moved("moved_by_others[]."),
        **_pair("moved_by_others[].cutoff", "the recipient's own cutoff", "unit of the score"),
        "moved_by_others[].period": Field("which of its cutoffs over time", "-", "from 1", _PUBLIC),
        "moved_by_others[].route": Field("route by which others answer", "code", "-", _CODE),
        **_on_grid("moved_by_others[].", "the recipient's own effect, by at least six others"),
        **_pair("moved_by_others[].largest_bias", "largest bias by the declared bound", "as the estimate"),
        **_several("balance[].", "question estimand estimator arm reference"),
        "balance[].sites": _SITES,
        "balance[].publishable": Field("may be shown to municipalities", "yes or no", "-", _PUBLIC),
        "balance[].covariates": Field("covariates that were compared", "number", "exact", _SHOWN),
        "balance[].balanced": Field("those within the study's limit", "number", "exact", _SHOWN),
        "balance[].covariate": Field("covariate with the largest difference", "code", "-", _CODE),
        "balance[].largest": Field(
            "that difference, without its sign", "standard deviations", "0.01, rounded up", _SHOWN
        ),
        **_several("controls[].", "question outcome estimand estimator arm reference"),
        "controls[].sites": _SITES,
        "controls[].passed": Field("whether a negative control is nothing", "yes or no", "-", _SHOWN),
        "controls[].p_value": Field(
            "Holm's p-value of a negative control; never in a pool of the others",
            "per mille",
            "rounded down",
            _SHOWN,
        ),
        **_several("calibrated[].", "question outcome estimand estimator arm reference"),
        "calibrated[].controls": Field("negative controls it rests on", "number", "at least 10", _PUBLIC),
        "calibrated[].publishable": Field("may be shown to municipalities", "yes or no", "-", _PUBLIC),
        "calibrated[].exponent": Field(
            "the step is two to this power", "-", "follows from the width", _SHOWN
        ),
        **_steps(
            "calibrated[].",
            {
                "mean": "mean of the systematic error that controls show",
                "estimate": "arm minus reference, less that; never in a pool of the others",
            },
            _STEP,
        ),
        **_steps("calibrated[].", {"spread": "spread of the systematic error"}, f"{_STEP}, up"),
        **_steps("calibrated[].", {"conf_low": "lower end", "conf_high": "upper end"}, f"{_STEP}, outward"),
    }
)
"""Kind ``pool``, by path."""
