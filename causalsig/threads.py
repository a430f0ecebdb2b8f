"""One thread of linear algebra a process: work is spread over municipalities, not inside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold every library of linear algebra to one thread.

    A limit only reaches libraries that are loaded: scipy brings its own, and a small factorisation on two
    threads of a busy machine takes a hundred times as long as on one.
    """
    import scipy.linalg  # noqa: F401  (loaded first, so that the limit reaches it)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield
