"""Fields of thresholds: meaning, unit, grid and rule by path; :mod:`causalsig.release.fields` adds them."""

from __future__ import annotations

_AT = "thresholds[].crossings[]."
_EFFECT = f"{_AT}effects[]."
_STEP = "smallest power of two >= a quarter of the rounded standard error"
_UP, _NEAREST = "two significant digits, rounded up", "two significant digits"
_STUDY, _CODE, _PUBLIC = "named in the study", "code list", "public"
_FOLLOWS = "the step is two to this power"
_GRID, _ARM, _CELL, _NUMBERS = (
    "release-grid",
    "release-arm-floor",
    "release-cell-floor",
    "release-parameters",
)
Row = tuple[str, str, str, str]


def _number(prefix: str, meaning: str, unit: str, rule: str) -> dict[str, Row]:
    """Rows of an estimate on the grid of its standard error."""
    return {
        f"{prefix}estimate": (f"{meaning}, in steps", unit, _STEP, rule),
        f"{prefix}estimate_exponent": (_FOLLOWS, "-", "follows from the standard error", _GRID),
        f"{prefix}std_error": ("standard error of it, digits", unit, _UP, "release-no-variance"),
        f"{prefix}std_error_exponent": ("times ten to this power", "-", "integer", _GRID),
    }


def _two_digits(prefix: str, meaning: str, unit: str, grid: str, rule: str) -> dict[str, Row]:
    return {
        f"{prefix}digits": (f"{meaning}, digits", unit, grid, rule),
        f"{prefix}exponent": ("times ten to this power", "-", "integer", _GRID),
    }


