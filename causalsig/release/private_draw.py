"""Drawing the noise of a private release: once, paid for in the ledger, and kept.

In this order, under the ledger's lock: the account is looked at, the document with its noise is forced to
disk in the ledger's folder, the line that spends its epsilon follows, and only then is it put up for review,
where people see it. A kill between any two of these is mended by the same command: a document that is there
is never drawn again, for the mean of several draws would have less noise than any. What is refused after it
was seen stays spent.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from causalsig.errors import RefusedError, ReleaseError
from causalsig.release.approver import check_role
from causalsig.release.build import read_model
from causalsig.release.documents import SCHEMA_VERSION, EstimatesDocument, QuestionEntry
from causalsig.release.files import read_bytes, write_atomic
from causalsig.release.kept import kept_bytes, kept_values
from causalsig.release.keys import SigningKey
from causalsig.release.ledger import Drawn, Ledger, now, read_line
from causalsig.release.private_entries import PrivacyEntry, PrivateBlockEntry, private_arms
from causalsig.release.private_mechanism import private_means, with_noise
from causalsig.release.private_waiting import (
    BlockSums,
    PrivateWaiting,
    public_centre,
    read_private,
)
from causalsig.release.review import document_hash, write_review
from causalsig.release.strict_json import MAX_BYTES, canonical

DRAWS = "draws"
"""Folder, in the ledger's, of the documents whose noise was drawn."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a site has spent, in thousandths of epsilon, and the smallest budget it ever drew under."""

    spent_per_mille: int
    budget_per_mille: int | None


def draw(folder: str | Path, *, key: SigningKey, force: bool = False) -> Path:
    """Draw the noise of what waits in a site's folder, and put the document up for review.

    Parameters
    ----------
    folder : path of the site's folder
    key : SigningKey
        The operator's: the line in the ledger is signed.
    force : bool
        Replace the review of another document, as :func:`causalsig.release.review.write_review`.

    Returns
    -------
    Path
        The review file.

    Raises
    ------
    RefusedError
        ``release-private-budget`` when the account does not hold the release's epsilon.
    ReleaseError
        ``release-private-nothing-waits``, ``release-private-no-opendp``, ``release-private-draw-lost``,
        ``release-key-role``, ``release-exists``, and where the ledger does not hold.
    """
    check_role(key, "operator")
    folder = Path(folder)
    waiting = read_private(folder)
    document = _drawn(waiting, key)
    return write_review(folder, document, memory=waiting.memory(folder), force=force)


def account(ledger: Path, site: str) -> Account:
    """Read what a site has spent.

    Parameters
    ----------
    ledger : Path
        Folder of the ledger.
    site : str
        The ledger's keyed code of the municipality.
    """
    lines = [line for line in map(read_line, Ledger(ledger).links()) if isinstance(line, Drawn)]
    own = [line for line in lines if line.site == site]
    return Account(
        sum(line.epsilon_per_mille for line in own),
        min((line.budget_per_mille for line in own), default=None),
    )


def _drawn(waiting: PrivateWaiting, key: SigningKey) -> EstimatesDocument:
    """Give the document of one study, extract and wave with its noise, drawn now or before."""
    ledger = Ledger(Path(waiting.ledger))
    path = ledger.folder / DRAWS / f"{_name(waiting)}.json"
    with ledger.held() as links:
        own = [
            line for line in map(read_line, links) if isinstance(line, Drawn) and line.site == waiting.site
        ]
        what = (waiting.study_digest, waiting.snapshot, waiting.wave)
        paid = [one for one in own if (one.study_digest, one.snapshot, one.wave) == what]
        if paid:
            return _kept(path, paid[0].payload_hash)
        _check_budget(waiting, own)
        document = _kept(path, None) if path.exists() else noisy_document(waiting)
        write_atomic(path, kept_bytes(document.model_dump(mode="json")), mode=0o600)
        line = Drawn(
            site=waiting.site,
            study_digest=waiting.study_digest,
            snapshot=waiting.snapshot,
            wave=waiting.wave,
            epsilon_per_mille=waiting.epsilon_per_mille,
            budget_per_mille=waiting.budget_per_mille,
            payload_hash=document_hash(document),
            at=now(),
        )
        ledger.chain.append(links, line.model_dump(mode="json"), key)
        return document


