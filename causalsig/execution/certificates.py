"""A certificate that lies in a site's folder: whether it is of this run, and what of it goes along."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from causalsig.errors import ReleaseError
from causalsig.execution.digests import file_digest
from causalsig.release.certified import UNJUDGED
from causalsig.release.files import read_bytes, write_atomic
from causalsig.release.kept import DIGEST

if TYPE_CHECKING:
    from causalsig.records import SiteCertificate

NAME: Final = "certificate.json"
BINDING: Final = ("study", "site", "program", "source")
"""Inputs that a certificate and the run that carries it must share."""
_MAX_BYTES: Final = 10_000_000


def write_certificate(folder: Path, values: dict[str, Any]) -> None:
    """Write a certificate with its own digest, for its owner only."""
    content = json.dumps({**values, DIGEST: _digest(values)}, indent=1, sort_keys=True) + "\n"
    write_atomic(folder / NAME, content.encode(), force=True, mode=0o600)


def with_certificate(inputs: dict[str, str], folder: Path) -> dict[str, str]:
    """Add the digest of the certificate in a site's folder to the inputs of its run, where it is of the same.

    One of another study, source, entry or program (the package with its libraries) says nothing of this run;
    one that was changed since it was written, or that cannot be read, says nothing at all.
    """
    path = folder / NAME
    try:
        of = _written(path)["inputs"]
        same = all(of[name] == inputs[name] for name in BINDING)
        return inputs | {"certificate": file_digest(path)} if same else inputs
    except (ReleaseError, OSError, ValueError, KeyError, TypeError, RecursionError):
        return inputs


def _written(path: Path) -> dict[str, Any]:
    values = dict(json.loads(read_bytes(path, _MAX_BYTES).decode("utf-8")))
    if values.pop(DIGEST, None) != _digest(values):
        raise ValueError("changed since it was written")
    return values


def _digest(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def certificate_of(folder: Path, inputs: dict[str, str]) -> SiteCertificate | None:
    """Give what a run takes along of the certificate that is among its inputs; None when there is none."""
    from causalsig.records import CertifiedQuestion as Certified
    from causalsig.records import SiteCertificate

    if "certificate" not in inputs:
        return None
    values = _written(folder / NAME)
    return SiteCertificate(
        verdict=values["verdict"],
        code=values["code"],
        replications=values["replications"],
        questions=tuple(
            Certified(one["question"], one["code"], *_figures(one["simulated"]))
            for one in values["questions"]
        ),
    )


def _figures(simulated: list[dict[str, Any]]) -> tuple[float | None, float | None]:
    """Give coverage and power; None of copies too few to be judged: six say 1 or 0.8 of anything."""
    judged = {part["effect"]: part for part in simulated if part["code"] != UNJUDGED}
    coverage = min((part["coverage"] for part in judged.values()), default=None)
    power = judged["modest"]["found"] if "modest" in judged else None
    return (coverage if len(judged) == len(simulated) else None), power
