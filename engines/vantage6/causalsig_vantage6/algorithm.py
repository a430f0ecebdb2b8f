"""The module that vantage6 calls by name (PKG_NAME): three tasks, and nothing else that can be called."""

from __future__ import annotations

import vantage6.algorithm.tools.decorators as _decorators

from causalsig_vantage6 import tasks as _tasks


def partial_run(*given: object, **named: object) -> dict[str, object]:
    """Run the study that the node holds, at each of its sites; nothing leaves."""
    return _tasks.do("partial_run", given, named)


def partial_release(*given: object, **named: object) -> dict[str, object]:
    """Give what operator and output checker of the node approved: signed envelopes, or not-released."""
    return _tasks.do("partial_release", given, named)


def central(*given: object, **named: object) -> dict[str, object]:
    """Ask every organization to run; or take what they released, verify it and pool it."""
    mock = {"mock_client": named.pop("mock_client")} if "mock_client" in named else {}
    asked = _decorators.algorithm_client(lambda client: _tasks.do("central", given, named, client))
    return _tasks.sealed(lambda: asked(**mock))


central.wrapped_in_algorithm_client_decorator = True  # type: ignore[attr-defined]
