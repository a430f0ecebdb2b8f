"""Every code that causalsig can print has a title and an explanation, and every explanation has its code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from causalsig_cli.explain import known_codes

from causalsig import errors

ROOT = Path(__file__).parents[2]
ERRORS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.CausalsigError)
}
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
# A code starts with its room, or with the part of it that speaks; such strings are codes wherever they stand.
ROOMS = {
    "study", "inventory", "source", "cohort", "estimation", "propensity", "logistic", "meta", "gate",
    "simulation", "certify", "release", "ledger", "pool", "report", "rule", "site", "run", "internal", "code",
    "attack",
}  # fmt: skip
# What looks like a code and is none, with the reason.
NOT_CODES = {
    "pool-all": "a figure of the national report",
    "pool-minus-own": "an attack",
    "code-dictionary": "an attack",
}


def source_calls_and_strings() -> tuple[list[ast.Call], set[str]]:
    """Every call that makes an error, and every string that looks like a code."""
    calls, strings = [], set()
    for file in [*ROOT.glob("causalsig/**/*.py"), *ROOT.glob("cli/causalsig_cli/**/*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", getattr(node.func, "attr", "")) in ERRORS
            ):
                calls.append(node)
            elif (
                isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value)
            ):
                strings.add(node.value)
    return calls, strings


CALLS, STRINGS = source_calls_and_strings()


def code_of(call: ast.Call) -> ast.expr:
    named = [word.value for word in call.keywords if word.arg == "code"]
    return (call.args + named)[0]


def raised() -> set[str]:
    """Codes written where the error is made."""
    return {
        first.value
        for first in map(code_of, CALLS)
        if isinstance(first, ast.Constant) and isinstance(first.value, str)
    }


def patterns() -> set[str]:
    """Codes whose start is filled in (``f"{kind}-invalid"``), as regular expressions."""
    return {
        "".join(
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[a-z]+"
            for part in first.values
        )
        for first in map(code_of, CALLS)
        if isinstance(first, ast.JoinedStr)
    }


def used() -> set[str]:
    return raised() | {word for word in STRINGS if word.split("-")[0] in ROOMS} - set(NOT_CODES)


def test_codes_are_found_in_the_source() -> None:
    assert len(CALLS) > 20
    assert {"internal-error", "code-unknown", "meta-one-site"} <= used()


def test_a_code_is_words_and_starts_with_its_room() -> None:
    assert [code for code in sorted(raised()) if not CODE.fullmatch(code)] == []
    assert {code.split("-")[0] for code in raised()} <= ROOMS


def test_every_code_is_explained() -> None:
    assert sorted(used() - set(known_codes())) == [], "add them to causalsig/texts/{nl,en}/codes.toml"


def test_every_code_with_a_start_filled_in_is_explained() -> None:
    known = known_codes()
    unexplained = [
        pattern for pattern in patterns() if not any(re.fullmatch(pattern, code) for code in known)
    ]
    assert unexplained == []


def test_nothing_is_explained_that_does_not_exist() -> None:
    exits = {f"exit-{number}" for number in (0, 1, 2, 3, 101, 130)}
    left = set(known_codes()) - used() - exits
    assert {code for code in left if not any(re.fullmatch(pattern, code) for pattern in patterns())} == set()


def test_what_is_listed_as_no_code_is_still_in_the_source() -> None:
    assert set(NOT_CODES) <= STRINGS
