"""Two people at their desks: they approve what waits, and type commands."""

from __future__ import annotations

from pathlib import Path

from causalsig_cli.app import main

from causalsig.release import approve, read_signing_key


def approve_both(folder: Path, keys: Path, outbox: Path, **choices: bool) -> Path:
    """Approve a review as operator and as checker; return what was released."""
    for role, name in (("operator", "One Person"), ("checker", "Another Person")):
        path = approve(
            folder,
            role=role,
            name=name,
            key=read_signing_key(keys, role),
            outbox=outbox,
            **choices,  # type: ignore[arg-type]
        )
    assert path is not None
    return path


def run(*arguments: object) -> int:
    """Type a command; return its exit code."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0
