"""What is on its way out: it works for two minor versions more, and says by a coded warning what to use."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

CODE: Final = "code-deprecated"
KEPT: Final = 2
"""Minor versions that a name is kept after the one in which it was first warned of."""
_VERSION = re.compile(r"(\d+)\.(\d+)\.0")

P = ParamSpec("P")
R = TypeVar("R")


class CausalsigDeprecationWarning(FutureWarning):
    """A name that will be gone; shown to users, unlike Python's own `DeprecationWarning`."""


def deprecated(*, since: str, gone: str, instead: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keep a function for now, and say at each place that calls it what to use.

    Parameters
    ----------
    since, gone : str
        Versions such as ``0.4.0``: the first that warns, and the first without it, at least two minor
        versions later or the next major one.
    instead : str
        What to write in its place.

    Raises
    ------
    ValueError
        When it would be gone too soon.
    """
    if not _late_enough(since, gone):
        raise ValueError(
            f"gone in {gone} is too soon: a name is kept for {KEPT} minor versions after {since}"
        )

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        said = f"{function.__qualname__} goes with version {gone}; use {instead} [{CODE}]"

        @functools.wraps(function)
        def kept(*args: P.args, **kwargs: P.kwargs) -> R:
            warnings.warn(said, CausalsigDeprecationWarning, stacklevel=2)
            return function(*args, **kwargs)

        return kept

    return mark


def _late_enough(since: str, gone: str) -> bool:
    first, last = (_VERSION.fullmatch(version) for version in (since, gone))
    if first is None or last is None:
        return False
    major, minor = (int(last[place]) - int(first[place]) for place in (1, 2))
    return major > 0 or (major == 0 and minor >= KEPT)
