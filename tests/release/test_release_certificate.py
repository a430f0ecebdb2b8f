"""Of a certificate its verdict leaves; figures only beside the primary block they are about."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from pydantic import ValidationError

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
