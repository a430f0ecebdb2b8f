"""The two ends of a site's run: reading its source by the inventory, and writing what waits for approval."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from causalsig.execution.digests import file_digest
from causalsig.sources.schema import Matching

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from causalsig.records import SiteResult
    from causalsig.release.household_sets import Member
    from causalsig.sources.findings import ReadResult
    from causalsig.study.inventory import Site
    from causalsig.study.models import Study


def matching_of(site: Site) -> Matching:
    """Turn the inventory's matching trait into what the sources speak."""
    return Matching(site.matching.frequency, site.matching.day)


def read_site(source: Path, site: Site, provider_key: bytes | None = None) -> ReadResult:
    """Read one municipality's source, whatever its format, with what the inventory says of it.

    Parameters
    ----------
    source : Path
        A file, a folder of canonical tables, or a folder of the files over which an export is split.
    site : Site
    provider_key : bytes, optional
        With it the result says which household is which in another extract: what a ledger has to know.

    Raises
    ------
    SourceError
        The source is not a readable export of this municipality.
    """
    from causalsig.release.household_sets import source_secret
    from causalsig.sources.formats import read_source

    return read_source(
        source,
        municipality=site.code,
        name=site.name,
        matching=matching_of(site),
        amount_locale=site.amount_locale,
        extracted_on=site.extracted_on,
        household_secret=None if provider_key is None else source_secret(provider_key, site.code),
    )


def release_site(
    result: SiteResult,
    study: Study,
    *,
    households: Mapping[str, Iterable[Member]],
    known_again: Mapping[str, str] | None,
    keys: Path,
    snapshot: bytes,
    wave: int,
    folder: Path,
) -> str:
    """Check a site's result against every rule and put what may leave up for review.

    Parameters
    ----------
    result : SiteResult
    study : Study
    households : mapping of what is told to the households it is told of
        For the ledger, which keeps their keyed hashes: see :mod:`causalsig.execution.members`.
    known_again : mapping of str to str, optional
        Of what was read: by what a household is known in another extract.
    keys : Path
        Folder with the provider's key, which turns the municipality's code into a site code.
    snapshot : bytes
        Digest of the content that was read of the municipality.
    wave : int
    folder : Path
        The site's folder.

    Returns
    -------
    str
        Hash of the payload under review; of a private release that of the sums that wait for their noise.
    """
    from causalsig import __version__
    from causalsig.release.build import ReleaseIdentity, build_release, site_code, snapshot_hash
    from causalsig.release.keys import read_provider_key
    from causalsig.release.life import document_hash, memory_of, write_review
    from causalsig.release.private_waiting import PRIVATE_FILE, write_private

    key = read_provider_key(keys)
    identity = ReleaseIdentity(
        site_code=site_code(key, result.municipality, result.study_digest),
        snapshot=snapshot_hash(key, snapshot),
        package_version=__version__,
        lock_digest=lock_digest(),
        wave=wave,
    )
    memory = memory_of(keys, key, result.municipality, study.disclosure, households, known_again)
    if study.privacy is not None:
        return write_private(folder, result, study=study, identity=identity, memory=memory)
    (folder / PRIVATE_FILE).unlink(missing_ok=True)
    checked = build_release(result, study=study, identity=identity)
    write_review(folder, checked, memory=memory, force=True)
    return document_hash(checked.document)


@functools.cache
def lock_digest() -> str:
    """SHA-256 over what ran, in hexadecimal: this package's own files, and every installed distribution.

    Of the package every file's path and content, of the others name and version: the wheel carries no lock
    file, and what is installed is what ran. A changed line of code is another digest.
    """
    import hashlib
    from importlib.metadata import distributions

    import causalsig

    top = Path(causalsig.__file__).parent
    own = (path for path in top.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    said = sorted(f"{path.relative_to(top).as_posix()} {file_digest(path)}" for path in own)
    said += sorted({f"{d.metadata['Name'].lower()}=={d.version}" for d in distributions()})
    return hashlib.sha256("\n".join(said).encode()).hexdigest()
