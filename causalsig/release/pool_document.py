"""The closed document of a pool, kind ``pool``: what all sites, or all but one, say together.

The same grids as a site's: estimate, interval and prediction on the smallest power of two that is at least a
quarter of the rounded standard error, since a finer pool minus a finer pool of the others is the
municipality between them. Ends of intervals are rounded outward and p-values up, so that rounding never
makes a claim stronger; the between-site variance and Q keep two significant digits (rounded up, the lower
end down); I² whole per cents.

In a pool **of the others** (which goes to a municipality) whatever is not publishable carries no number,
and the sites that were left out are not listed.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from causalsig.records import PooledContrast, PooledMean, PoolResult
from causalsig.release.build import schema_error
from causalsig.release.documents import (
    SCHEMA_VERSION,
    Closed,
    Hash,
    SchemaVersion,
    Version,
)
from causalsig.release.pool_beside import (
    MIN_SITES,
    PooledBalanceEntry,
    RobustnessEntry,
    balance_entries,
    decode_balance,
    decode_robustness,
    hides_a_site,
    robustness_entries,
)
from causalsig.release.pool_contacts import PooledContactEntry, contact_entries, decode_contacts
from causalsig.release.pool_contrasts import contrast_entry, decode_contrast, decode_mean, mean_entry
from causalsig.release.pool_controls import (
    CalibratedEntry,
    ControlEntry,
    calibrated_entries,
    control_entries,
    decode_calibrated,
    decode_controls,
)
from causalsig.release.pool_entries import (
    LeftOutEntry,
    PooledContrastEntry,
    PooledMeanEntry,
)
from causalsig.release.pool_groups import PooledGroupEntry, decode_groups, group_entries
from causalsig.release.pool_moved import (
    MoveByOthersEntry,
    PooledMoveEntry,
    by_others_entries,
    decode_by_others,
    decode_moves,
    move_entries,
)
from causalsig.release.pool_rules import PooledRuleEntry, decode_rules, rule_entries
from causalsig.release.pool_thresholds import (
    PooledCurveEntry,
    PooledThresholdEntry,
    curve_entries,
    decode_curves,
    decode_thresholds,
    threshold_entries,
)
from causalsig.release.vocabulary import to_code

Tau2Name = Literal["EE", "DL", "HE", "HS", "SJ", "ML", "REML", "EB", "PM"]
IntervalName = Literal["wald", "t", "knapp-hartung", "knapp-hartung-floored", "mixture"]
_SINCE = {
    "0.2": ("robustness", "balance", "controls", "calibrated"),
    "0.3": ("groups", "contacts", "rules", "thresholds", "curves", "moves", "moved_by_others"),
}
"""Fields by the version that brought them."""


class PoolDocument(Closed):
    """Kind ``pool``."""

    kind: Literal["pool"]
    schema_version: SchemaVersion
    study_digest: Hash
    package_version: Version
    pool: Literal["all", "others"]
    recipient: Hash | None
    tau2: Tau2Name
    interval: IntervalName
    level_per_mille: Annotated[int, Field(ge=501, le=999)]
    sites: Annotated[int, Field(ge=0, le=1000)]
    demo: bool
    contrasts: tuple[PooledContrastEntry, ...] = Field(max_length=1000)
    means: tuple[PooledMeanEntry, ...] = Field(max_length=1000)
    left_out: tuple[LeftOutEntry, ...] = Field(max_length=1000)
    robustness: tuple[RobustnessEntry, ...] = Field(default=(), max_length=1000)
    balance: tuple[PooledBalanceEntry, ...] = Field(default=(), max_length=100)
    groups: tuple[PooledGroupEntry, ...] = Field(default=(), max_length=200)
    rules: tuple[PooledRuleEntry, ...] = Field(default=(), max_length=5)
    contacts: tuple[PooledContactEntry, ...] = Field(default=(), max_length=200)
    thresholds: tuple[PooledThresholdEntry, ...] = Field(default=(), max_length=200)
    curves: tuple[PooledCurveEntry, ...] = Field(default=(), max_length=100)
    moves: tuple[PooledMoveEntry, ...] = Field(default=(), max_length=200)
    moved_by_others: tuple[MoveByOthersEntry, ...] = Field(default=(), max_length=100)
    controls: tuple[ControlEntry, ...] = Field(default=(), max_length=200)
    calibrated: tuple[CalibratedEntry, ...] = Field(default=(), max_length=10)

    @model_validator(mode="after")
    def _of_its_version(self) -> PoolDocument:
        if self.schema_version == "0.1" and any(getattr(self, name) for name in _SINCE["0.2"]):
            raise ValueError("a document of version 0.1 carries what 0.2 added")
        if self.schema_version < "0.3" and any(getattr(self, name) for name in _SINCE["0.3"]):
            raise ValueError("a document of an earlier version carries what 0.3 added")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out of an older document what its version did not have."""
        values: dict[str, Any] = write(self)
        newer = {name for since, names in _SINCE.items() if since > self.schema_version for name in names}
        return {name: value for name, value in values.items() if name not in newer}

    @model_validator(mode="after")
    def _balance_is_of_enough_sites(self) -> PoolDocument:
        primary = [contrast for contrast in self.contrasts if contrast.primary]
        if any(hides_a_site(row, primary) for row in self.balance):
            raise ValueError("balance is publishable beside no contrast that is, or of too few sites")
        return self

    @model_validator(mode="after")
    def _others_are_publishable(self) -> PoolDocument:
        rows: tuple[
            PooledGroupEntry | PooledContactEntry | PooledThresholdEntry | PooledCurveEntry | PooledMoveEntry,
            ...,
        ]
        rows = (*self.groups, *self.contacts, *self.thresholds, *self.curves, *self.moves)
        if self.pool == "all":
            # Of all, a group is of enough sites without any one of them too.
            if any(row.publishable and row.sites <= MIN_SITES for row in rows):
                raise ValueError("a group of too few sites is called publishable")
            if self.moved_by_others:
                raise ValueError("the pool of all shows what is one municipality's own")
            return self
        if self.left_out:
            raise ValueError("a pool of the others lists sites")
        if any(c.numbers is not None and (not c.publishable or c.sites < MIN_SITES) for c in self.contrasts):
            raise ValueError("a pool of the others shows a number that is not publishable")
        if any(mean.sites < MIN_SITES for mean in self.means):
            raise ValueError("a pool of the others shows a mean of too few sites")
        if (
            self.balance
            or self.controls
            or self.calibrated
            or self.rules
            or self.curves
            or any(not row.publishable for row in rows)
            or any(row.routes or row.unanswered for row in self.moves)
            or any(not r.publishable or r.sites < MIN_SITES for r in self.robustness)
        ):
            raise ValueError("a pool of the others shows a diagnostic that is not publishable")
        return self


