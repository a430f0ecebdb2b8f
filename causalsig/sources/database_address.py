"""Where a database is: a small TOML file that names it, and never holds its password.

A file, because it stands where a source stands: on the command line and in every record of a run, and
neither may show a password. It comes from the environment, or from a file of its own that is mounted.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from causalsig.errors import SourceError
from causalsig.failures import shown_name

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

SUFFIX: Final = ".toml"
_PLACES: Final = ("url", "url_env")
_PASSWORDS: Final = ("password_env", "password_file")
_KEYS: Final = frozenset({*_PLACES, *_PASSWORDS, "schema"})
USUAL: Final = frozenset({"database"})
"""What the messages call the file: any other name may be told by its ending only."""


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """A database and the schema its tables stand in.

    Attributes
    ----------
    url : sqlalchemy.URL
        May hold the password; it is not shown.
    schema : str or None
    """

    url: URL = field(repr=False)
    schema: str | None = field(repr=False, default=None)


def is_address_file(path: Path) -> bool:
    """Whether a path is a file that names a database."""
    return path.suffix.lower() == SUFFIX and path.is_file()


def names_a_database(path: Path) -> bool:
    """Whether a file among others, in a folder, is one that names a database: it has an address in it."""
    if not is_address_file(path):
        return False
    try:
        declared = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False
    return not declared.keys().isdisjoint(("url", "url_env"))


def read_address(path: Path) -> DatabaseAddress:
    """Read a file that names a database.

    ``url`` is a SQLAlchemy URL without a password (of SQLite: its path is relative to this file), or
    ``url_env`` the environment variable that holds a whole URL; ``password_env`` the environment variable
    that holds the password, or ``password_file`` a file with nothing else in it; ``schema`` where the tables
    stand.

    Raises
    ------
    SourceError
        ``source-database-address``, ``source-database-secret`` or ``source-database-url``. None of them shows
        what the file holds: a secret may stand at the wrong place in it.
    """
    declared = _declared(path)
    url = _url(declared, path)
    given = [name for name in _PASSWORDS if name in declared]
    if given:
        url = url.set(password=_secret(given[0], declared[given[0]], path))
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        url = url.set(database=str(path.parent / url.database))
    return DatabaseAddress(url, declared.get("schema"))


def _declared(path: Path) -> dict[str, str]:
    try:
        declared = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        raise _invalid("a TOML file in UTF-8", "something else", path) from None
    if not set(declared) <= _KEYS or not all(isinstance(value, str) and value for value in declared.values()):
        raise _invalid(f"the keys {', '.join(sorted(_KEYS))}, each with a text", "something else", path)
    for names, least in ((_PLACES, 1), (_PASSWORDS, 0)):
        there = sum(name in declared for name in names)
        if not least <= there <= 1:
            word = "one" if least else "at most one"
            raise _invalid(f"{word} of {' and '.join(names)}", f"{there}", path)
    return declared


def _url(declared: dict[str, str], path: Path) -> URL:
    from sqlalchemy.engine import make_url

    text = declared["url"] if "url" in declared else _secret("url_env", declared["url_env"], path)
    try:
        url = make_url(text)
        url.get_backend_name()
    except Exception:
        raise SourceError(
            "source-database-url",
            expected="a SQLAlchemy URL, such as postgresql+pg8000://reader@host/database",
            found="text that is none",
            mend="Special characters in a password are written as %40 and the like.",
            where=shown_name(path, USUAL),
        ) from None
    if "url" in declared and (url.password is not None or "password" in url.query):
        raise _invalid("a URL without a password", "one with a password", path)
    return url


def _secret(key: str, name: str, path: Path) -> str:
    """Read what an environment variable or a file of its own holds; neither's name is told."""
    if key.endswith("_env"):
        found = os.environ.get(name)
    else:
        try:
            found = (path.parent / name).read_text("utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, ValueError):
            found = None
    if not found:
        raise SourceError(
            "source-database-secret",
            expected=f"what key {key} names, with something in it",
            found="nothing there",
            mend="Set the environment variable for this command, or let the file be readable for this user.",
            where=shown_name(path, USUAL),
        )
    return found


def _invalid(expected: str, found: str, path: Path) -> SourceError:
    return SourceError(
        "source-database-address",
        expected=expected,
        found=found,
        mend='Write, for example: url = "postgresql+pg8000://reader@host/database" and '
        'password_env = "CAUSALSIG_DATABASE_PASSWORD".',
        where=shown_name(path, USUAL),
    )
