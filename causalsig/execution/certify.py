"""Whether this study gives right answers at this site: known answers replayed, the site itself simulated.

A certificate has two parts. Analyses with known answers are worked out again, so that a broken numerical
library is noticed (:mod:`certify_oracles`). Then cohorts are drawn that have the site's moments and none of
its episodes (:mod:`certify_moments`, :mod:`certify_draws`), and the study's own analysis says how often its
intervals hold the truth and how often it would find an effect (:mod:`certify_simulation`). Outcomes are
looked at only where the design gate has passed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from causalsig import __version__
from causalsig.execution.certificates import write_certificate
from causalsig.execution.certify_oracles import Compared, replay
from causalsig.execution.digests import content_digest, source_digest
from causalsig.silence import silenced
from causalsig.threads import one_thread

if TYPE_CHECKING:
    from causalsig.execution.certify_simulation import Copy, Row, Simulated
    from causalsig.sources.findings import ReadResult
    from causalsig.study.inventory import Site
    from causalsig.study.models import Study

Verdict = Literal["sound", "failed", "undecided", "refused"]
REPLICATIONS: Final = 200


@dataclass(frozen=True, slots=True)
class CertifyRequest:
    """What ``causalsig certify`` was asked to do.

    Attributes
    ----------
    study, source, inventory : Path
    site : str
        Code in the inventory.
    out : Path
        Folder of the run; the certificate is written to ``sites/CODE`` in it, where ``site run`` finds it.
    replications : int
        Copies of the site that are drawn, each without and with an effect.
    workers : int
    seed : int
    today : datetime.date, optional
        Day on which the agreements must be in force.
    """

    study: Path
    source: Path
    inventory: Path
    site: str
    out: Path
    replications: int = REPLICATIONS
    workers: int = 2
    seed: int = 1
    today: date | None = None

    @property
    def folder(self) -> Path:
        """Where the site's files are."""
        return self.out / "sites" / self.site


