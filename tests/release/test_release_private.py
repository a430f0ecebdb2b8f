"""The life of a private release: drawn once, paid for in the ledger, reviewed, released, and pooled."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from causalsig.errors import RefusedError, ReleaseError
from causalsig.execution.standing import standing
from causalsig.pooling import pool_arms
from causalsig.records import SiteResult
from causalsig.release import ReleaseIdentity, new_keys, read_signing_key, read_trusted
from causalsig.release.build import build_release, read_model, released_arms
from causalsig.release.documents import EstimatesDocument
from causalsig.release.ledger import Ledger
from causalsig.release.life import read_review, refuse
from causalsig.release.private_draw import DRAWS, account, draw, noisy_document
from causalsig.release.private_waiting import read_private, waiting_hash, write_private
from causalsig.release.reading import read_leaves
from causalsig.release.signed import open_release
from causalsig.study.digest import study_digest
from causalsig.study.models import Study
from causalsig.study.privacy import Bounds, Privacy
from causalsig.study.site_policy import SitePolicy, under_policy
from tests.release.desk import approve_both, run
from tests.release.memories import memory_for

Make = Callable[..., SiteResult]
BOUND = 8.0


def private(study: Study, epsilon: float = 1.0, budget: float = 2.0) -> Study:
    bounds = Bounds(accepted_help=BOUND, contact_method=BOUND)
    return study.model_copy(
        update={"privacy": Privacy(epsilon=epsilon, epsilon_budget=budget, bounds=bounds)}
    )


def with_influence(site: SiteResult, seed: int = 1) -> SiteResult:
    """Give every block influence values of the size its arms say."""
    r = np.random.default_rng(seed)
    questions = []
    for question in site.questions:
        analyses = []
        for one in question.analyses:
            total = one.result.households_total
            values = one.result.means + r.uniform(-1.0, 1.0, size=(total, len(one.result.arms)))
            result = replace(one.result, influence=values, clusters=np.arange(total, dtype=np.int64))
            analyses.append(replace(one, result=result))
        questions.append(replace(question, analyses=tuple(analyses)))
    return replace(site, questions=tuple(questions))


class Provider:
    def __init__(self, folder: Path, study: Study, make_site: Make) -> None:
        self.keys, self.sites, self.study = folder / "keys", folder / "sites", study
        self.outbox = folder / "outbox"
        new_keys(self.keys)
        self.operator = read_signing_key(self.keys, "operator")
        self.made = with_influence(make_site())

    def wait(self, code: str = "9001", snapshot: str = "b", wave: int = 1, **changes: float) -> Path:
        folder = self.sites / code
        identity = ReleaseIdentity(code[-1] * 64, snapshot * 64, "0.1.0", "c" * 64, wave)
        study = private(self.study, **changes)
        write_private(folder, self.made, study=study, identity=identity, memory=memory_for(folder))
        return folder

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.sites / "ledger")


@pytest.fixture
def provider(tmp_path: Path, study: Study, make_site: Make) -> Provider:
    return Provider(tmp_path, study, make_site)


def test_a_draw_is_paid_for_reviewed_and_read_by_the_pool(provider: Provider) -> None:
    folders = [provider.wait(code) for code in ("9001", "9002", "9003")]
    files = []
    for folder in folders:
        draw(folder, key=provider.operator)
        files.append(approve_both(folder, provider.keys, provider.outbox))
    trusted = read_trusted(provider.keys)
    documents = [open_release(path, trusted=trusted).document for path in files]
    assert all(one.privacy[0].epsilon_per_mille == 1000 for one in documents)
    rows = provider.ledger.rows()
    assert [row["event"] for row in rows] == ["drawn", "released"] * 3
    provider.ledger.verify(trusted)
    blocks = [block for one in documents for block in released_arms(one)]
    pool = pool_arms(blocks, provider.study, "0" * 64)
    assert {row.question for row in pool.contrasts} == {"accepted_help", "contact_method"}
    assert all(row.sites == 3 and row.primary for row in pool.contrasts)


def test_beside_noise_nothing_without_noise_leaves(provider: Provider) -> None:
    document = noisy_document(read_private(provider.wait()))
    told = {path for _, path, _ in ((leaf.place, leaf.path, 0) for leaf in read_leaves(
        document.model_dump(mode="json")))}  # fmt: skip
    data = {path for path in told if path.startswith("questions")}
    heads = {"questions[].question", "questions[].status"}
    assert all(path.startswith("questions[].private[].") for path in data - heads)
    plain = build_release(
        provider.made, study=provider.study, identity=ReleaseIdentity("1" * 64, "b" * 64, "0.1.0", "c" * 64)
    ).document.model_dump(mode="json")
    mixed = document.model_dump(mode="json")
    mixed["questions"][0]["attrition"] = plain["questions"][0]["attrition"]
    with pytest.raises(ReleaseError, match="schema"):
        read_model(EstimatesDocument, mixed)
    unsaid = document.model_dump(mode="json")
    unsaid["privacy"] = []
    with pytest.raises(ReleaseError, match="schema"):
        read_model(EstimatesDocument, unsaid)


def test_a_document_without_noise_is_written_as_before(provider: Provider) -> None:
    plain = build_release(
        provider.made, study=provider.study, identity=ReleaseIdentity("1" * 64, "b" * 64, "0.1.0", "c" * 64)
    ).document.model_dump(mode="json")
    assert "privacy" not in plain
    assert all("private" not in question for question in plain["questions"])


def test_every_question_has_the_same_part_of_epsilon_estimated_or_not(provider: Provider) -> None:
    both = noisy_document(read_private(provider.wait()))
    first = provider.made.questions[0]
    provider.made = replace(
        provider.made,
        questions=(replace(first, status="withheld", analyses=()), provider.made.questions[1]),
    )
    one = noisy_document(read_private(provider.wait()))
    assert [bool(entry.private) for entry in one.questions] == [False, True]
    # Noise is told to the power of √2 nearest: with all of epsilon it would be two steps smaller.
    noise = [document.questions[1].private[0].arms[0].noise for document in (both, one)]
    assert abs(noise[0] - noise[1]) <= 1


def test_drawing_again_gives_the_same_bytes_and_spends_nothing(provider: Provider) -> None:
    folder = provider.wait()
    first = draw(folder, key=provider.operator).read_bytes()
    provider.wait()  # the site is run again
    assert draw(folder, key=provider.operator).read_bytes() == first
    (folder / "review.json").unlink()
    draw(folder, key=provider.operator)
    assert read_review(folder).payload_hash == json.loads(first)["payload_hash"]
    assert account(provider.ledger.folder, read_private(folder).site).spent_per_mille == 1000


def test_what_is_refused_after_it_was_seen_stays_spent_and_is_not_drawn_anew(provider: Provider) -> None:
    folder = provider.wait()
    draw(folder, key=provider.operator)
    seen = read_review(folder).payload_hash
    checker = read_signing_key(provider.keys, "checker")
    refuse(folder, role="checker", name="Another Person", key=checker, reason="an unlucky draw")
    draw(folder, key=provider.operator)
    assert read_review(folder).payload_hash == seen
    assert account(provider.ledger.folder, read_private(folder).site).spent_per_mille == 1000


def test_a_budget_is_of_the_site_over_all_extracts_and_studies(provider: Provider) -> None:
    draw(provider.wait(), key=provider.operator)
    draw(provider.wait(snapshot="d", wave=2), key=provider.operator, force=True)
    with pytest.raises(RefusedError) as caught:
        draw(provider.wait(snapshot="e", wave=3), key=provider.operator, force=True)
    assert caught.value.code == "release-private-budget"
    draw(provider.wait("9002", snapshot="e", wave=3), key=provider.operator)  # another site has its own


def test_a_larger_budget_later_does_not_lift_an_earlier_smaller_one(provider: Provider) -> None:
    draw(provider.wait(budget=1.5), key=provider.operator)
    with pytest.raises(RefusedError, match=r"epsilon of 1\.5"):
        draw(provider.wait(snapshot="d", wave=2, budget=50.0), key=provider.operator, force=True)


@pytest.mark.parametrize("stage", ["before the line", "before the review"])
def test_a_kill_between_two_steps_is_mended_without_a_second_draw(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Kill by an exception that nothing catches: what is on disk then is all that a kill leaves."""
    from causalsig.release import chain, private_draw

    folder = provider.wait()
    with monkeypatch.context() as patch:
        if stage == "before the line":
            patch.setattr(chain.Chain, "append", _killed)
        else:
            patch.setattr(private_draw, "write_review", _killed)
        with pytest.raises(KeyboardInterrupt):
            draw(folder, key=provider.operator)
    [drawn] = (provider.ledger.folder / DRAWS).iterdir()
    kept = drawn.read_bytes()
    draw(folder, key=provider.operator)
    assert [path.read_bytes() for path in (provider.ledger.folder / DRAWS).iterdir()] == [kept]
    assert [row["event"] for row in provider.ledger.rows()] == ["drawn"]


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_document_that_is_gone_is_not_drawn_again(provider: Provider) -> None:
    folder = provider.wait()
    draw(folder, key=provider.operator)
    [drawn] = (provider.ledger.folder / DRAWS).iterdir()
    drawn.unlink()
    with pytest.raises(ReleaseError) as caught:
        draw(folder, key=provider.operator)
    assert caught.value.code == "release-private-draw-lost"


