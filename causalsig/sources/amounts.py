"""Amounts with a locale that is declared or proven, never guessed.

``1.234`` is one thousand to a Dutch reader and a little over one to an English program; stripping the wrong
sign inflates amounts ten to a hundred times, silently. So a notation is only accepted when it is declared
and the cells agree, or when some cells can be read in one way only and none in the other.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from causalsig.errors import SourceError
from causalsig.sources.values import UNREADABLE, Unreadable, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from causalsig.sources.workbook import Cell

AmountLocale = Literal["nl", "en"]

MOST_CONTRADICTIONS: Final = 0.01
"""Share of decisive cells that may speak against a locale: typing errors, not a notation."""
SMALLEST_SAMPLE: Final = 20
"""Fewer amounts say nothing about their scale."""
LARGEST_MEDIAN_CENTS: Final = 1_000_000
"""Half of all arrears above ten thousand euro: rents are the largest, with a median near 850 euro."""
LARGEST_CENTS: Final = 100_000_000
"""No household owes a creditor more than a million euro: such an amount is a number of something else."""
LARGEST_SCALE_RATIO: Final = 8.0
"""Just under the tenfold that a lost decimal sign makes."""

_DECIMALS = {
    "nl": re.compile(r"-?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d{1,2})?", re.ASCII),
    "en": re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d{1,2})?", re.ASCII),
}
_GROUPED_OR_THREE_DECIMALS = re.compile(r"-?\d{1,3}[.,]\d{3}", re.ASCII)
_LONGEST = 15


def _bare(cell: Cell) -> str:
    """Amount text without currency and blanks."""
    if isinstance(cell, str) and cell.isascii() and cell[:1].isdigit() and " " not in cell:
        return cell  # the usual cell has nothing to take away; letters in it fail every pattern
    written = text(cell).casefold().replace("€", "").replace("eur", "")
    return "".join(written.split())


def _evidence(cell: Cell) -> AmountLocale | Literal["open"] | None:
    """Which notation a text cell proves; "open" when its meaning depends on it; None when it says nothing."""
    if not isinstance(cell, str):
        return None
    bare = _bare(cell)
    if _GROUPED_OR_THREE_DECIMALS.fullmatch(bare):
        return "open"
    dutch, english = (bool(_DECIMALS[locale].fullmatch(bare)) for locale in ("nl", "en"))
    if dutch == english:
        return None
    return "nl" if dutch else "en"


def settle_locale(
    cells: Sequence[Cell], declared: AmountLocale | None, where: str
) -> tuple[AmountLocale, bool]:
    """Notation of the amounts, and whether it had to be detected.

    Parameters
    ----------
    cells : sequence
        All amount cells of the file; numbers are amounts in euro whatever the notation.
    declared : {"nl", "en"} or None
        What the provider says it is.
    where : str
        Tab, for the message.

    Raises
    ------
    SourceError
        ``source-amount-locale-unknown`` for another locale; ``source-amount-locale-contradicted`` when cells
        can only be read in the other notation; ``source-amount-locale-undecided`` when none is declared and
        the cells do not settle it.
    """
    if declared not in (None, "nl", "en"):
        raise SourceError(
            "source-amount-locale-unknown",
            expected="amount notation nl, en or none",
            found="another word",
            mend="nl reads 1.234,56 and en reads 1,234.56.",
        )
    evidence = [_evidence(cell) for cell in cells]
    count = {key: evidence.count(key) for key in ("nl", "en", "open")}
    if declared is not None:
        # Money with three decimals does not exist: "1.234" speaks against English, "1,234" against Dutch.
        against = count["en" if declared == "nl" else "nl"] + _open_against(cells, evidence, declared)
        if against > MOST_CONTRADICTIONS * (count["nl"] + count["en"] + count["open"]):
            raise _contradicted(declared, against, where)
        return declared, False
    if not count["nl"] and not count["en"]:
        if count["open"]:
            raise _undecided(count["open"], 0, where)
        return "nl", False
    best: AmountLocale = "nl" if count["nl"] >= count["en"] else "en"
    against = min(count["nl"], count["en"]) + _open_against(cells, evidence, best)
    if against > MOST_CONTRADICTIONS * (count["nl"] + count["en"] + count["open"]):
        raise _undecided(count["open"], against, where)
    return best, True


def _open_against(cells: Sequence[Cell], evidence: Sequence[str | None], locale: AmountLocale) -> int:
    sign = "." if locale == "en" else ","
    return sum(kind == "open" and sign in str(cell) for cell, kind in zip(cells, evidence, strict=True))


def _contradicted(declared: AmountLocale, against: int, where: str) -> SourceError:
    other = "en" if declared == "nl" else "nl"
    return SourceError(
        "source-amount-locale-contradicted",
        expected=f"amounts in the declared notation '{declared}'",
        found=f"{against} amounts that only fit '{other}'",
        mend=f"Declare '{other}' if the whole export is written so; if both occur, export again.",
        where=where,
    )


def _undecided(unclear: int, against: int, where: str) -> SourceError:
    return SourceError(
        "source-amount-locale-undecided",
        expected="amounts whose notation the cells settle, or a declared one",
        found=f"{unclear} amounts that can be read in two ways and {against} that speak against the rest",
        mend="Declare the notation: nl for 1.234,56 or en for 1,234.56.",
        where=where,
    )


def cents_parser(locale: AmountLocale) -> Callable[[Cell], float | Unreadable]:
    """Parser of one cell into whole cents: NaN when blank, ``UNREADABLE`` when no amount in this notation."""

    def parse(cell: Cell) -> float | Unreadable:
        if isinstance(cell, int | float):
            return float(round(cell * 100)) if abs(cell) < 1e12 else UNREADABLE  # never for NaN
        bare = _bare(cell)
        if not bare:
            return math.nan
        if len(bare) > _LONGEST or not _DECIMALS[locale].fullmatch(bare):
            return UNREADABLE
        plain = bare.replace(".", "").replace(",", ".") if locale == "nl" else bare.replace(",", "")
        return float(round(float(plain) * 100))

    return parse


def check_scale(cells: Sequence[Cell], cents: NDArray[np.float64], where: str) -> None:
    """Confirm the scale of the arrears: plausible, and the same in cells stored as numbers and as text.

    Raises
    ------
    SourceError
        ``source-amount-scale``: a separator was lost on the way, or the amounts are cents.
    """
    known = np.isfinite(cents) & (cents > 0)
    is_text = np.array([isinstance(cell, str) for cell in cells], dtype=bool)
    if known.sum() >= SMALLEST_SAMPLE and np.median(cents[known]) > LARGEST_MEDIAN_CENTS:
        raise _scale("a median arrear above ten thousand euro", where)
    numbers, texts = cents[known & ~is_text], cents[known & is_text]
    if min(len(numbers), len(texts)) >= SMALLEST_SAMPLE:
        ratio = float(np.median(numbers) / np.median(texts))
        if not 1 / LARGEST_SCALE_RATIO < ratio < LARGEST_SCALE_RATIO:
            raise _scale("amounts stored as numbers on another scale than those stored as text", where)


def _scale(found: str, where: str) -> SourceError:
    return SourceError(
        "source-amount-scale",
        expected="amounts in euro on one plausible scale",
        found=found,
        mend="Look whether a decimal sign was lost in a conversion, or amounts are in cents; export again.",
        where=where,
    )