THRESHOLDS: dict[str, Row] = {
    "thresholds[].status": ("estimated, withheld or refused", "code", "-", _CODE),
    "thresholds[].refusals[]": ("why thresholds, or some of them, are not there", "code", "-", _CODE),
    "thresholds[].follows[].period": ("which of the site's rules over time", "number", "exact", _PUBLIC),
    "thresholds[].follows[].month": ("month of matching", "month", "year and month", _PUBLIC),
    "thresholds[].follows[].households": ("households matched in it", "households", "band", _CELL),
    "thresholds[].follows[].followed": (
        "share handled as the rule says; none under the floor of an arm",
        "tenths",
        "0.1",
        _ARM,
    ),
    f"{_AT}period": ("which of the site's rules over time", "number", "exact", _PUBLIC),
    f"{_AT}score": ("what the threshold is on", "code", "-", _CODE),
    f"{_AT}total": ("whether an amount is the total", "yes or no", "-", _PUBLIC),
    f"{_AT}scale": ("logarithms, or the score's own unit", "code", "-", _CODE),
    **_two_digits(f"{_AT}cutoff.", "the threshold", "euro, months, signals or years", _NEAREST, _PUBLIC),
    f"{_AT}below": ("what the rule assigns below it", "code", "-", _CODE),
    f"{_AT}above": ("what the rule assigns from it on", "code", "-", _CODE),
    f"{_AT}households[]": ("households for whom it alone decides, each side", "households", "band", _CELL),
    f"{_AT}followed[]": ("share handled as the rule says, each side", "tenths", "0.1", _ARM),
    f"{_AT}one_pair": ("whether crossing moves these two handlings only", "yes or no", "-", _PUBLIC),
    f"{_AT}low": ("whether few episodes make it weak", "yes or no", "-", _PUBLIC),
    f"{_AT}donut": ("whether scores at the threshold are left out", "yes or no", "-", _PUBLIC),
    f"{_AT}kernel": ("weights by distance from the threshold", "code", "-", _CODE),
    f"{_AT}degree": ("of the local polynomial: 1 a line, 2 a parabola", "number", "exact", _PUBLIC),
    f"{_AT}gates[].code": ("gate", "code", "-", _CODE),
    f"{_AT}gates[].passed": ("whether it passed", "yes or no", "-", _PUBLIC),
    f"{_AT}gates[].value": ("the gate's figure", "of the gate", "0.01", _ARM),
    f"{_AT}gates[].size": ("the gate's figure where it is a size", "of the gate", "band", _CELL),
    f"{_AT}gates[].threshold": ("the study's threshold", "of the gate", "0.001", _PUBLIC),
    f"{_EFFECT}outcome": ("outcome", "code", _STUDY, _CODE),
    f"{_EFFECT}kind": ("risk (any) or number of signals (count)", "code", _STUDY, _CODE),
    f"{_EFFECT}months": ("horizon", "months", "3 or 6", _PUBLIC),
    f"{_EFFECT}primary": ("primary outcome of the question", "yes or no", "-", _PUBLIC),
    **_number(
        f"{_EFFECT}jump.", "jump of the outcome at the threshold", "as the mean", "release-class-floor"
    ),
    **_two_digits(
        f"{_EFFECT}bias_bound[].", "worst bias a declared curvature allows", "as the mean", _UP, _NUMBERS
    ),
    **_number(f"{_EFFECT}first_stage[].", "jump of the share so handled", "share", _ARM),
    f"{_EFFECT}correlation": ("correlation of the two jumps", "twentieths", "0.05", _NUMBERS),
    f"{_EFFECT}weak": ("whether the ratio of the jumps is not to be read", "yes or no", "-", _PUBLIC),
    **_two_digits(
        f"{_EFFECT}bandwidths[].",
        "bandwidth of estimate and bias, each side",
        "distance",
        _NEAREST,
        _NUMBERS,
    ),
    f"{_EFFECT}households[]": (
        "households within the bandwidth, each side",
        "households",
        "band, 30 or more",
        _ARM,
    ),
    f"{_AT}bins[].episodes": (
        "episodes of the bin, which has 10 households or more, all on one side",
        "episodes",
        "5",
        _CELL,
    ),
    f"{_AT}bins[].distance": (
        "mean distance from the threshold, in steps",
        "distance",
        "1/512 on the log scale, else 1/16",
        _CELL,
    ),
    f"{_AT}bins[].mean": (
        "mean of the primary outcome, in steps",
        "risk; signals, days or euro a household-episode",
        "smallest power of two >= a quarter of the error that variance and episodes give",
        _CELL,
    ),
    **{
        f"{_AT}bins[].variance{name}": row
        for name, row in {
            "": ("variance of it in the bin, never zero, digits", "squared", _NEAREST, "release-no-variance"),
            "_exponent": ("times ten to this power", "-", "integer", _GRID),
        }.items()
    },
    f"{_AT}bins[].taken_up": (
        "share handled as above the threshold, in steps",
        "share of household-episodes",
        "smallest power of two >= a quarter of the error of a half",
        _CELL,
    ),
    f"{_AT}bins[].correlation": ("correlation of share and outcome in it", "twentieths", "0.05", _NUMBERS),
    f"{_AT}bands[].low_percent": ("from this part of the threshold on", "per cent", _STUDY, _PUBLIC),
    f"{_AT}bands[].high_percent": ("up to this part of it", "per cent", _STUDY, _PUBLIC),
    f"{_AT}bands[].households": ("households in between", "households", "band", _CELL),
    f"{_AT}moves[].percent": ("another threshold, as a part of the own", "per cent", _STUDY, _PUBLIC),
    f"{_AT}moves[].months": ("months that the counts beside it are over", "months", "exact", _PUBLIC),
    f"{_AT}moves[].route": ("how the effect on its band was found", "code", "-", _CODE),
    **_number(
        f"{_AT}moves[].effect[].",
        "effect on the households between both thresholds, each",
        "as the mean",
        "release-class-floor",
    ),
    **_two_digits(
        f"{_AT}moves[].bias_bound[].",
        "worst bias that the declared bound allows",
        "as the mean",
        _UP,
        _NUMBERS,
    ),
    f"{_AT}moves[].passed[].route": ("a stronger route without an answer", "code", "-", _CODE),
    f"{_AT}moves[].passed[].code": ("why it has none", "code", "-", _CODE),
    f"{_AT}moves[].held": ("rule that held the effect back", "code", "-", _CODE),
    f"{_AT}refusals[]": ("why something of it is not there", "code", "-", _CODE),
    f"{_AT}held[]": ("rule that held something of it back", "code", "-", _CODE),
}  # fmt: skip
"""By path."""