def test_only_an_operator_draws(provider: Provider) -> None:
    folder = provider.wait()
    with pytest.raises(ReleaseError) as caught:
        draw(folder, key=read_signing_key(provider.keys, "checker"))
    assert caught.value.code == "release-key-role"
    assert not (provider.ledger.folder / DRAWS).exists()


def test_the_command_draws_and_says_when_nothing_waits(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = provider.wait()
    assert run("release", "draw", folder.parent, "--keys", provider.keys) == 0
    assert "review.json" in capsys.readouterr().out
    assert run("ledger", "show", provider.ledger.folder) == 0
    assert "epsilon 1 of 2" in capsys.readouterr().out
    assert run("release", "review", folder) == 0
    assert "standard deviation of the noise" in capsys.readouterr().out
    (folder / "private.json").unlink()
    assert run("release", "draw", folder, "--keys", provider.keys) != 0


def test_a_run_that_waits_can_stand(provider: Provider, tmp_path: Path) -> None:
    folder = provider.wait()
    (folder / "site.json").write_text("{}", encoding="utf-8")
    from causalsig.execution.digests import file_digest

    record = {
        "inputs": {}, "wave": 1, "site_digest": file_digest(folder / "site.json"),
        "payload_hash": waiting_hash(read_private(folder)), "questions": {}, "reasons": {},
        "seconds": {}, "finished": "2026-09-30T00:00:00Z",
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert standing(folder, {}, 1) is not None
    (folder / "private.json").write_text("{}", encoding="utf-8")
    assert standing(folder, {}, 1) is None


def test_a_municipality_may_ask_for_less_and_never_for_more(study: Study) -> None:
    asked = private(study, epsilon=1.0, budget=2.0)
    less = under_policy(asked, SitePolicy(max_epsilon=0.5)).privacy
    assert less is not None and (less.epsilon, less.epsilon_budget) == (0.5, 2.0)
    small = under_policy(asked, SitePolicy(epsilon_budget=0.3)).privacy
    assert small is not None and (small.epsilon, small.epsilon_budget) == (0.3, 0.3)
    more = under_policy(asked, SitePolicy(max_epsilon=9.0, epsilon_budget=90.0))
    assert more.privacy == asked.privacy


def test_a_study_without_the_option_keeps_its_digest_and_with_it_has_another(study: Study) -> None:
    assert "privacy" not in study.model_dump(mode="json")
    assert study_digest(private(study)) != study_digest(study)


def test_every_question_needs_a_bound(study: Study) -> None:
    values = study.model_dump(mode="json")
    values["privacy"] = {"epsilon": 1.0, "epsilon_budget": 1.0, "bounds": {"accepted_help": 8.0}}
    with pytest.raises(ValidationError, match="contact_method"):
        Study.model_validate_json(json.dumps(values))
