"""The rules on thresholds, registered beside the modules that hold them."""

from __future__ import annotations

from causalsig.release.crossed import thresholds_part
from causalsig.release.crossed_grids import broken_floor
from causalsig.release.moved import moves_of, within_budget
from causalsig.release.registry import Kind, rule

_CELL, _ARM = ("min_households_cell",), ("min_households_arm",)
_WEIGHT = ("max_largest_weight", "max_two_largest_weight")
_CELLS = "10 households: ESSnet/DwB, ABS, acro"
_NUMBERS = "released numbers at most 10 % of the households: vantage6 GLM"

_BOTH: tuple[Kind, Kind] = ("threshold", "moved")
for _kind in _BOTH:
    rule(_kind, "release-arm-floor", "30 households an arm: own floor, above the published 10", _ARM)(
        broken_floor
    )
    rule(_kind, "release-class-floor", "10 households with and without the outcome: ESSnet/DwB, ABS", _CELL)(
        broken_floor
    )
    rule(
        _kind,
        "release-dominance",
        "largest 50 %, two largest 67 % of the absolute weighted sum: ABS",
        _WEIGHT,
    )(broken_floor)
    rule(_kind, "release-no-variance", "a mean without variance tells every household's outcome")(
        broken_floor
    )

for _kind, _part in (("threshold", thresholds_part), ("moved", moves_of)):
    rule(_kind, "release-cell-floor", _CELLS, _CELL)(_part)
    rule(_kind, "release-grid", "no more digits than the standard error carries: float side channel")(_part)
    rule(_kind, "release-nested-difference", "own: complementary suppression", _CELL)(_part)

for _kind, _budget in (("threshold", thresholds_part), ("moved", within_budget)):
    rule(_kind, "release-parameters", _NUMBERS, ("max_parameter_share",))(_budget)
