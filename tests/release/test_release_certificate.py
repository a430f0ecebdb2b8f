"""Of a certificate its verdict leaves; figures only beside the primary block they are about."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from causalsig.execution.certificates import certificate_of, write_certificate
from causalsig.records import CertifiedQuestion, SiteCertificate, SiteResult
from causalsig.release.build import ReleaseIdentity, build_release
from causalsig.release.documents import EstimatesDocument
from causalsig.release.strict_json import canonical
from causalsig.study.models import Study

CERTIFICATE = SiteCertificate(
    "sound",
    "certify-sound",
    200,
    (
        CertifiedQuestion("accepted_help", "certify-sound", 0.935, 0.123456),
        CertifiedQuestion("contact_method", "certify-sound", 0.955, 0.987654),
    ),
)
Release = Callable[[SiteResult], EstimatesDocument]


@pytest.fixture
def release(study: Study, identity: ReleaseIdentity) -> Release:
    return lambda site: build_release(site, study=study, identity=identity).document


def test_figures_leave_on_coarse_grids(make_site: Callable[..., SiteResult], release: Release) -> None:
    document = release(replace(make_site(), certificate=CERTIFICATE))
    (told,) = document.certificate
    assert (told.verdict, told.code, told.replications) == ("sound", "certify-sound", 200)
    assert [(one.coverage, one.power) for one in told.questions] == [(19, 1), (19, 10)]
    assert EstimatesDocument.model_validate_json(canonical(document.model_dump(mode="json"))) == document


def test_a_question_whose_block_is_held_back_has_no_figure(
    make_site: Callable[..., SiteResult], release: Release
) -> None:
    site = make_site()
    withheld = replace(site.questions[0], status="withheld", analyses=(), regions=(), components=None)
    document = release(replace(site, questions=(withheld, site.questions[1]), certificate=CERTIFICATE))
    first, second = document.certificate[0].questions
    assert (first.coverage, first.power) == (None, None) != (second.coverage, second.power)
    values = document.model_dump(mode="json")
    values["certificate"][0]["questions"][0]["power"] = 1
    with pytest.raises(ValidationError, match="question that is not released"):
        EstimatesDocument.model_validate_json(json.dumps(values))


def test_without_a_certificate_there_is_none(make_site: Callable[..., SiteResult], release: Release) -> None:
    assert release(make_site()).certificate == ()


def test_a_certificate_speaks_of_a_question_once(make_site: Callable[..., SiteResult]) -> None:
    from causalsig.release.certified import certificate_entries

    twice = replace(CERTIFICATE, questions=CERTIFICATE.questions[:1] * 2)
    with pytest.raises(ValidationError, match="certified twice"):
        certificate_entries(twice, frozenset({"accepted_help"}))


def test_copies_too_few_to_be_judged_tell_no_figure(
    make_site: Callable[..., SiteResult], release: Release
) -> None:
    few = replace(CERTIFICATE.questions[1], code="certify-too-few")
    six = SiteCertificate("undecided", "certify-too-few", 6, (CERTIFICATE.questions[0], few))
    document = release(replace(make_site(), certificate=six))
    judged, unjudged = document.certificate[0].questions
    assert (unjudged.coverage, unjudged.power) == (None, None) != (judged.coverage, judged.power)
    values = document.model_dump(mode="json")
    for name in ("coverage", "power"):
        told = values["certificate"][0]["questions"][1]
        values["certificate"][0]["questions"][1] = told | {name: 10}
        with pytest.raises(ValidationError, match="too few copies"):
            EstimatesDocument.model_validate_json(json.dumps(values))
        values["certificate"][0]["questions"][1] = told


def simulated(effect: str, coverage: float | None, found: float | None, code: str) -> dict[str, object]:
    return {"effect": effect, "coverage": coverage, "found": found, "code": code}


@pytest.mark.parametrize(
    ("parts", "figures"),
    [
        ([("null", 0.96, 0.04, "certify-sound"), ("modest", 0.94, 0.3, "certify-sound")], (0.94, 0.3)),
        ([("null", 0.8, 0.2, "certify-coverage"), ("modest", 0.94, 0.3, "certify-sound")], (0.8, 0.3)),
        ([("null", 1.0, 0.0, "certify-too-few"), ("modest", 1.0, 0.8, "certify-too-few")], (None, None)),
        ([("null", 0.8, 0.2, "certify-coverage"), ("modest", 1.0, 0.8, "certify-too-few")], (None, None)),
        ([("null", 1.0, 0.0, "certify-too-few"), ("modest", 0.94, 0.3, "certify-sound")], (None, 0.3)),
        ([("null", None, None, "certify-too-few"), ("modest", None, None, "certify-too-few")], (None, None)),
        ([], (None, None)),
    ],
)
def test_a_run_takes_along_the_smaller_coverage_of_copies_enough(
    tmp_path: Path, parts: list[tuple[str, float, float, str]], figures: tuple[float | None, float | None]
) -> None:
    question = {"question": "contact_method", "code": "x", "simulated": [simulated(*one) for one in parts]}
    values = {"verdict": "sound", "code": "certify-sound", "replications": 200, "questions": [question]}
    write_certificate(tmp_path, values)
    found = certificate_of(tmp_path, {"certificate": "of this run"})
    assert found is not None
    assert (found.questions[0].coverage, found.questions[0].power) == figures