def build_pool_document(
    result: PoolResult, *, package_version: str | None = None, recipient: str | None = None
) -> PoolDocument:
    """Write a pool on its grids.

    Parameters
    ----------
    result : PoolResult
    package_version : str, optional
        Of the package that pooled; this one.
    recipient : str, optional
        Site code the pool of the others is meant for, so that no file can be swapped for another's.

    Raises
    ------
    ReleaseError
        ``release-schema`` when something in the result has no place in the document.
    """
    from causalsig import __version__

    others = result.kind == "others"
    tau2, _, interval = result.method.partition(", ")
    shown = _publishable_levels(result)
    means = [mean for mean in result.means if not others or _level(mean) in shown]
    try:
        return PoolDocument(
            kind="pool",
            schema_version=SCHEMA_VERSION,
            study_digest=result.study_digest,
            package_version=package_version or __version__,
            pool=result.kind,
            recipient=recipient,
            tau2=tau2,  # type: ignore[arg-type]  # pydantic checks both against their lists
            interval=interval,  # type: ignore[arg-type]
            level_per_mille=round(result.level * 1000),
            sites=result.sites,
            demo=result.demo,
            contrasts=tuple(contrast_entry(contrast, others) for contrast in result.contrasts),
            means=tuple(entry for mean in means if (entry := mean_entry(mean, result.level)) is not None),
            left_out=()
            if others
            else tuple(LeftOutEntry(site_code=s, reason=to_code(r)) for s, r in result.left_out),
            robustness=robustness_entries(result),
            balance=() if others else balance_entries(result),
            groups=group_entries(result),
            rules=() if others else rule_entries(result),
            contacts=contact_entries(result),
            thresholds=threshold_entries(result),
            curves=curve_entries(result),
            moves=move_entries(result),
            moved_by_others=by_others_entries(result),
            controls=() if others else control_entries(result),
            calibrated=() if others else calibrated_entries(result),
        )
    except ValidationError as error:
        raise schema_error(error) from None


def _level(item: PooledMean | PooledContrast) -> tuple[str, str, str, str, str]:
    return item.question, item.outcome, item.estimand, item.estimator, item.arm


def _publishable_levels(result: PoolResult) -> set[tuple[str, str, str, str, str]]:
    """Return the arms whose level a municipality may see: those of a contrast it may see, of enough sites."""
    shown = set()
    for contrast in result.contrasts:
        if contrast.publishable and contrast.sites >= MIN_SITES:
            shown.add(_level(contrast))
            key = (contrast.question, contrast.outcome, contrast.estimand, contrast.estimator)
            shown.add((*key, contrast.reference))
    enough = {_level(mean) for mean in result.means if mean.sites >= MIN_SITES}
    return shown & enough


def pool_result(document: PoolDocument) -> PoolResult:
    """Decode a pool; numbers that are not there (not publishable, or not defined) are NaN."""
    return PoolResult(
        study_digest=document.study_digest,
        kind=document.pool,
        method=f"{document.tau2}, {document.interval}",
        level=document.level_per_mille / 1000,
        sites=document.sites,
        contrasts=tuple(decode_contrast(entry) for entry in document.contrasts),
        means=tuple(decode_mean(entry) for entry in document.means),
        left_out=tuple((entry.site_code, entry.reason) for entry in document.left_out),
        demo=document.demo,
        robustness=decode_robustness(document.robustness),
        balance=decode_balance(document.balance),
        groups=decode_groups(document.groups),
        rules=decode_rules(document.rules),
        contacts=decode_contacts(document.contacts),
        thresholds=decode_thresholds(document.thresholds),
        curves=decode_curves(document.curves),
        moves=decode_moves(document.moves),
        moved_by_others=decode_by_others(document.moved_by_others),
        controls=decode_controls(document.controls),
        calibrated=decode_calibrated(document.calibrated),
    )
