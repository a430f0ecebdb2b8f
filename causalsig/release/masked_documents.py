"""The three documents of a masked pool: a site's key, the coordinator's round, a site's contribution.

Nothing else of a masked pool leaves a site. A round says everything beforehand: who is in the sum, of which
contrasts, on which grid, in which unit and how finely.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from causalsig.release.masks import MOST_SITES
from causalsig.release.value_types import ArmCode, Closed, Hash, QuestionCode
from causalsig.study.base import Slug

MOST_ROWS = 40
MOST_POINTS = 257
MOST_WORDS = 60_000
VARIANCE_BITS = 32
"""Variances of a household are integers, in steps of 2^-32."""
_MOST_VARIANCE = 2**53 - 1
_POINTS: Final = (3, 5, 9, 17, 33, MOST_POINTS)
_LEAST_SITES: Final = {
    8: (30, 60, 80, 100, 100, 160),
    12: (40, 80, 160, 160, 200, 200),
    20: (80, 120, 200, 300, 400, 400),
    32: (120, 180, 300, 480, MOST_SITES + 1, MOST_SITES + 1),
}
"""Sites that a round needs, by the bits it keeps and the points of its grid (columns: `_POINTS`)."""
LEAST_SITES: Final = min(min(row) for row in _LEAST_SITES.values())
Words64 = Annotated[str, Field(pattern=r"^([0-9a-f]{16})+$", max_length=16 * MOST_WORDS)]


class MaskedKey(Closed):
    """Kind ``masked_key``: the X25519 key of a site, for one study and wave."""

    kind: Literal["masked_key"]
    schema_version: Literal["0.1"]
    study_digest: Hash
    wave: int = Field(ge=1, le=999)
    site_code: Hash
    public_key: Hash


class MaskedRow(Closed):
    """A contrast that is pooled: an arm against the question's reference."""

    question: QuestionCode
    outcome: Slug
    estimand: Literal["ATO", "ATE"]
    estimator: Literal["doubly_robust", "clone_censor_weight"]
    arm: ArmCode
    reference: ArmCode


class RosterEntry(Closed):
    """A site that is in the sum."""

    public_key: Hash
    site_code: Hash


class MaskedRound(Closed):
    """Kind ``masked_round``: who is in the sum, and of what; nothing in it is chosen after contributions.

    The grid is ``tau = j · 2^(unit_exponent - step_exponent)`` for j from 0 to ``points - 1``; estimates
    enter in units of ``2^unit_exponent``; what a site adds is rounded to multiples of ``2^-precision``.
    At the stage ``grid`` only it says what the stage ``units`` gave: of each row the ``sites_with`` it, and
    two ``variances`` of one household, of arm and reference.
    """

    kind: Literal["masked_round"]
    schema_version: Literal["0.1"]
    study_digest: Hash
    wave: int = Field(ge=1, le=999)
    stage: Literal["units", "grid"]
    unit_exponent: int = Field(ge=-20, le=10)
    step_exponent: int = Field(ge=0, le=8)
    points: int = Field(ge=3, le=MOST_POINTS)
    precision: int = Field(ge=8, le=32)
    rows: tuple[MaskedRow, ...] = Field(min_length=1, max_length=MOST_ROWS)
    variances: tuple[Annotated[int, Field(ge=1, le=_MOST_VARIANCE)], ...] = Field(max_length=2 * MOST_ROWS)
    sites_with: tuple[Annotated[int, Field(ge=1, le=MOST_SITES)], ...] = Field(max_length=MOST_ROWS)
    roster: tuple[RosterEntry, ...] = Field(min_length=1, max_length=MOST_SITES)

    @model_validator(mode="after")
    def _of_its_stage(self) -> MaskedRound:
        rows = len(self.rows) if self.stage == "grid" else 0
        if (len(self.variances), len(self.sites_with)) != (2 * rows, rows):
            raise ValueError("two variances and a number of sites a row at the stage grid, none before it")
        return self


class MaskedContribution(Closed):
    """Kind ``masked_contribution``: words that tell nothing without those of the whole roster.

    ``payload_hash`` binds them to the release that operator and output checker approved.
    """

    kind: Literal["masked_contribution"]
    schema_version: Literal["0.1"]
    round: Hash
    public_key: Hash
    payload_hash: Hash
    words: Words64


MODELS: Final[Mapping[str, type[Closed]]] = MappingProxyType(
    {"masked_key": MaskedKey, "masked_round": MaskedRound, "masked_contribution": MaskedContribution}
)
"""The three, by kind."""


def least_sites(points: int, precision: int) -> int:
    """Give how many sites a round must have: with fewer its sums tell too much of one of them.

    Measured by the claim ``masked-sums-told``: so many sites that, even to who knows every standard error,
    the sums tell at most half of the bits of the estimates, and at most one estimate in a hundred to within a
    quarter of its standard error; and to who does not, at most one standard error in a hundred.

    Parameters
    ----------
    points : int
        Of the grid.
    precision : int
        Binary digits behind the point that are kept, 8 to 32.

    Returns
    -------
    int
        More than `MOST_SITES` where no round is allowed.
    """
    row = _LEAST_SITES[min(bits for bits in _LEAST_SITES if bits >= precision)]
    return row[next(place for place, most in enumerate(_POINTS) if most >= points)]