@dataclass(frozen=True, slots=True)
class CertifiedQuestion:
    """One question: "certify-sound", the code of what is wrong, or the code that kept it from being asked."""

    question: str
    code: str
    simulated: tuple[Simulated, ...] = ()


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was found.

    Attributes
    ----------
    site : str
    verdict : {"sound", "failed", "undecided", "refused"}
        undecided: of a question that can be asked too few replications gave an estimate to judge it ·
        refused: no question can be asked of this site.
    code : str
        What decided it.
    compared : tuple of Compared
        Every number with a known answer.
    questions : tuple of CertifiedQuestion
        Empty when a known answer was not equalled: then nothing else can be believed.
    replications, seed : int
    inputs : dict of str to str
        Digests of what the certificate is of.
    """

    site: str
    verdict: Verdict
    code: str
    compared: tuple[Compared, ...]
    questions: tuple[CertifiedQuestion, ...]
    replications: int
    seed: int
    inputs: dict[str, str]


Watch = Callable[[str], Callable[[], None]]
"""Called with "simulate" as the replications begin; gives what to call after each."""


def certify_site(request: CertifyRequest, *, watch: Watch | None = None) -> Certificate:
    """Replay known answers, simulate the site, and write the certificate to the site's folder.

    The same request gives the same certificate, byte for byte. Replications are kept as they end, so that a
    run that was killed, or one with more replications, goes on where it was.

    Raises
    ------
    StudyError, SourceError
        As ``site run``: no agreement in force, a source that cannot be read or has an error in it, or a
        folder in which a run is going on.
    """
    from causalsig.execution.processes import only_run
    from causalsig.execution.site import read_site
    from causalsig.execution.worker import refuse_errors
    from causalsig.study.read import read_study

    study = read_study(request.study)
    site, source = _given(request)
    with only_run(request.out):
        request.folder.mkdir(parents=True, exist_ok=True)
        with one_thread(), silenced():
            compared = replay(study)
            read = read_site(source, site)
            refuse_errors(read.findings, site.code)
            inputs = _inputs(study, site, source_digest(source) or content_digest(read))
            copies, questions = _copies(read, study, site) if all(c.passed for c in compared) else ((), ())
        questions = _simulate(request, study, copies, questions, watch)
        verdict, code = _verdict(compared, questions)
        certificate = Certificate(
            request.site, verdict, code, compared, questions, request.replications, request.seed, inputs
        )
        write_certificate(request.folder, record(certificate))
    return certificate


def _given(request: CertifyRequest) -> tuple[Site, Path]:
    """Entry and source of the site, when its agreement is in force."""
    from causalsig.execution.given import find_sources
    from causalsig.execution.run import chosen_sites, no_agreement, no_source
    from causalsig.study.read import read_inventory

    inventory = read_inventory(request.inventory)
    (site,) = chosen_sites(inventory, (request.site,))
    reason = site.agreement.missing(request.today or date.today())
    if reason is not None:
        raise no_agreement(reason, f"site {site.code}")
    given = find_sources([request.source], inventory, [site])
    if site.code not in given.by_site:
        raise no_source(site.code, given)
    return site, given.by_site[site.code]


def _inputs(study: Study, site: Site, source: str) -> dict[str, str]:
    from causalsig.execution.site import lock_digest
    from causalsig.study.digest import study_digest

    return {
        "study": study_digest(study),
        "site": hashlib.sha256(site.model_dump_json().encode()).hexdigest(),
        "program": lock_digest(),
        "source": source,
    }


def _copies(
    read: ReadResult, study: Study, site: Site
) -> tuple[tuple[Copy, ...], tuple[CertifiedQuestion, ...]]:
    """Ask each question of the site itself; of those that have an answer, take what copies are drawn from."""
    from causalsig.cohort.build import build_cohort, site_facts
    from causalsig.cohort.person_periods import person_periods
    from causalsig.execution.analyse import answer
    from causalsig.execution.carried import unanswerable
    from causalsig.execution.certify_simulation import copy_of, given_periods, only_primary
    from causalsig.execution.record import why_not
    from causalsig.execution.site import matching_of

    refused = unanswerable(study, read.carries)
    facts = site_facts(read.tables)
    copies: list[Copy] = []
    questions: list[CertifiedQuestion] = []
    for question in study.asked:
        if question in refused:
            questions.append(CertifiedQuestion(question, why_not(refused[question])))
            continue
        slim, plan = only_primary(study, question)
        cohort = build_cohort(read.tables, plan, study, site, matching_of(site), facts=facts)
        clones = plan.settings.estimator == "clone_censor_weight" and cohort.size > 0
        table = person_periods(cohort, facts, period_days=plan.settings.period_days) if clones else None
        result = answer(cohort, slim, given_periods(table))
        if result.status != "estimated":
            questions.append(CertifiedQuestion(question, why_not(result)))
        elif plan.outcomes[0].kind != "any":
            questions.append(CertifiedQuestion(question, "certify-outcome"))
        else:
            arms = tuple(str(arm) for arm in result.analyses[0].result.arms)
            copies.append(copy_of(cohort, arms, table))
            questions.append(CertifiedQuestion(question, "certify-sound"))
    return tuple(copies), tuple(questions)


def _simulate(
    request: CertifyRequest,
    study: Study,
    copies: tuple[Copy, ...],
    questions: tuple[CertifiedQuestion, ...],
    watch: Watch | None,
) -> tuple[CertifiedQuestion, ...]:
    """Run the replications, kept on disk, and judge each question by them."""
    from causalsig.execution.certify_simulation import replicate, summarise
    from causalsig.execution.replications import kept_replications

    if not copies:
        return questions
    path = request.folder / f"certify-{_identity(study, copies, request.seed)}.jsonl"
    rows: list[Row] = kept_replications(
        partial(replicate, copies, study, request.seed),
        range(request.replications),
        path,
        workers=request.workers,
        on_finish=None if watch is None else watch("simulate"),
    )
    found = summarise(rows, copies, study)
    judged = []
    for question in questions:
        own = tuple(one for one in found if one.question == question.question)
        wrong = [one.code for one in own if one.code != "certify-sound"]
        judged.append(CertifiedQuestion(question.question, wrong[0] if wrong else question.code, own))
    return tuple(judged)


def _identity(study: Study, copies: tuple[Copy, ...], seed: int) -> str:
    """Say by a digest what a replication's numbers follow from."""
    from causalsig.execution.site import lock_digest
    from causalsig.study.digest import study_digest

    laws = [
        [copy.question, effect, law.effect, law.moments.to_dict()]
        for copy in copies
        for effect, law in copy.laws.items()
    ]
    whole = json.dumps([__version__, lock_digest(), study_digest(study), seed, laws])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _verdict(compared: tuple[Compared, ...], questions: tuple[CertifiedQuestion, ...]) -> tuple[Verdict, str]:
    if not all(one.passed for one in compared):
        return "failed", "certify-oracle"
    judged = [question.code for question in questions if question.simulated]
    if not judged:
        return "refused", "certify-no-question"
    wrong = [code for code in judged if code not in ("certify-sound", "certify-too-few")]
    if wrong:
        return "failed", wrong[0]
    if "certify-too-few" in judged:
        return "undecided", "certify-too-few"
    return "sound", "certify-sound"


def record(certificate: Certificate) -> dict[str, Any]:
    """Give the certificate as plain values for JSON; it never leaves."""
    from causalsig.execution.certify_simulation import simulated_record

    return {
        "kind": "certificate",
        "never_leaves": True,
        "site": certificate.site,
        "verdict": certificate.verdict,
        "code": certificate.code,
        "package_version": __version__,
        "inputs": certificate.inputs,
        "replications": certificate.replications,
        "seed": certificate.seed,
        "compared": [
            asdict(one) | {"found": one.found if one.gap < float("inf") else None, "passed": one.passed}
            for one in certificate.compared
        ],
        "questions": [
            {
                "question": question.question,
                "code": question.code,
                "simulated": [simulated_record(one) for one in question.simulated],
            }
            for question in certificate.questions
        ],
    }
