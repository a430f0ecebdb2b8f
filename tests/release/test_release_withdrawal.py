"""What the ledger says in a release's life: few apart, once, withdrawn, and held against the files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from causalsig.errors import PoolError, RefusedError, ReleaseError
from causalsig.execution.pool import open_folder
from causalsig.records import SiteResult
from causalsig.release import (
    ReleaseIdentity,
    TrustedKeys,
    build_release,
    new_keys,
    read_signing_key,
    read_trusted,
    verify,
    write_review,
)
from causalsig.release.chain import EMPTY
from causalsig.release.household_sets import cohort_sets, write_sets
from causalsig.release.kept import kept_bytes, kept_values
from causalsig.release.ledger import Candidate, Ledger
from causalsig.release.ledger_check import check_ledger
from causalsig.release.life import approve, document_hash, read_review, refuse
from causalsig.release.remember import candidate_digest, write_candidate
from causalsig.release.withdrawal import SUFFIX, verify_word, withdraw, withdrawn
from causalsig.study.models import Study
from tests.release.desk import approve_both, desks, run
from tests.release.memories import memory_for

Make = Callable[..., SiteResult]


class Provider:
    """A provider with keys, a ledger, and sites whose results wait."""

    def __init__(self, folder: Path, study: Study, make_site: Make) -> None:
        self.folder, self.study, self.make_site = folder, study, make_site
        self.keys, self.outbox, self.ledger = folder / "keys", folder / "outbox", folder / "sites" / "ledger"
        new_keys(self.keys)

    @property
    def trusted(self) -> TrustedKeys:
        return read_trusted(self.keys)

    def put_up(
        self, site: str, *, seed: int = 1, snapshot: str = "b", first: int = 0, households: int = 5000
    ) -> Path:
        """Put up a result for a site: its snapshot, and which households it is of."""
        identity = ReleaseIdentity((site[-1] * 64), snapshot * 64, "0.1.0", "c" * 64, 1)
        release = build_release(self.make_site(seed=seed), study=self.study, identity=identity)
        folder = self.folder / "sites" / site
        memory = memory_for(folder, first=first, households=households)
        write_review(folder, release, memory=memory, force=True)
        return folder

    def release(self, folder: Path, **choices: bool) -> Path:
        return approve_both(folder, self.keys, self.outbox, **choices)


@pytest.fixture
def provider(tmp_path: Path, study: Study, make_site: Make) -> Provider:
    return Provider(tmp_path, study, make_site)


def test_each_release_carries_the_head_it_was_approved_under(provider: Provider) -> None:
    one = provider.release(provider.put_up("9001"))
    two = provider.release(provider.put_up("9002", seed=2))
    heads = [verify(path, trusted=provider.trusted).ledger for path in (one, two)]
    rows = Ledger(provider.ledger).rows()
    assert heads == [EMPTY, rows[0]["hash"]]
    found = check_ledger(provider.ledger, provider.trusted, (provider.outbox,))
    assert (found.lines, found.releases, found.head) == (2, 2, rows[1]["hash"])


def test_lines_taken_off_the_end_are_missed_by_the_files(provider: Provider) -> None:
    provider.release(provider.put_up("9001"))
    provider.release(provider.put_up("9002", seed=2))
    file = provider.ledger / "ledger.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0])
    assert check_ledger(provider.ledger, provider.trusted).lines == 1, "the chain alone cannot tell"
    with pytest.raises(ReleaseError) as caught:
        check_ledger(provider.ledger, provider.trusted, (provider.outbox,))
    assert caught.value.code == "ledger-lost"


def test_a_refusal_taken_off_the_end_is_missed_by_its_review(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.release(provider.put_up("9001"))
    folder = provider.put_up("9002", seed=2)
    key = read_signing_key(provider.keys, "checker")
    refuse(folder, role="checker", name="Another Person", reason="An arm is too small.", key=key)
    file, sites = provider.ledger / "ledger.jsonl", provider.folder / "sites"
    found = check_ledger(provider.ledger, provider.trusted, (provider.outbox,), (sites,))
    assert (found.lines, found.releases, found.reviews, found.vouched) == (2, 1, 2, 2)
    given = ("--keys", provider.keys, "--releases", provider.outbox)
    assert run("ledger", "verify", provider.ledger, *given) == 0
    assert "not checked beyond line 1" in capsys.readouterr().out
    file.write_bytes(file.read_bytes().splitlines(keepends=True)[0])
    assert check_ledger(provider.ledger, provider.trusted, (provider.outbox,)).vouched == 1
    assert run("ledger", "verify", provider.ledger, *given, "--sites", sites) != 0
    assert "[ledger-lost]" in capsys.readouterr().err


def test_an_extract_with_one_household_less_does_not_leave(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.release(provider.put_up("9001"))
    folder = provider.put_up("9001", seed=2, snapshot="d", first=1, households=4999)
    with pytest.raises(RefusedError) as caught:
        provider.release(folder, force=True)
    assert caught.value.code == "ledger-few-apart"
    assert read_review(folder).state == "checked" and not read_review(folder).signatures
    # Beside it another site goes on; the exit code says that something stayed.
    provider.put_up("9002", seed=3)
    for role, name in (("operator", "One Person"), ("checker", "Another Person")):
        who = ("--as", role, "--name", name, "--outbox", provider.outbox)
        who = (*who, "--keys", desks(provider.keys)[role])
        assert run("release", "review", provider.folder / "sites") == 0
        assert run("release", "approve", provider.folder / "sites", *who) == 3
    told = capsys.readouterr().err
    assert "ledger-few-apart" in told and "4999" not in told
    assert read_review(provider.folder / "sites" / "9002").state == "released"
    # Ten households later it may.
    later = provider.put_up("9001", seed=2, snapshot="d", first=10, households=5000)
    provider.release(later, force=True)


def test_a_release_cannot_leave_without_what_the_ledger_must_know(provider: Provider) -> None:
    folder = provider.put_up("9001")
    (folder / "ledger-candidate.json").unlink()
    with pytest.raises(ReleaseError) as caught:
        provider.release(folder)
    assert caught.value.code == "ledger-no-candidate"
    folder = provider.put_up("9001")
    other = provider.put_up("9002", seed=2)
    shutil.copy(other / "ledger-candidate.json", folder / "ledger-candidate.json")
    with pytest.raises(ReleaseError) as caught:
        provider.release(folder)
    assert caught.value.code == "ledger-no-candidate"
    assert not provider.outbox.exists()


def change(folder: Path, **changes: object) -> None:
    """Write other things for the ledger beside a review, with a digest that fits."""
    path = folder / "ledger-candidate.json"
    values = kept_values(path.read_bytes())
    values["candidate"] |= changes
    path.write_bytes(kept_bytes(values))


@pytest.mark.parametrize("what", ["nobody", "others", "numbers", "floor", "share_per_mille", "snapshot"])
def test_one_person_cannot_have_the_ledger_told_something_else(provider: Provider, what: str) -> None:
    folder = provider.put_up("9001")
    before = read_review(folder).told
    sets = {"nobody": {}, "others": {"contact_method:3m14": map(str, range(90_000, 95_000))}}
    changed: object = {"numbers": 1, "floor": 11, "share_per_mille": 1000, "snapshot": "e" * 64}.get(what)
    if what in sets:
        what, changed = "sets", write_sets(folder / "households", cohort_sets(b"x", "9001", sets[what]))
    change(folder, **{what: changed})
    with pytest.raises(ReleaseError, match="ledger-no-candidate"):
        provider.release(folder)
    # Between two approvals neither, and the digest of review.json mended along: then the signatures miss it.
    memory = memory_for(folder)
    document = read_review(folder).document
    assert write_candidate(folder, document, document_hash(document), memory) == before
    key = read_signing_key(provider.keys, "operator")
    who = {"role": "operator", "name": "One Person", "key": key, "trusted": provider.trusted}
    told = read_review(folder).payload_hash
    assert approve(folder, **who, outbox=provider.outbox, payload=told) is None  # type: ignore[arg-type]
    change(folder, **{what: changed})
    values = kept_values((folder / "review.json").read_bytes())
    waiting = kept_values((folder / "ledger-candidate.json").read_bytes())["candidate"]
    values["told"] = candidate_digest(Candidate.model_validate_json(json.dumps(waiting)))
    (folder / "review.json").write_bytes(kept_bytes(values))
    with pytest.raises(ReleaseError, match=r"release-tampered|ledger-no-candidate"):
        provider.release(folder)
    assert not provider.outbox.exists()


def test_review_shows_what_the_ledger_is_told_and_approve_takes_no_other(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = provider.put_up("9001")
    assert run("release", "review", folder) == 0
    shown = capsys.readouterr().out
    assert f"Ledger: {provider.ledger}, 0 lines, head {EMPTY}" in shown
    assert "1 sets of 3000+ households" in shown and "5000" not in shown
    assert str(read_review(folder).told) in shown
    who = ("--as", "operator", "--name", "One Person", "--keys", desks(provider.keys)["operator"])
    more = ("--outbox", provider.outbox, "--payload", read_review(folder).payload_hash)
    assert run("release", "approve", folder, *who, *more, "--ledger", provider.keys / "ledger") == 2
    assert "ledger-other" in capsys.readouterr().err
    assert run("release", "approve", folder, *who, *more, "--ledger", provider.ledger) == 0
    shutil.rmtree(provider.ledger)
    with pytest.raises(ReleaseError, match="ledger-absent"):
        provider.release(folder)


def test_a_line_that_says_other_than_was_signed_is_found(provider: Provider) -> None:
    path = provider.release(provider.put_up("9001"))
    ledger = Ledger(provider.ledger)
    content = ledger.links()[0].content | {"numbers": 1}
    ledger.chain.path.write_bytes(b"")
    with ledger.chain.held() as links:  # by who has a key that signs
        ledger.chain.append(links, content, read_signing_key(provider.keys, "checker"))
    assert check_ledger(provider.ledger, provider.trusted).lines == 1
    with pytest.raises(ReleaseError, match="ledger-lost"):
        check_ledger(provider.ledger, provider.trusted, (path.parent,))


def test_a_withdrawal_that_was_broken_off_is_found(provider: Provider) -> None:
    path = provider.release(provider.put_up("9001"))
    told = read_review(provider.folder / "sites" / "9001").payload_hash
    Ledger(provider.ledger).withdraw(told, read_signing_key(provider.keys, "checker"))
    with pytest.raises(ReleaseError, match="ledger-word-missing"):
        check_ledger(provider.ledger, provider.trusted, (path.parent,))
    taken_back(provider, path)
    assert check_ledger(provider.ledger, provider.trusted, (path.parent,)).lines == 2


def test_what_was_withdrawn_is_pooled_no_more(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    kept = provider.release(provider.put_up("9001"))
    gone = provider.release(provider.put_up("9002", seed=2))
    who = ("--as", "operator", "--keys", provider.keys, "--reason", "erasure")
    copy = gone.read_bytes()
    assert run("release", "withdraw", gone, "--ledger", provider.ledger, *who) == 0
    [word] = provider.outbox.glob(f"*{SUFFIX}")
    assert str(word) in capsys.readouterr().out
    assert not gone.exists() and kept.exists()
    # The university had the file already: with the word beside it, it does not count.
    gone.write_bytes(copy)
    standing = open_folder(provider.outbox, provider.trusted)
    assert [path for path, _ in standing] == [kept]
    with pytest.raises(RefusedError) as caught:
        provider.release(provider.folder / "sites" / "9002")
    assert caught.value.code == "ledger-withdrawn"
    withdraw(
        kept,
        ledger=provider.ledger,
        reason="error",
        key=read_signing_key(provider.keys, "checker"),
        trusted=provider.trusted,
    )
    with pytest.raises(PoolError) as nothing:
        open_folder(provider.outbox, provider.trusted)
    assert nothing.value.code == "pool-all-withdrawn"


def test_a_word_of_somebody_else_takes_nothing_back(provider: Provider, tmp_path: Path) -> None:
    file = provider.release(provider.put_up("9001"))
    with pytest.raises(ReleaseError) as caught:
        withdraw(
            file,
            ledger=provider.ledger,
            reason="error",
            key=read_signing_key(provider.keys, "university"),
            trusted=provider.trusted,
        )
    assert caught.value.code == "release-key-role" and file.exists()
    new_keys(tmp_path / "stranger")
    stranger = read_signing_key(tmp_path / "stranger", "operator")
    word = withdraw(file, ledger=provider.ledger, reason="error", key=stranger, trusted=provider.trusted)
    with pytest.raises(ReleaseError) as caught:
        withdrawn(provider.outbox, provider.trusted)
    assert caught.value.code == "release-unknown-key"
    word.write_bytes(word.read_bytes()[:-10])
    with pytest.raises(ReleaseError) as caught:
        withdrawn(provider.outbox, provider.trusted)
    assert caught.value.code == "release-not-json"


def taken_back(provider: Provider, path: Path) -> Path:
    key = read_signing_key(provider.keys, "checker")
    return withdraw(path, ledger=provider.ledger, reason="erasure", key=key, trusted=provider.trusted)


def test_a_word_whose_line_was_taken_off_is_missed(provider: Provider) -> None:
    word = taken_back(provider, provider.release(provider.put_up("9001")))
    assert check_ledger(provider.ledger, provider.trusted, (provider.outbox,)).lines == 2
    chain = Ledger(provider.ledger).chain.path
    chain.write_bytes(chain.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(ReleaseError, match="ledger-lost"):
        check_ledger(provider.ledger, provider.trusted, (word.parent,))


def test_withdrawing_again_ends_where_it_ended(provider: Provider) -> None:
    path = provider.release(provider.put_up("9001"))
    word = taken_back(provider, path)
    before = word.read_bytes()
    assert taken_back(provider, path) == word and word.read_bytes() == before
    word.unlink()
    with pytest.raises(ReleaseError, match="release-not-readable"):
        taken_back(provider, path)


def test_nothing_is_made_of_what_was_taken_back(
    provider: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = provider.release(provider.put_up("9001"))
    provider.release(provider.put_up("9002", seed=2))
    content, keys = file.read_bytes(), ("--keys", provider.keys)
    assert run("release", "verify", file, *keys) == 0
    who = ("--as", "operator", *keys, "--reason", "error")
    assert run("release", "withdraw", file, "--ledger", provider.ledger, *who) == 0
    file.write_bytes(content)
    [word] = provider.outbox.glob(f"*{SUFFIX}")
    page = tmp_path / "page.html"
    capsys.readouterr()
    for command in (
        ("release", "verify", file, *keys),
        ("release", "thresholds", file, *keys),
        ("release", "crate", file, *keys, "--out", tmp_path / "crate"),
        ("report", "municipality", file, *keys, "--name", "Voorbeeldstad", "--output", page),
        ("report", "fairness", file, *keys, "--name", "Voorbeeldstad", "--output", page),
    ):
        assert run(*command) == 3, command
        assert "[release-withdrawn]" in capsys.readouterr().err
    assert not page.exists() and not (tmp_path / "crate").exists()
    assert run("release", "verify", word, *keys) == 0
    told = capsys.readouterr().out
    assert (
        "withdrawal of estimates, reason: error" in told
        and verify_word(word, trusted=provider.trusted).payload_hash in told
    )
    assert run("study", "flow", "vroegsignalering", provider.outbox, *keys, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["sites"] == 1


def test_the_national_page_counts_only_what_stands(
    provider: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = provider.release(provider.put_up("9001"))
    provider.release(provider.put_up("9002", seed=2))
    out, keys = tmp_path / "pooled", ("--keys", provider.keys)
    assert run("pool", "vroegsignalering", provider.outbox, *keys, "--out", out) == 0
    content = file.read_bytes()
    shown = {}
    for state in ("standing", "withdrawn"):
        if state == "withdrawn":
            who = ("--as", "operator", *keys, "--reason", "error")
            assert run("release", "withdraw", file, "--ledger", provider.ledger, *who) == 0
            file.write_bytes(content)
        page = tmp_path / f"{state}.html"
        chosen = ("--releases", provider.outbox, "--output", page)
        assert run("report", "national", out / "pool.json", *keys, *chosen) == 0
        shown[state] = page.read_text()
    capsys.readouterr()
    assert shown["standing"] != shown["withdrawn"]
    assert "van 2 gemeenten" in shown["standing"] and "van 2 gemeenten" not in shown["withdrawn"]
