"""What was given as sources, and which site each is of: by name, or by what a file of several says itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from causalsig.errors import SourceError
from causalsig.failures import shown_name

if TYPE_CHECKING:
    from causalsig.study.inventory import Inventory, Site

EXPORTS: Final = frozenset({".xlsx", ".json"})
"""Files in a folder of sources that are looked at, beside those that name a database."""


@dataclass(frozen=True, slots=True)
class GivenSources:
    """The source of each site that has one.

    Attributes
    ----------
    by_site : dict of Path
        By municipality code; one file or database may be the source of several.
    strangers : int
        Municipalities in files of several that are none of those asked for. Their names are values from the
        data, so they are only counted.
    """

    by_site: dict[str, Path]
    strangers: int


def find_sources(
    paths: Sequence[Path], inventory: Inventory, sites: Collection[Site] | None = None
) -> GivenSources:
    """Match sources to sites.

    A source whose name begins with a municipality code of the inventory is of that site, and so is a folder
    named after the code. Any other file, a folder of canonical tables or a database holds several
    municipalities: it is the source of each of ``sites`` that it names, by code or by name.

    Parameters
    ----------
    paths : sequence of Path
    inventory : Inventory
    sites : collection of Site, optional
        For which a source of several may be opened; default: all. Without any, none is opened.

    Raises
    ------
    SourceError
        A path that does not exist, a source of no site, or two sources of one site.
    """
    asked = inventory.sites if sites is None else sites
    known = {site.code for site in inventory.sites}
    found: dict[str, Path] = {}
    strangers = 0
    for path in _listed(paths):
        code = path.name[:4]
        if code in known:
            codes: Collection[str] = {code}
        elif len(path.stem) == 4 and path.stem.isdecimal():
            raise _unknown(path, "a name of another")
        elif asked:
            codes, others = _inside(path, asked, inventory)
            strangers += others
        else:
            continue
        for one in sorted(codes):
            if one in found:
                raise _twice(one, found[one], path)
            found[one] = path
    return GivenSources(found, strangers)


def _listed(paths: Sequence[Path]) -> Iterator[Path]:
    """Every source by itself; those of open editors and hidden ones are none."""
    for path in paths:
        if path.parts and path.parts[0].endswith(":") and not path.exists():
            raise SourceError(
                "source-database-on-command-line",
                expected="a file that names the database",
                found="its address",
                mend='Write it into a file such as database.toml, with the lines url = "..." and '
                'password_env = "...": what is typed is kept in the history of the shell.',
            )
        if not path.exists():
            raise SourceError(
                "source-file-missing",
                expected="a source, or a folder of sources",
                found="nothing at that path",
                mend="Check the path.",
                where=str(path),
            )
        inside = sorted(path.iterdir()) if path.is_dir() and not _is_one_source(path) else [path]
        for one in inside:
            if (one is path or _is_export(one)) and not one.name.startswith(("~$", ".")):
                yield one


def _is_export(path: Path) -> bool:
    from causalsig.sources.database_address import names_a_database

    if path.is_file():
        return path.suffix.lower() in EXPORTS or names_a_database(path)
    return _is_one_source(path)


def _is_one_source(path: Path) -> bool:
    """Whether a folder is a source itself: named after a municipality, or holding canonical tables."""
    from causalsig.sources.formats import is_folder_of_tables

    if not path.is_dir():
        return False
    return (len(path.name) == 4 and path.name.isdecimal()) or is_folder_of_tables(path)


def _inside(path: Path, asked: Collection[Site], inventory: Inventory) -> tuple[set[str], int]:
    """Codes of the sites that a source of several names, and how many others it holds."""
    from causalsig.sources.formats import municipalities_in
    from causalsig.sources.municipality import label

    present = municipalities_in(path)
    of_site = {site.code: {label(site.code), label(site.name)} & present for site in inventory.sites}
    known: set[str] = set().union(*of_site.values())
    if not known:
        raise _unknown(path, f"{len(present)} municipalities in it, none of the inventory" if present else "")
    return {site.code for site in asked if of_site[site.code]}, len(present - known)


def _unknown(path: Path, found: str) -> SourceError:
    return SourceError(
        "site-source-unknown",
        expected="a name that begins with a municipality code of the inventory, or municipalities of the "
        "inventory inside",
        found=found or "neither",
        mend="Rename it to, say, 0363.xlsx, or add the municipality to the inventory.",
        where=shown_name(path),
    )


def _twice(code: str, first: Path, second: Path) -> SourceError:
    return SourceError(
        "site-source-twice",
        expected=f"one source for site {code}",
        found="two",
        mend=f"Keep the one you mean; files over which one export is split go into a folder named {code}; an "
        "extract of a later wave is run with --wave.",
        where=f"{shown_name(first)}, {shown_name(second)}",
    )
