"""What the documents of kind ``profile`` and ``monitor`` share: their header, and how a cell is written."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from causalsig.counts import ShareCount
from causalsig.release import grid
from causalsig.release.build import ReleaseIdentity, schema_error
from causalsig.release.documents import Closed, Hash, Month, RuleCode, Version
from causalsig.release.floors import per_mille
from causalsig.release.rate_grid import share_exponent, share_steps
from causalsig.study.models import Disclosure

Model = TypeVar("Model", bound=Closed)
ShownBand = Literal["10-29", "30-99", "100-299", "300-999", "1000-2999", "3000+"]
"""Bands of a cell that leaves: the floor of 10 households is in the type."""
ShareSteps = Annotated[int, Field(ge=0, le=1024)]
CellExponent = Annotated[int, Field(ge=-30, le=0)]
TableName = Literal["signals", "episodes", "cases", "attempts", "followups", "creditors"]


class CellFloors(Closed):
    """The floors that were applied, as integers; looser ones than the house's cannot be written down."""

    min_households_cell: int = Field(ge=10, le=10_000)
    max_largest_weight_per_mille: int = Field(ge=1, le=500)
    max_two_largest_weight_per_mille: int = Field(ge=1, le=670)
    max_parameter_share_per_mille: int = Field(ge=1, le=100)


class Header(Closed):
    """What every document of a site says of itself; it belongs to no study."""

    schema_version: Literal["0.1"]
    package_version: Version
    lock_digest: Hash
    snapshot: Hash
    site_code: Hash
    wave: int = Field(ge=1, le=999)
    extracted: Month
    floors: CellFloors
    households: ShownBand


class Share(Closed):
    """A share on the grid of its band: ``value · 2^value_exponent``."""

    households: ShownBand
    value: ShareSteps
    value_exponent: CellExponent

    @model_validator(mode="after")
    def _declared_grid(self) -> Share:
        check_share(self.households, self.value, self.value_exponent)
        return self


def check_share(band: str, value: int, exponent: int) -> None:
    """Refuse a share that is not on the grid of its band (ValueError, for pydantic)."""
    if exponent != share_exponent(band):
        raise ValueError("a share is not on the grid of its band")
    if value > 2**-exponent:
        raise ValueError("a share is more than all")


class HeldBack(Closed):
    """That something of a table was held back, and by which rule; empty cells count as held back too."""

    rule: RuleCode
    table: str = Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")


def check_tables(held: Iterable[HeldBack], known: Container[str]) -> None:
    """Refuse the name of a table that a kind of document does not have (ValueError, for pydantic)."""
    if not all(one.table in known for one in held):
        raise ValueError("held back is named of no table of this kind")


def header(identity: ReleaseIdentity, extracted: str, households: int, floors: Disclosure) -> dict[str, Any]:
    """Give the fields of :class:`Header`, floors rounded to the stricter side."""
    return {
        "schema_version": "0.1",
        "package_version": identity.package_version,
        "lock_digest": identity.lock_digest,
        "snapshot": identity.snapshot,
        "site_code": identity.site_code,
        "wave": identity.wave,
        "extracted": extracted,
        "households": grid.band(households),
        "floors": CellFloors(
            min_households_cell=floors.min_households_cell,
            max_largest_weight_per_mille=per_mille(floors.max_largest_weight),
            max_two_largest_weight_per_mille=per_mille(floors.max_two_largest_weight),
            max_parameter_share_per_mille=per_mille(floors.max_parameter_share),
        ),
    }


def budget(households: int, floors: Disclosure) -> int:
    """Return how many numbers may leave: a share of the households they speak of."""
    return int(floors.max_parameter_share * households + 1e-9)


def share_fields(cell: ShareCount) -> dict[str, Any]:
    """Give the fields of :class:`Share` of a cell that may leave."""
    band = grid.band(cell.households)
    return {
        "households": band,
        "value": share_steps(cell.value, band),
        "value_exponent": share_exponent(band),
    }


def make(model: type[Model], **values: Any) -> Model:
    """Build a model from plain values: pydantic, not mypy, checks them against the code lists.

    Raises
    ------
    ReleaseError
        ``release-schema`` when a value has no place in the document.
    """
    try:
        return model(**values)
    except ValidationError as error:
        raise schema_error(error) from None
