"""What a node does: run the study it holds, and give what two people of it approved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from causalsig_vantage6.answers import MAX_BYTES, MAX_SITES, Answer, Ended, answer, released, study_of
from causalsig_vantage6.command import causalsig, demo, file, folder

_RUN_ENDED = {0: "run-ended", 2: "run-incomplete"}
SUFFIX = ".release.json"


def run_study(study: object) -> Answer:
    """Run the study at every site of the node; say only that it ended.

    No digest of a payload is in the answer: of a site that was refused the document is so short that its
    digest would tell it before anybody approved it.
    """
    path = held_study(study)
    code, _ = causalsig(
        "site",
        "run",
        path,
        folder("sources"),
        "--inventory",
        file("inventory"),
        "--keys",
        folder("keys"),
        "--out",
        folder("run") / "run",
    )
    return answer(_RUN_ENDED.get(code, "run-incomplete"))


def approved(study: object) -> Answer:
    """Give the releases of this study that lie in the outbox and verify, byte for byte."""
    held_study(study)
    found = []
    for path in sorted(folder("outbox").glob(f"*{SUFFIX}"))[:MAX_SITES]:
        content = _verified(path, str(study))
        if content is not None:
            found.append(content)
    return released(found) if found else answer("not-released")


def held_study(study: object) -> Path:
    """Path of the study this node holds, which must be the one that was named.

    Raises
    ------
    Ended
        ``bad-arguments``, ``other-study``, ``bad-node``.
    """
    wanted = study_of(study)
    path = folder("study") / "study.toml"
    if not path.is_file():
        raise Ended("bad-node")
    code, out = causalsig("study", "check", path, "--format", "json")
    if code or _read(out).get("digest") != wanted:
        raise Ended("other-study")
    return path


def _verified(path: Path, study: str) -> bytes | None:
    """Bytes of a release that verifies, of this study, and that did not change while it was looked at."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_BYTES:
        return None
    content = path.read_bytes()
    code, out = causalsig("release", "verify", path, "--keys", folder("keys"), "--format", "json", *demo())
    said = _read(out)
    right = code == 0 and said.get("kind") == "estimates" and said.get("study_digest") == study
    return content if right and path.read_bytes() == content else None


def _read(out: bytes) -> dict[str, Any]:
    try:
        found = json.loads(out)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
