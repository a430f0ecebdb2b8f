"""A page with commands is run from top to bottom, as a reader would, and shows what the commands print.

Blocks marked ``console`` are run: lines that begin with ``$ `` are typed (``> `` continues one), the rest is
what the terminal then shows. Numbers, digests and where a long line breaks may differ, words may not; ``...``
stands for anything. A command may only fail when the next one is ``echo $?``. A block below
``Save as `NAME`:`` is saved under that name first, and one below ``Add to `NAME`:`` at its end.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (
    "docs/tutorial.md",
    "docs/tutorial-study.md",
    "docs/tutorial-release.md",
    "docs/tutorial-forest.md",
    "docs/sources.md",
    "docs/profile-and-monitor.md",
    "docs/operator.md",
    "docs/verify.md",
)
MARK = "@@ended"
BLOCK = re.compile(
    r"(Save as|Add to) `([\w./-]+)`:\n\n```\w+\n(.*?)^```|^```console\n(.*?)^```",
    flags=re.DOTALL | re.MULTILINE,
)
SECONDS = 3000  # a page that hangs must not hang the tests; a busy machine may take ten times as long


@dataclass(frozen=True)
class Step:
    """What is typed, and what the page shows below it."""

    command: str
    shown: str


def steps(text: str) -> list[Step]:
    """Take the commands, the files to save and the outputs from a page."""
    found: list[tuple[list[str], list[str]]] = []
    for how, name, saved, block in BLOCK.findall(text):
        if name:
            found.append(([f"cat {'>' if how == 'Save as' else '>>'} {name} << 'SAVED'\n{saved}SAVED"], []))
        typed: list[str] | None = None
        for line in block.splitlines():
            if line.startswith("$ "):
                typed = [line[2:]]
                found.append((typed, []))
            elif line.startswith("> ") and found and not found[-1][1]:
                found[-1][0].append(line[2:])
            else:
                assert typed is not None, f"output before any command: {line}"
                found[-1][1].append(line)
    return [Step("\n".join(typed), "\n".join(shown)) for typed, shown in found]


def run(commands: list[str], folder: Path) -> list[tuple[str, int]]:
    """Type the commands into one shell; return what each showed and how it ended."""
    lines = [f'{command}\n_code=$?; printf "\\n{MARK} $_code\\n"; (exit $_code)' for command in commands]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env=os.environ | {"PATH": programs, "NO_COLOR": "1", "CAUSALSIG_LOG_DIR": str(folder / ".log")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    pieces = re.split(rf"\n{MARK} (\d+)\n", done.stdout)
    assert len(pieces) == 2 * len(commands) + 1, done.stdout[-2000:]
    return [(pieces[i], int(pieces[i + 1])) for i in range(0, len(pieces) - 1, 2)]


def shape(text: str) -> str:
    """Leave the words of a text and their order; numbers, digests and white space may differ."""
    text = re.sub(r"\b[0-9a-f]{8}(?:[0-9a-f]{56}|\.\.\.)", "DIGEST", text)
    text = re.sub(r"[+-]?\d+(?:[.,]\d+)*", "#", text)
    return " ".join(text.split())


def agrees(shown: str, printed: str) -> bool:
    """Compare shapes; ``...`` on the page stands for anything."""
    pattern = re.escape(shape(shown)).replace(re.escape("..."), ".*")
    return re.fullmatch(pattern, shape(printed)) is not None


def may_fail(found: list[Step], at: int) -> bool:
    return at + 1 < len(found) and found[at + 1].command == "echo $?"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_shows(page: str, tmp_path: Path) -> None:
    found = steps((ROOT / page).read_text("utf-8"))
    assert len(found) > 3
    wrong = []
    for at, (step, (printed, code)) in enumerate(
        zip(found, run([step.command for step in found], tmp_path), strict=True)
    ):
        if code and not may_fail(found, at):
            wrong.append(f"$ {step.command}\nended with {code}:\n{printed}")
        elif not agrees(step.shown, printed):
            wrong.append(f"$ {step.command}\npage:\n{step.shown}\nprinted:\n{printed}")
    assert not wrong, "\n\n".join(wrong)


def test_the_comparison_sees_words_and_not_numbers() -> None:
    assert agrees("9001  done   1,200 of 3", "9002 done 7 of 12")
    assert agrees("one\n...\nlast", "one\ntwo\nthree\nlast")
    assert agrees("0123abcd...", "f" * 64)
    assert not agrees("9001  done", "9001  failed")
    assert not agrees("one", "one\ntwo")
    assert not agrees("", "a warning")


def test_a_block_to_save_is_a_file_for_what_follows(tmp_path: Path) -> None:
    blocks = ["Save as `a.toml`:\n\n```toml\nx = '$1'\n```\n", "Add to `a.toml`:\n\n```toml\ny = 2\n```\n"]
    found = steps("\n".join([*blocks, "```console\n$ cat a.toml\nx = '$1'\ny = 2\n```\n"]))
    assert run([step.command for step in found], tmp_path) == [("", 0), ("", 0), ("x = '$1'\ny = 2\n", 0)]
    assert [step.shown for step in found] == ["", "", "x = '$1'\ny = 2"]


def test_a_failing_command_and_what_it_says_are_seen(tmp_path: Path) -> None:
    page = "```console\n$ x=3; echo $x\n3\n$ ls \\\n> no-such\n$ echo $?\n2\n```\n"
    found = steps(page)
    assert [step.command for step in found] == ["x=3; echo $x", "ls \\\nno-such", "echo $?"]
    assert [
        (code, may_fail(found, at)) for at, (_, code) in enumerate(run([s.command for s in found], tmp_path))
    ] == [
        (0, False),
        (2, True),
        (0, False),
    ]
