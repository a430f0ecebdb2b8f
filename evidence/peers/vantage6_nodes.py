"""In the environment of vantage6's tools: the centre asks nodes by the client the tools come with."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import causalsig_vantage6.algorithm as algorithm
from vantage6.algorithm.tools.decorators import algorithm_client
from vantage6.algorithm.tools.mock_client import MockAlgorithmClient

GIVEN = json.loads(Path(sys.argv[1]).read_text("utf-8"))


def _at(client: Any, task: str, named: dict[str, Any]) -> Any:
    """Do a task with the environment of the node of this organization, as its container would have it."""
    before = dict(os.environ)
    os.environ.update(GIVEN["nodes"][str(client.organization_id)])
    try:
        return getattr(algorithm, task)(**named)
    finally:
        os.environ.clear()
        os.environ.update(before)


@algorithm_client  # type: ignore[untyped-decorator]
def partial_run(client: Any, **named: Any) -> Any:
    """Run at the node that is asked."""
    return _at(client, "partial_run", named)


@algorithm_client  # type: ignore[untyped-decorator]
def partial_release(client: Any, **named: Any) -> Any:
    """Give what was approved at the node that is asked."""
    return _at(client, "partial_release", named)


if __name__ == "__main__":
    numbers = [int(number) for number in GIVEN["nodes"]]
    sys.modules["vantage6_nodes"] = sys.modules["__main__"]
    mock = MockAlgorithmClient([[] for _ in numbers], "vantage6_nodes", organization_ids=numbers)
    os.environ.update(GIVEN["centre"])
    answer = algorithm.central(
        mock_client=mock, step=GIVEN["step"], study=GIVEN["study"], organizations=numbers
    )
    Path(sys.argv[2]).write_text(json.dumps({"answer": answer, "results": mock.results}), "utf-8")
