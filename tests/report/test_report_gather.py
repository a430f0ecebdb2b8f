"""Pages are gathered from released documents: thresholds as the study set them, sites counted by question."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from causalsig.records import QuestionResult, Refusal, SiteResult, Verdict
from causalsig.release import ReleaseIdentity, build_release
from causalsig.release.documents import EstimatesDocument
from causalsig.report.gather import municipality_page, national_page
from causalsig.report.pages import Absent, CheckCount
from causalsig.study.digest import study_digest
from causalsig.study.models import Study
from causalsig.study.read import read_study
from tests.release.conftest import question_result
from tests.report.page_factory import pool

TODAY = date(2026, 7, 3)
PRIMARY = "any_new_arrears_3m"


@pytest.fixture(scope="module")
def study() -> Study:
    return read_study("vroegsignalering")


def contact(**changes: object) -> QuestionResult:
    found = question_result("contact_method", (420, 310, 260, 230, 510), np.random.default_rng(3))
    return replace(found, **changes)  # type: ignore[arg-type]


def document(study: Study, site: str, *questions: QuestionResult) -> EstimatesDocument:
    result = SiteResult("9001", study_digest(study), date(2026, 6, 30), questions, ())
    identity = ReleaseIdentity(site * 64, "b" * 64, "0.1.0", "c" * 64, 1)
    return build_release(result, study=study, identity=identity).document


def accepted() -> QuestionResult:
    return question_result("accepted_help", (240, 900), np.random.default_rng(4))


def test_a_threshold_reads_as_the_study_set_it(study: Study) -> None:
    verdicts = (
        Verdict("design", "gate-balance", True, 0.04, 0.1),
        Verdict("design", "gate-equipoise", True, 0.61, 0.125),
        Verdict("design", "gate-effective-sample-size", True, 210.0, 30.0),
    )
    found = document(study, "a", contact(verdicts=verdicts))
    page = municipality_page(found, None, study, name="Voorbeeldstad", written_on=TODAY)
    assert [verdict.threshold for verdict in page.own[0].verdicts] == [0.1, 0.125, 30.0]
    assert page.own[0].verdicts[0].value == 0.04


def test_a_failed_check_of_another_estimand_does_not_count(study: Study) -> None:
    verdicts = (
        Verdict("design", "gate-equipoise", True, 0.61, 0.2),
        Verdict("design", "gate-balance", True, 0.04, 0.1, None, "ATO"),
        Verdict("design", "gate-balance", False, 0.4, 0.1, None, "ATE"),
        Verdict("design", "gate-effective-sample-size", False, 12.0, 30.0, None, "ATE"),
        Verdict("design", "gate-positivity", False, 0.4, 0.05, None, "ATE"),
    )
    everyone = replace(pool("all"), study_digest=study_digest(study))
    found = document(study, "a", contact(verdicts=verdicts))
    page = national_page(everyone, study, written_on=TODAY, documents=[found])
    assert page.balance_limit == study.diagnostics.max_smd
    assert set(page.checks) == {
        CheckCount("gate-equipoise", 1, 0),
        CheckCount("gate-balance", 1, 0),
        CheckCount("gate-positivity", 0, 1),
    }


def test_what_another_estimator_says_stands_beside_the_answer_and_not_among_it(study: Study) -> None:
    answers = replace(pool("all"), study_digest=study_digest(study))
    other = [
        replace(c, estimator="doubly_robust") for c in answers.contrasts if c.question == "accepted_help"
    ]
    both = replace(answers, contrasts=(*answers.contrasts, *other))
    page = national_page(both, study, written_on=TODAY)
    assert page.pool == answers
    assert page.beside == tuple(other)


def test_a_site_counts_once_for_every_question_whose_primary_block_it_lacks(study: Study) -> None:
    """Four sites: complete; ATE only; primary block held back by a floor; contact method refused."""
    whole = contact()
    ate_only = contact(
        analyses=tuple(a for a in whole.analyses if a.estimand == "ATE"),
        refusals=(
            Refusal("release-arm-floor", "contact_method", arm="message"),
            Refusal("cohort-arm-set-incomplete", "contact_method", PRIMARY, "ATO"),
        ),
    )
    # Nobody of a group came back: the class floor holds the block, in spite of the other estimand's reason.
    held = contact(
        analyses=tuple(
            replace(a, households_with=(0,) * 5) if (a.primary or a.months == 6) else a
            for a in whole.analyses
        ),
        refusals=(Refusal("gate-design-failed", "contact_method", PRIMARY, "ATE"),),
    )
    refused = contact(
        status="refused",
        analyses=(),
        verdicts=(),
        refusals=(Refusal("cohort-no-entry-window", "contact_method"),),
    )
    documents = [
        document(study, site, question, accepted())
        for site, question in zip("abcd", (whole, ate_only, held, refused), strict=True)
    ]
    everyone = replace(pool("all"), study_digest=study_digest(study))
    page = national_page(everyone, study, written_on=TODAY, documents=documents)
    assert page.released == 4
    assert set(page.absent) == {
        Absent("contact_method", "cohort-arm-set-incomplete", 1),
        Absent("contact_method", "release-class-floor", 1),
        Absent("contact_method", "cohort-no-entry-window", 1),
    }
    without = national_page(everyone, study, written_on=TODAY)
    assert (without.released, without.absent) == (0, ())


def test_the_statisticians_rows_are_those_of_the_pool_waves_together_and_no_site_it_left_out(
    study: Study,
) -> None:
    waves = [document(study, "a", contact()) for _ in range(2)]
    waves[1] = waves[1].model_copy(update={"wave": 2})
    left_out = document(study, "d", contact())
    everyone = replace(
        pool("all"), study_digest=study_digest(study), left_out=(("d" * 64, "pool-not-fresh"),)
    )
    page = national_page(everyone, study, written_on=TODAY, documents=[*waves, left_out], with_sites=True)
    keys = [(block.site, block.outcome, block.estimand) for block in page.sites]
    assert keys and len(keys) == len(set(keys)) and {site for site, *_ in keys} == {"a" * 64}
