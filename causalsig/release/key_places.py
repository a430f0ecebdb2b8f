"""Where private keys may lie: not two people's in one folder, and not where they could be committed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from causalsig.errors import ReleaseError


def check_one_person(folder: str | Path) -> None:
    """Refuse a folder with the private keys of operator and output checker: they are two people.

    Raises
    ------
    ReleaseError
        ``release-both-keys``.
    """
    if all((Path(folder) / f"{role}.key").exists() for role in ("operator", "checker")):
        raise ReleaseError(
            "release-both-keys",
            expected="the private key of operator or of output checker: they are two people",
            found="both in one folder",
            mend="Let each make a key in a folder of their own (causalsig keys new FOLDER --role ROLE).",
            where=Path(folder).name,
        )


def check_outside_repository(folder: str | Path) -> None:
    """Refuse a folder from which a private key could be committed.

    Raises
    ------
    ReleaseError
        ``release-key-in-repository``: inside a git work tree that does not ignore it.
    """
    import subprocess

    place = Path(folder).resolve()
    if not any((parent / ".git").exists() for parent in (place, *place.parents)):
        return
    existing = next(parent for parent in (place, *place.parents) if parent.is_dir())
    with suppress(OSError):  # no git here: then nobody can say that it is ignored
        asked = ("git", "-C", str(existing), "check-ignore", "--quiet", str(place / "operator.key"))
        if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            return
    raise ReleaseError(
        "release-key-in-repository",
        expected="a folder outside any git work tree, or one that it ignores",
        found="a folder from which a key could be committed",
        mend="Make the keys elsewhere, or put *.key in .gitignore.",
        where=place.name,
    )
