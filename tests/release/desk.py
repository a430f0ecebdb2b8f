"""Two people at their desks: they approve what waits, and type commands."""

from __future__ import annotations

import shutil
from pathlib import Path

from causalsig_cli.app import main

from causalsig.release import approve, read_signing_key, read_trusted
from causalsig.release.life import read_review


def approve_both(folder: Path, keys: Path, outbox: Path, **choices: bool) -> Path:
    """Approve a review as operator and as checker; return what was released."""
    for role, name in (("operator", "One Person"), ("checker", "Another Person")):
        path = approve(
            folder,
            role=role,
            name=name,
            key=read_signing_key(keys, role),
            trusted=read_trusted(keys),
            payload=read_review(folder).payload_hash,
            outbox=outbox,
            **choices,  # type: ignore[arg-type]
        )
    assert path is not None
    return path


def desks(keys: Path) -> dict[str, Path]:
    """Give operator and checker a folder each, with their own private key and everybody's public ones."""
    found = {}
    for role in ("operator", "checker"):
        folder = keys.parent / f"{keys.name}-{role}"
        folder.mkdir(mode=0o700, exist_ok=True)
        for path in (*keys.glob("*.pub.json"), keys / f"{role}.key"):
            shutil.copy(path, folder / path.name)
        found[role] = folder
    return found


def run(*arguments: object) -> int:
    """Type a command; return its exit code."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0
