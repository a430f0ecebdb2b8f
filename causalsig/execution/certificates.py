"""A certificate that lies in a site's folder: whether it is of this run, and what of it goes along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from causalsig.execution.digests import file_digest
from causalsig.release.certified import UNJUDGED

if TYPE_CHECKING:
    from causalsig.records import SiteCertificate

NAME: Final = "certificate.json"
BINDING: Final = ("study", "site", "program", "source")
"""Inputs that a certificate and the run that carries it must share."""


def with_certificate(inputs: dict[str, str], folder: Path) -> dict[str, str]:
    """Add the digest of the certificate in a site's folder to the inputs of its run, where it is of the same.

    One of another study, source, entry or program (the package with its libraries) says nothing of this run.
    """
    path = folder / NAME
    try:
        of = json.loads(path.read_text("utf-8"))["inputs"]
        same = all(of[name] == inputs[name] for name in BINDING)
        return inputs | {"certificate": file_digest(path)} if same else inputs
    except (OSError, ValueError, KeyError, TypeError):
        return inputs


def certificate_of(folder: Path, inputs: dict[str, str]) -> SiteCertificate | None:
    """Give what a run takes along of the certificate that is among its inputs; None when there is none."""
    from causalsig.records import CertifiedQuestion as Certified
    from causalsig.records import SiteCertificate

    if "certificate" not in inputs:
        return None
    values = json.loads((folder / NAME).read_text("utf-8"))
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
