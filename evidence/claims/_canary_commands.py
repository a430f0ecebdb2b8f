"""Every command there is, as the program itself lists them, and which of them were typed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

NOT_TYPED: Final[Mapping[str, str]] = {
    "demo": "runs the others on what it invents, and reads no other rows",
    "simulate": "invents rows, and reads none",
    "power": "works with numbers that a person gives, and reads no rows",
}
"""Closed list of commands that are not typed beside planted rows, with the reason."""
WITH_OPTIONS: Final = (
    "ledger verify --releases",
    "pool --force",
    "release approve --reason",
    "release crate --review",
    "release review --html",
    "report national --releases",
    "site run --dry-run",
    "site run --retry-failed",
)
"""Options that make another command of one, and that have to be typed too."""


@cache
def commands() -> frozenset[str]:
    """List the commands of the program, with the group before the name."""
    from causalsig_cli.app import build_app
    from typer.main import get_command

    def walk(one: Any, path: tuple[str, ...]) -> Iterator[str]:
        inside: Mapping[str, Any] = getattr(one, "commands", {})
        if not inside:
            yield " ".join(path)
        for name, inner in inside.items():
            yield from walk(inner, (*path, name))

    return frozenset(walk(get_command(build_app()), ()))


def typed_in(arguments: Sequence[object]) -> set[str]:
    """Give the command in what was typed, alone and with each of its options."""
    words = [str(one) for one in arguments]
    named = next((name for name in (" ".join(words[:2]), words[0]) if name in commands()), "")
    return {named, *(f"{named} {word}" for word in words if word.startswith("--"))} if named else set()


def not_typed(typed: Collection[str]) -> list[str]:
    """List what was not typed and should have been, and what the closed list names in vain."""
    missing = (commands() | set(WITH_OPTIONS)) - set(typed) - set(NOT_TYPED)
    vain = [name for name in NOT_TYPED if name not in commands() or name in typed]
    return [f"{one}: never typed" for one in sorted(missing)] + [f"{one}: listed in vain" for one in vain]