def _name(waiting: PrivateWaiting) -> str:
    what = [waiting.site, waiting.study_digest, waiting.snapshot, waiting.wave]
    return hashlib.sha256(canonical(what)).hexdigest()


def _kept(path: Path, payload_hash: str | None) -> EstimatesDocument:
    try:
        document = read_model(EstimatesDocument, kept_values(read_bytes(path, MAX_BYTES)))
    except ReleaseError:
        raise _lost(path) from None
    if payload_hash is not None and document_hash(document) != payload_hash:
        raise _lost(path)
    return document


def _lost(path: Path) -> ReleaseError:
    return ReleaseError(
        "release-private-draw-lost",
        expected="the document whose noise was drawn, as the ledger has it",
        found="none, or another content",
        mend="Put back a copy of the ledger's folder; noise is not drawn twice for the same release.",
        where=f"{path.name[:12]}.json",
    )


def _check_budget(waiting: PrivateWaiting, own: list[Drawn]) -> None:
    budget = min([waiting.budget_per_mille, *(line.budget_per_mille for line in own)])
    spent = sum(line.epsilon_per_mille for line in own)
    if spent + waiting.epsilon_per_mille > budget:
        raise RefusedError(
            "release-private-budget",
            expected=f"an epsilon of {budget / 1000:g} at most, over all private releases of the site",
            found=f"{spent / 1000:g} spent, and {waiting.epsilon_per_mille / 1000:g} asked",
            mend="Ask for a smaller epsilon in the study, or keep what was released.",
        )


def noisy_document(waiting: PrivateWaiting) -> EstimatesDocument:
    """Draw the noise of every question and write the document; spends nothing by itself.

    Every question the study asks has the same part of epsilon, estimated or not: which ones were is data.
    """
    epsilon = waiting.epsilon_per_mille / 1000 / len(waiting.questions)
    return EstimatesDocument(
        kind="estimates",
        schema_version=SCHEMA_VERSION,
        study_digest=waiting.study_digest,
        package_version=waiting.package_version,
        lock_digest=waiting.lock_digest,
        snapshot=waiting.snapshot,
        site_code=waiting.site_code,
        wave=waiting.wave,
        extracted=waiting.extracted,
        floors=waiting.floors,
        questions=tuple(
            QuestionEntry(
                question=one.question,
                status="withheld" if one.block is None else "estimated",
                attrition=(),
                verdicts=(),
                refusals=(),
                analyses=(),
                suppressions=(),
                private=() if one.block is None else (_block(one.block, waiting, epsilon),),
            )
            for one in waiting.questions
        ),
        privacy=(
            PrivacyEntry(
                epsilon_per_mille=waiting.epsilon_per_mille,
                mechanism="discrete-laplace",
                neighbours="one-household-more-or-less",
                given="fixed-nuisances",
                max_episodes=waiting.max_episodes,
            ),
        ),
    )


def _block(block: BlockSums, waiting: PrivateWaiting, epsilon: float) -> PrivateBlockEntry:
    floors = waiting.floors
    risk = floors.expected_risk_per_mille / 1000
    found = private_means(
        with_noise(block.sums(), epsilon=epsilon, max_episodes=waiting.max_episodes),
        centre=public_centre(block.kind, floors),
        bound=block.bound_per_mille / 1000,
        epsilon=epsilon,
        max_episodes=waiting.max_episodes,
        unit=risk * (1.0 - risk),
        smallest=max(floors.min_households_arm, floors.min_effective_size),
    )
    return PrivateBlockEntry(
        outcome=block.outcome,
        estimand=block.estimand,
        estimator=block.estimator,
        kind=block.kind,
        months=block.months,
        reference=block.reference,
        bound_per_mille=block.bound_per_mille,
        arms=private_arms((one.arm for one in block.arms), found),
    )
