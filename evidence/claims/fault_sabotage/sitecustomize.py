"""A sabotaged process of a site: Python runs this by itself where its folder is on the path of a program.

``FAULT_KINDS`` says what befalls which site just before its source is read, ``FAULT_ELSEWHERE`` what lies
outside its room.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

KINDS = json.loads(os.environ.get("FAULT_KINDS", "{}"))
STEP = 20_000_000


def befall(kind: str, source: Path, folder: Path) -> None:
    """Let one thing happen."""
    if kind == "balloon":
        held = []
        while True:
            held.append(b"1" * STEP)
            time.sleep(0.01)
    if kind == "hang":
        time.sleep(100_000)
    if kind == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "source gone":
        source.unlink()
    if kind == "source written to":
        with source.open("ab") as file:
            file.write(b"more")
    if kind == "peeks":
        (folder / "seen.json").write_text(json.dumps(seen()), "utf-8")


def seen() -> list[str]:
    """Say what this process can do that it has no business to."""
    found = []
    for path in json.loads(os.environ["FAULT_ELSEWHERE"]):
        if Path(path).exists():
            found.append("sees another file")
        # In a room of its own this may succeed, and goes with the room: it is looked for from outside.
        with suppress(OSError):
            Path(path).with_suffix(".written").write_text("x", "utf-8")
    with socket.socket() as end:
        end.settimeout(2)
        if end.connect_ex(("127.0.0.1", int(os.environ["FAULT_PORT"]))) == 0:
            found.append("has a network")
    return found


def _begin() -> None:
    job = next((Path(word) for word in sys.orig_argv if word.endswith("job.json")), None)
    if job is None or job.parent.name not in KINDS:
        return
    kind, told = KINDS[job.parent.name], json.loads(job.read_text("utf-8"))
    home = import_module("causalsig.execution.site")
    inner = home.read_site

    def spoilt(*given: Any, **named: Any) -> Any:
        befall(kind, Path(told["source"]), job.parent)
        return inner(*given, **named)

    vars(home)["read_site"] = spoilt


if KINDS:
    _begin()
