"""A site's profile: read, count, hold back what may not leave, and put the rest up for review."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from causalsig.execution.describe import Described, describe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from causalsig.release.build import ReleaseIdentity
    from causalsig.release.household_sets import Member
    from causalsig.release.profile_document import ProfileDocument
    from causalsig.sources.findings import ReadResult
    from causalsig.study.inventory import Site


def profile_site(
    source: Path, site: Site, *, keys: Path, folder: Path, wave: int = 1, force: bool = False
) -> Described:
    """Make the profile of one site; see :func:`causalsig.execution.describe.describe`."""

    def build(read: ReadResult, identity: ReleaseIdentity) -> ProfileDocument:
        from causalsig.release.profile_document import build_profile
        from causalsig.sources.profile import profile_counts

        counts = profile_counts(read.tables, read.findings, amount_locale=site.amount_locale)
        return build_profile(counts, identity=identity, floors=site.floors)

    def of_whom(read: ReadResult) -> dict[str, Iterable[Member]]:
        from causalsig.sources.monitor_members import EVERYBODY, everybody_of
        from causalsig.sources.profile_members import PROFILE, profile_members

        # A profile tells nothing of a part of its households but bands.
        return {EVERYBODY: everybody_of(read.tables), PROFILE: profile_members(read.tables)}

    return describe("profile", source, site, build, of_whom, keys=keys, folder=folder, wave=wave, force=force)
