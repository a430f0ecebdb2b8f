"""What the university's node does: ask the other nodes, verify what they give, and pool it."""

from __future__ import annotations

import hashlib
import shutil
from typing import Any

from causalsig_vantage6.answers import (
    MAX_POOL_BYTES,
    Answer,
    answer,
    closed,
    opened,
    organizations_of,
    pooled,
    step_of,
    study_of,
)
from causalsig_vantage6.command import causalsig, demo, folder
from causalsig_vantage6.node import SUFFIX, held_study

ASKS = {"run": "partial_run", "pool": "partial_release"}


def ask_and_pool(client: Any, step: object, study: object, organizations: object) -> Answer:
    """Ask every organization to run, or take what they released and pool it with ``causalsig pool``.

    Parameters
    ----------
    client : AlgorithmClient
        With which a task asks others.
    step, study, organizations : object
        As a task gives them, unchecked.
    """
    asked, wanted, whom = step_of(step), study_of(study), organizations_of(organizations)
    task = client.task.create(
        input_={"method": ASKS[asked], "kwargs": {"study": wanted}},
        organizations=whom,
        name=ASKS[asked],
        description="causalsig",
    )
    given = client.wait_for_results(task_id=task["id"])
    if asked == "run":
        return answer("asked")
    return _pool([closed(one) for one in given], wanted)


def _pool(given: list[Answer], study: str) -> Answer:
    envelopes = [opened(text) for one in given if one["code"] == "released" for text in one["envelopes"]]
    held = sorted({content for content in envelopes if content is not None})
    if not held:
        return answer("not-released")
    path = held_study(study)
    name = hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in held)).hexdigest()[:16]
    place = folder("run") / f"pool-{name}"
    shutil.rmtree(place / "releases", ignore_errors=True)  # half written by a task that was killed
    (place / "releases").mkdir(mode=0o700, parents=True)
    for number, content in enumerate(held):
        (place / "releases" / f"{number:04d}{SUFFIX}").write_bytes(content)
    words = ("--keys", folder("keys"), "--out", place / "pooled", "--force", *demo())
    code, _ = causalsig("pool", path, place / "releases", *words)
    made = place / "pooled" / "pool.json"
    if code or not made.is_file() or made.stat().st_size > MAX_POOL_BYTES:
        return answer("pool-refused")
    return pooled(made.read_bytes())
