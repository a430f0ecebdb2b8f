"""The three tasks by which anything is asked; whatever goes wrong in one becomes a code of a closed list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from causalsig_vantage6.answers import Answer, Ended, answer, closed
from causalsig_vantage6.centre import ask_and_pool
from causalsig_vantage6.node import approved, run_study

FIELDS = {
    "partial_run": ("study",),
    "partial_release": ("study",),
    "central": ("step", "study", "organizations"),
}
"""Arguments of each task; all are asked for, by name."""


def sealed(work: Callable[[], Answer]) -> Answer:
    """Do the work; whatever it raises, the answer is a closed one, and nothing is printed.

    What wraps a vantage6 algorithm prints the text of an exception, which may hold a cell.
    """
    try:
        return closed(work())
    except Ended as ended:
        return answer(ended.code)
    except BaseException:
        return answer("internal-error")


def do(task: str, given: tuple[Any, ...], named: dict[str, Any], client: Any = None) -> Answer:
    """Do a task with the arguments it was given, whatever they are."""
    if given or named.keys() != set(FIELDS[task]):
        return answer("bad-arguments")
    if task == "central":
        return sealed(lambda: ask_and_pool(client, **named))
    work = {"partial_run": run_study, "partial_release": approved}[task]
    return sealed(lambda: work(**named))
