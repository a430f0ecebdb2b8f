"""Every field that leaves: what it means, its unit, its grid, and the rule that lets it pass.

The code, `causalsig release review` and the docs page read this one table; a test holds that no field of a
document is missing from it and that it names none that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Field:
    """One exported field.

    Attributes
    ----------
    meaning, unit, grid : str
        In English, for the person who checks.
    rule : str
        Reason code of the rule that bounds it by a number of households, or "code list", "keyed hash",
        "public".
    """

    meaning: str
    unit: str
    grid: str
    rule: str


_CODE, _STUDY, _PUBLIC = "code list", "named in the study", "public"
_SHARED = {
    "outcome": Field("outcome", "code", _STUDY, _CODE),
    "estimand": Field("population the means speak of", "code", _STUDY, _CODE),
    "estimator": Field("what the means were estimated with", "code", _STUDY, _CODE),
    "kind": Field("risk (any) or number of signals (count)", "code", _STUDY, _CODE),
    "months": Field("horizon", "months", "3 or 6", _PUBLIC),
    "reference": Field("reference arm", "code", _STUDY, _CODE),
    "arm": Field("arm", "code", _STUDY, _CODE),
    "primary": Field("primary analysis of its question", "yes or no", "-", _PUBLIC),
    "question": Field("question", "code", _STUDY, _CODE),
}
_STEP = "smallest power of two >= a quarter of the rounded standard error"
_TWO = "two significant digits, rounded up"
_FLOOR = Field("floor that was applied", "-", "integer, never looser than the house's", _PUBLIC)


def _several(prefix: str, names: str) -> dict[str, Field]:
    return {f"{prefix}{name}": _SHARED[name] for name in names.split()}


ESTIMATES: Mapping[str, Field] = MappingProxyType(
    {
        "kind": Field("kind of document", "code", "estimates", _PUBLIC),
        "schema_version": Field("version of this schema", "-", "0.1 or 0.2", _PUBLIC),
        "study_digest": Field("SHA-256 of the study", "hash", "-", _PUBLIC),
        "package_version": Field("version of causalsig", "-", "digits and dots", _PUBLIC),
        "lock_digest": Field("SHA-256 of the lock of all libraries", "hash", "-", _PUBLIC),
        "snapshot": Field("the extract that was read", "hash", "HMAC-SHA256", "keyed hash"),
        "site_code": Field("the site", "hash", "HMAC-SHA256", "keyed hash"),
        "wave": Field("which extract of this study", "number", "integer", _PUBLIC),
        "extracted": Field("when the data were extracted", "month", "year and month", _PUBLIC),
        "floors.min_households_cell": _FLOOR,
        "floors.min_households_arm": _FLOOR,
        "floors.min_expected_class": _FLOOR,
        "floors.expected_risk_per_mille": _FLOOR,
        "floors.max_largest_weight_per_mille": _FLOOR,
        "floors.max_two_largest_weight_per_mille": _FLOOR,
        "floors.max_parameter_share_per_mille": _FLOOR,
        "floors.min_residual_df": _FLOOR,
        "floors.min_effective_size": _FLOOR,
        "questions[].question": _SHARED["question"],
        "questions[].status": Field("estimated, withheld or refused", "code", "-", _CODE),
        "questions[].attrition[].rule": Field("eligibility rule", "code", "-", _CODE),
        "questions[].attrition[].before": Field(
            "households before", "households", "band", "release-cell-floor"
        ),
        "questions[].attrition[].after": Field(
            "households after", "households", "band", "release-cell-floor"
        ),
        "questions[].verdicts[].tier": Field("what the gate decides on", "code", "-", _CODE),
        "questions[].verdicts[].code": Field("gate", "code", "-", _CODE),
        "questions[].verdicts[].passed": Field("whether it passed", "yes or no", "-", _PUBLIC),
        **_several("questions[].verdicts[].", "arm estimand"),
        "questions[].verdicts[].value": Field(
            "the gate's figure; none where a question is refused", "of the gate", "0.01", "release-arm-floor"
        ),
        "questions[].verdicts[].size": Field(
            "the gate's figure where it is a size", "households", "band", "release-cell-floor"
        ),
        "questions[].verdicts[].threshold": Field("the study's threshold", "of the gate", "0.001", _PUBLIC),
        "questions[].refusals[].code": Field("why something is not there", "code", "-", _CODE),
        **_several("questions[].refusals[].", "outcome estimand arm"),
        **_several("questions[].analyses[].", "outcome estimand estimator kind months reference primary"),
        "questions[].analyses[].arms[].arm": _SHARED["arm"],
        "questions[].analyses[].arms[].households": Field(
            "households in the arm", "households", "band, 30 or more", "release-arm-floor"
        ),
        "questions[].analyses[].arms[].effective_size": Field(
            "Kish's effective sample size, in steps", "households", "power of √2", "release-effective-size"
        ),
        "questions[].analyses[].arms[].mean": Field(
            "mean of the arm, in steps",
            "risk; signals, days or euro a household-episode",
            _STEP,
            "release-class-floor",
        ),
        "questions[].analyses[].arms[].mean_exponent": Field(
            "the step is two to this power", "-", "follows from the standard error", "release-grid"
        ),
        "questions[].analyses[].arms[].std_error": Field(
            "standard error of the mean, digits", "as the mean", _TWO, "release-no-variance"
        ),
        "questions[].analyses[].arms[].std_error_exponent": Field(
            "times ten to this power", "-", "integer", "release-grid"
        ),
        "questions[].analyses[].correlations[]": Field(
            "correlation of two arm means", "twentieths", "0.05, positive definite", "release-parameters"
        ),
        "questions[].analyses[].sensitivity[].arm": _SHARED["arm"],
        "questions[].analyses[].sensitivity[].scale": Field(
            "bias of a hidden cause of strength 1, in steps", "as the mean", _STEP, "release-parameters"
        ),
        "questions[].analyses[].sensitivity[].scale_exponent": Field(
            "the step is two to this power", "-", "follows from the standard error", "release-grid"
        ),
        "questions[].analyses[].sensitivity[].std_error": Field(
            "standard error of that scale, digits", "as the mean", _TWO, "release-no-variance"
        ),
        "questions[].analyses[].sensitivity[].std_error_exponent": Field(
            "times ten to this power", "-", "integer", "release-grid"
        ),
        "questions[].analyses[].sensitivity[].correlation": Field(
            "correlation of scale and contrast", "twentieths", "0.05", "release-parameters"
        ),
        "questions[].regions[].arm": Field(
            "arm that is (almost) never used there; also where the design gate withholds effects",
            "code",
            _STUDY,
            _CODE,
        ),
        "questions[].regions[].conditions[].question": Field("fact known at time zero", "code", "-", _CODE),
        "questions[].regions[].conditions[].value": Field(
            "at least this amount, or so many months", "euro or months", "fixed cut points", _CODE
        ),
        "questions[].regions[].conditions[].month": Field(
            "month", "month", "year and month", "release-cell-floor"
        ),
        "questions[].regions[].conditions[].holds": Field("whether it is so", "yes or no", "-", _PUBLIC),
        "questions[].regions[].households": Field(
            "households there; as many at least are not",
            "households",
            "band, 30 or more",
            "release-cell-floor",
        ),
        **_several("questions[].balance[].", "estimator estimand arm reference"),
        "questions[].balance[].differences[].covariate": Field("covariate", "code", "-", _CODE),
        "questions[].balance[].differences[].difference": Field(
            "weighted standardised difference, in steps",
            "standard deviations",
            "smallest power of two >= a quarter of its noise",
            "release-cell-floor",
        ),
        "questions[].balance[].differences[].noise": Field(
            "its noise is two to minus half of this",
            "standard deviations",
            "power of √2, rounded up",
            "release-cell-floor",
        ),
        "questions[].suppressions[].what": Field(
            "what of a block or a question was held back", "code", "-", _CODE
        ),
        "questions[].suppressions[].rule": Field("rule that held a block back", "code", "-", _CODE),
        **_several("questions[].suppressions[].", "outcome estimand estimator"),
        "certificate[].verdict": Field("what `causalsig certify` found", "code", "-", _CODE),
        "certificate[].code": Field("why", "code", "-", _CODE),
        "certificate[].replications": Field("copies of the site that were drawn", "number", "exact", _PUBLIC),
        "certificate[].questions[].question": _SHARED["question"],
        "certificate[].questions[].code": Field("what was found for this question", "code", "-", _CODE),
        "certificate[].questions[].coverage": Field(
            "right intervals on simulated copies of the site, the smaller of without and with an effect; "
            "only where copies are enough to be judged, beside a released primary block",
            "twentieths",
            "0.05",
            "release-not-estimated",
        ),
        "certificate[].questions[].power": Field(
            "intervals on them that find a modest effect; as coverage",
            "tenths",
            "0.1",
            "release-not-estimated",
        ),
    }
)
"""Kind ``estimates``, by path; ``[]`` stands for every element of a list."""

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


POOL: Mapping[str, Field] = MappingProxyType(
    {
        "kind": Field("kind of document", "code", "pool", _PUBLIC),
        "schema_version": Field("version of this schema", "-", "0.1 or 0.2", _PUBLIC),
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
