"""Results on disk: generated, sealed, compared with the code they speak of."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import causalsig
from evidence.claim import ROOT, Claim, Verdict

RESULTS = "evidence/results"
WORK = "evidence/work"
_LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn")


def compose(claim: Claim, verdict: Verdict, digest: str, seconds: float, computed: float) -> dict[str, Any]:
    """Put together the record of a run.

    Raises
    ------
    ValueError
        The verdict lacks `passed` or `figures`, or says something a record has no place for.
    """
    allowed = {"passed", "figures", "seed", "replications"}
    if not {"passed", "figures"} <= set(verdict) <= allowed or not isinstance(verdict["passed"], bool):
        raise ValueError(
            f"claim {claim.name}: expected passed (bool), figures and perhaps seed and replications; "
            f"found {sorted(verdict)}"
        )
    versions = {"python": platform.python_version(), "causalsig": causalsig.__version__}
    record = {
        "name": claim.name,
        "claim": claim.text,
        "issue": claim.issue,
        "passed": verdict["passed"],
        "figures": verdict["figures"],
        "seed": verdict.get("seed"),
        "replications": verdict.get("replications"),
        "seconds": round(seconds, 1),
        "computed_seconds": round(computed, 1),
        "ran": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": versions | {name: metadata.version(name) for name in _LIBRARIES},
        "machine": platform.machine(),
        "covers": list(claim.covers),
        "digest": digest,
    }
    return record | {"seal": _seal(record)}


def write(record: Mapping[str, Any], folder: Path) -> Path:
    """Write a record, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record['name']}.json"
    draft = path.with_suffix(".part")
    draft.write_text(
        json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    draft.replace(path)
    return path


def read_all(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """Return every record by name."""
    files = sorted((root / RESULTS).glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def state(claim: Claim, record: Mapping[str, Any] | None, root: Path = ROOT) -> str:
    """Say how a claim stands: ``ok``, or what is wrong with its result."""
    if record is None:
        return "missing: never run"
    if record.get("seal") != _seal({key: value for key, value in record.items() if key != "seal"}):
        return "edited: the result is not what the run wrote"
    if record["digest"] != claim.digest(root):
        return f"stale: the code changed since {record['ran']}"
    return "ok" if record["passed"] else "failed: the claim does not hold"


def _seal(record: Mapping[str, Any]) -> str:
    """Digest of a record, to notice an edit by hand."""
    words = json.dumps(record, sort_keys=True, allow_nan=False, ensure_ascii=True)
    return hashlib.sha256(words.encode()).hexdigest()
