"""Every field that leaves: what it means, its unit, its grid, and the rule that lets it pass.

The code, `causalsig release review` and the docs page read this one table; a test holds that no field of a
document is missing from it and that it names none that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from causalsig.release.crossed_fields import THRESHOLDS


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
_CELL = "release-cell-floor"
_FLOOR = Field("floor that was applied", "-", "integer, never looser than the house's", _PUBLIC)


def _several(prefix: str, names: str) -> dict[str, Field]:
    return {f"{prefix}{name}": _SHARED[name] for name in names.split()}


def _arm(prefix: str) -> dict[str, Field]:
    """Tell what leaves of one arm."""
    return {
        f"{prefix}arm": _SHARED["arm"],
        f"{prefix}households": Field(
            "households in the arm", "households", "band, 30 or more", "release-arm-floor"
        ),
        f"{prefix}effective_size": Field(
            "Kish's effective sample size, in steps", "households", "power of √2", "release-effective-size"
        ),
        f"{prefix}mean": Field(
            "mean of the arm, in steps",
            "risk; signals, days or euro a household-episode",
            _STEP,
            "release-class-floor",
        ),
        f"{prefix}mean_exponent": Field(
            "the step is two to this power", "-", "follows from the standard error", "release-grid"
        ),
        f"{prefix}std_error": Field(
            "standard error of the mean, digits", "as the mean", _TWO, "release-no-variance"
        ),
        f"{prefix}std_error_exponent": Field("times ten to this power", "-", "integer", "release-grid"),
    }


def _gains(prefix: str) -> dict[str, Field]:
    """Tell what a rule gains over something else."""
    return {
        f"{prefix}over": Field("what the rule is compared with", "code", "-", _CODE),
        f"{prefix}estimate": Field(
            "gain, valued where it was not learned, in steps", "euro an episode", _STEP, "release-parameters"
        ),
        f"{prefix}estimate_exponent": Field("step is two to this power", "-", "integer", "release-grid"),
        f"{prefix}std_error": Field(
            "standard error of it, digits", "euro an episode", _TWO, "release-no-variance"
        ),
        f"{prefix}std_error_exponent": Field("times ten to this power", "-", "integer", "release-grid"),
    }


def _contact(prefix: str, whose: str) -> dict[str, Field]:
    """Shares of contact of one part of the households."""
    return {
        f"{prefix}households": Field(f"households of {whose}", "households", "band, 30 or more", _CELL),
        f"{prefix}exponent": Field(
            "the step is two to this power", "-", "follows from the band", "release-grid"
        ),
        f"{prefix}shares[].arm": _SHARED["arm"],
        f"{prefix}shares[].share": Field(
            f"share of {whose} that was first contacted so, in steps",
            "share of household-episodes",
            "a quarter of the standard error of one half at the band's lower end",
            _CELL,
        ),
    }


def _private() -> dict[str, Field]:
    """Tell what leaves of a private release: everything of an arm follows from noisy sums."""
    block, noisy = "questions[].private[].", "release-private-noise"
    arms = {path: replace(one, rule=noisy) for path, one in _arm(f"{block}arms[].").items()}
    return {
        "privacy[].epsilon_per_mille": Field("epsilon this release spends", "thousandths", "0.001", _PUBLIC),
        "privacy[].mechanism": Field("how noise is made", "code", "-", _CODE),
        "privacy[].neighbours": Field("between which data it hides the difference", "code", "-", _CODE),
        "privacy[].given": Field("what the promise takes as fixed", "code", "-", _CODE),
        "privacy[].max_episodes": Field(
            "episodes of a household that count whole", "number", "exact", _PUBLIC
        ),
        **_several(block, "outcome estimand estimator kind months reference"),
        f"{block}bound_per_mille": Field(
            "most that one household may add to the means together", "thousandths", "0.001", _PUBLIC
        ),
        **arms,
        f"{block}arms[].arm": _SHARED["arm"],
        f"{block}arms[].effective_size": Field(
            "households in the arm after noise", "households", "power of √2", noisy
        ),
        f"{block}arms[].noise": Field(
            "standard deviation of the noise in the mean", "as the mean", "power of √2", noisy
        ),
    }


ESTIMATES: Mapping[str, Field] = MappingProxyType(
    {
        "kind": Field("kind of document", "code", "estimates", _PUBLIC),
        "schema_version": Field("version of this schema", "-", "0.1 to 0.3", _PUBLIC),
        "study_digest": Field("SHA-256 of the study", "hash", "-", _PUBLIC),
        "package_version": Field("version of causalsig", "-", "digits and dots", _PUBLIC),
        "lock_digest": Field(
            "SHA-256 of what ran: the package's own files, names and versions of all libraries",
            "hash",
            "-",
            _PUBLIC,
        ),
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
        **_arm("questions[].analyses[].arms[]."),
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
        **_private(),
        **_several("questions[].censored[].", "outcome estimand estimator kind months reference primary"),
        **_arm("questions[].censored[].arms[]."),
        "questions[].censored[].correlations[]": Field(
            "correlation of two arm means", "twentieths", "0.05, positive definite", "release-parameters"
        ),
        "questions[].censored[].classes[].arm": Field(
            "arm of which no mean leaves: one class is too small", "code", _STUDY, _CODE
        ),
        "questions[].censored[].classes[].small": Field(
            "which class is below the floor of a cell: households with the outcome, or without it",
            "code",
            "with or without",
            "release-class-floor",
        ),
        "questions[].censored[].classes[].size": Field(
            "households in the arm, in steps", "households", "power of √2", "release-arm-floor"
        ),
        "questions[].censored[].classes[].effective_size": Field(
            "Kish's effective sample size, in steps", "households", "power of √2", "release-effective-size"
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
        **_several("questions[].groups[].", "outcome estimand estimator arm reference"),
        "questions[].groups[].families[].family": Field("what the groups differ in", "code", _STUDY, _CODE),
        "questions[].groups[].families[].effects[].group": Field("group", "code", _STUDY, _CODE),
        "questions[].groups[].families[].effects[].households": Field(
            "households of the smaller arm in the group",
            "households",
            "band, 30 or more",
            "release-arm-floor",
        ),
        "questions[].groups[].families[].effects[].estimate": Field(
            "difference of both arms in the group, in steps", "as the mean", _STEP, "release-class-floor"
        ),
        "questions[].groups[].families[].effects[].estimate_exponent": Field(
            "step is two to this power", "-", "integer", "release-grid"
        ),
        "questions[].groups[].families[].effects[].std_error": Field(
            "standard error of it, digits", "as the mean", _TWO, "release-no-variance"
        ),
        "questions[].groups[].families[].effects[].std_error_exponent": Field(
            "times ten to this power", "-", "integer", "release-grid"
        ),
        "questions[].groups[].families[].correlations[]": Field(
            "correlation of two groups' effects", "twentieths", "0.05", "release-parameters"
        ),
        "questions[].rule[].outcome": _SHARED["outcome"],
        "questions[].rule[].found": Field(
            "whether a rule beats the best single arm beyond noise", "yes or no", "-", _PUBLIC
        ),
        "questions[].rule[].leaves[].conditions[].question": Field(
            "fact known at time zero", "code", "-", _CODE
        ),
        "questions[].rule[].leaves[].conditions[].value": Field(
            "at least this amount, or so many months", "euro or months", "fixed cut points", _CODE
        ),
        "questions[].rule[].leaves[].conditions[].month": Field(
            "month", "month", "year and month", "release-cell-floor"
        ),
        "questions[].rule[].leaves[].conditions[].holds": Field(
            "whether it is so", "yes or no", "-", _PUBLIC
        ),
        "questions[].rule[].leaves[].arm": Field("arm the rule uses there", "code", _STUDY, _CODE),
        "questions[].rule[].leaves[].households": Field(
            "households there", "households", "band, 30 or more", "release-cell-floor"
        ),
        **_gains("questions[].rule[].gains[]."),
        "questions[].given[].name": Field("rule that another study learned", "code", _STUDY, _CODE),
        "questions[].given[].outcome": _SHARED["outcome"],
        **_gains("questions[].given[].gains[]."),
        **_contact("questions[].contacts[].everybody.", "all of the question"),
        "questions[].contacts[].families[].family": Field("what the groups differ in", "code", _STUDY, _CODE),
        "questions[].contacts[].families[].groups[].group": Field("group", "code", _STUDY, _CODE),
        **_contact("questions[].contacts[].families[].groups[].contact.", "the group"),
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
        **{path: Field(*row) for path, row in THRESHOLDS.items()},
    }
)
"""Kind ``estimates``, by path; ``[]`` stands for every element of a list."""
