"""Errors, with a stable code each.

A message says what was expected, what was found and how to mend it. It never holds a cell value: messages
are read by operators and may end up in logs, so callers describe data by counts, names of the schema and
types only.
"""

from __future__ import annotations


class CausalsigError(Exception):
    """Base of every error causalsig raises on purpose.

    Parameters
    ----------
    code : str
        Stable, kebab-case, starts with the room (``study-``, ``source-``, ``cohort-``, ``estimation-``,
        ``meta-``, ``release-``, ``pool-``, ``report-``, ``site-``). ``causalsig explain CODE`` tells it.
    expected, found, mend : str
        What should have been there, what is there (never a value from a cell), and what to do about it.
    where : str, optional
        File, tab, column, key or step the message is about.
    """

    exit_code: int = 2

    def __init__(self, code: str, *, expected: str, found: str, mend: str, where: str = "") -> None:
        self.code = code
        self.expected = expected
        self.found = found
        self.mend = mend
        self.where = where
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The whole message on one line."""
        prefix = f"{self.where}: " if self.where else ""
        return f"{prefix}expected {self.expected}; found {self.found}. {self.mend} [{self.code}]"

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way back from a worker process."""
        return _rebuild, (type(self), self.code, self.expected, self.found, self.mend, self.where)


def _rebuild(
    kind: type[CausalsigError], code: str, expected: str, found: str, mend: str, where: str
) -> CausalsigError:
    return kind(code, expected=expected, found=found, mend=mend, where=where)


class StudyError(CausalsigError):
    """The study file or the inventory is not what it must be."""


class SourceError(CausalsigError):
    """A source cannot be read as the format it claims to be."""


class EstimationError(CausalsigError):
    """Arrays given to an estimator do not fit together, or nothing can be estimated from them."""


class MetaError(CausalsigError):
    """Estimates or variances given to the meta-analysis are not usable."""


class ReleaseError(CausalsigError):
    """A release document, key or signature is not what it must be."""


class PoolError(CausalsigError):
    """Releases cannot be pooled together."""


class ReportError(CausalsigError):
    """A report cannot be made from what was given."""


class SimulationError(CausalsigError):
    """A scenario cannot be simulated."""


class RefusedError(CausalsigError):
    """Nothing may leave, or a site may not run: a normal, documented outcome."""

    exit_code = 3
