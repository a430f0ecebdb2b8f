"""A name goes after two minor versions that warned of it, with a code, at the place that calls it."""

from __future__ import annotations

import re
import warnings

import pytest

from causalsig.deprecation import CODE, CausalsigDeprecationWarning, deprecated
from causalsig.texts import catalogue


def test_it_works_and_says_what_to_use_and_where() -> None:
    @deprecated(since="0.4.0", gone="0.6.0", instead="twice")
    def double(value: int, *, by: int = 2) -> int:
        """Double a number."""
        return value * by

    with pytest.warns(CausalsigDeprecationWarning, match=re.escape(f"use twice [{CODE}]")) as caught:
        assert double(3, by=3) == 9
    assert caught[0].filename == __file__, "where it is called, not where it is made"
    assert (double.__name__, double.__doc__) == ("double", "Double a number.")
    assert all(f"codes.{CODE}.title" in catalogue(language) for language in ("nl", "en"))


def test_nothing_is_said_where_nothing_is_called() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        deprecated(since="0.4.0", gone="1.0.0", instead="x")(lambda: None)


@pytest.mark.parametrize("gone", ["0.5.0", "0.4.0", "0.3.0", "0.6.1", "soon"])
def test_too_soon_is_refused(gone: str) -> None:
    with pytest.raises(ValueError, match="too soon"):
        deprecated(since="0.4.0", gone=gone, instead="x")
