"""What was asked of the routes to a moved threshold, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from causalsig.errors import EstimationError
from causalsig.estimation.option_numbers import read_number

Band = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Change:
    """A threshold that moved: from `before` to `after`, at the start of `month`."""

    month: float
    before: float
    after: float

    @staticmethod
    def read(month: Any, before: Any, after: Any) -> Change:
        """Check three numbers; a threshold that stayed moved nobody.

        Raises
        ------
        EstimationError
            ``estimation-option``, ``estimation-band-not-changed``.
        """
        change = Change(
            read_number(month, "changed"), read_number(before, "before"), read_number(after, "after")
        )
        if change.before == change.after:
            raise EstimationError(
                "estimation-band-not-changed",
                expected="two different thresholds",
                found="the same one before and after",
                mend="Where the threshold stayed, another route has to answer.",
                where="after",
            )
        return change

    @property
    def band(self) -> Band:
        """Scores whose handling changed."""
        return min(self.before, self.after), max(self.before, self.after)

    def check_band(self, band: Band) -> None:
        """Refuse scores whose handling did not change.

        Raises
        ------
        EstimationError
            ``estimation-band-not-changed``.
        """
        low, high = self.band
        if not low <= band[0] < band[1] <= high:
            raise EstimationError(
                "estimation-band-not-changed",
                expected="a band within the scores that the threshold moved over",
                found="one that reaches beyond them",
                mend="Nobody there was ever handled otherwise: another route has to answer.",
                where="band",
            )

    def check_comparison(self, comparison: Band) -> None:
        """Refuse a comparison band whose handling changed, or that lies on both sides.

        Raises
        ------
        EstimationError
            ``estimation-comparison-changed``.
        """
        low, high = self.band
        if not (comparison[1] <= low or comparison[0] >= high):
            raise EstimationError(
                "estimation-comparison-changed",
                expected="a comparison band wholly below, or wholly above, both thresholds",
                found="one that holds scores between them",
                mend="Compare with scores that both thresholds handle alike.",
                where="comparison",
            )


def read_range(value: Any, where: str) -> Band:
    """Read (low, high) with low below high.

    Raises
    ------
    EstimationError
        ``estimation-option``.
    """
    try:
        low, high = (read_number(one, where) for one in value)
    except (TypeError, ValueError):
        low = high = float("nan")
    if not low < high:
        _refuse("two numbers, the lower one first", "something else", where)
    return low, high


def read_level(value: Any) -> float:
    """Read a level between 0 and 1.

    Raises
    ------
    EstimationError
        ``estimation-option``.
    """
    level = read_number(value, "level")
    if not 0.0 < level < 1.0:
        _refuse("a level between 0 and 1, such as 0.95", "another number", "level")
    return level


def _refuse(expected: str, found: str, where: str) -> None:
    raise EstimationError(
        "estimation-option",
        expected=expected,
        found=found,
        mend="See the page on thresholds.",
        where=where,
    )
