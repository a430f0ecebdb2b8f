"""Two people let a release leave; after that no byte of it changes unseen."""

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causalsig.errors import RefusedError, ReleaseError
from causalsig.records import PoolResult, SiteResult
from causalsig.release import (
    ReleaseIdentity,
    TrustedKeys,
    approve,
    build_pool_document,
    build_release,
    new_key,
    new_keys,
    open_release,
    read_pool,
    read_provider_key,
    read_release,
    read_signing_key,
    read_trusted,
    refuse,
    verify,
    write_pool,
    write_review,
)
from causalsig.release.build import CheckedRelease
from causalsig.release.chain import EMPTY
from causalsig.release.envelope import payload_bytes, pre_authentication, seal, unseal
from causalsig.release.kept import kept_bytes
from causalsig.release.keys import revoke_key
from causalsig.release.life import document_hash, look, read_review
from causalsig.release.review_log import LogEntry, entry_hash
from causalsig.release.strict_json import parse
from causalsig.study.models import Study
from tests.release.desk import approve_both
from tests.release.memories import memory_for

Make = Callable[..., SiteResult]


@pytest.fixture(scope="session")
def release(study: Study, make_site: Make, identity: ReleaseIdentity) -> CheckedRelease:
    return build_release(make_site(), study=study, identity=identity)


@pytest.fixture(scope="session")
def other_release(study: Study, make_site: Make, identity: ReleaseIdentity) -> CheckedRelease:
    return build_release(make_site(seed=2), study=study, identity=identity)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    new_keys(folder)
    return folder


@pytest.fixture(scope="session")
def trusted(keys: Path) -> TrustedKeys:
    return read_trusted(keys)


@pytest.fixture(scope="session")
def envelope(release: CheckedRelease, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("site")
    write_review(folder, release, memory=memory_for(folder))
    return approve_both(folder, keys, folder / "outbox").read_bytes()


def test_nothing_leaves_before_both_have_approved(
    tmp_path: Path, release: CheckedRelease, keys: Path, trusted: TrustedKeys
) -> None:
    folder, outbox = tmp_path / "9001", tmp_path / "outbox"
    write_review(folder, release, memory=memory_for(folder))
    assert [entry.step for entry in read_review(folder).log] == ["computed", "checked"]
    operator, checker = (read_signing_key(keys, role) for role in ("operator", "checker"))
    look(folder)
    assert approve(folder, role="operator", name="A", key=operator, trusted=trusted, outbox=outbox) is None
    look(folder)
    assert approve(folder, role="operator", name="A", key=operator, trusted=trusted, outbox=outbox) is None
    assert not outbox.exists() and read_review(folder).state == "checked"
    look(folder)
    path = approve(
        folder, role="checker", name="B", key=checker, trusted=trusted, outbox=outbox, reason="as agreed"
    )
    assert path == outbox / f"{release.document.site_code}.release.json"
    opened = open_release(path, trusted=trusted)
    assert opened.document == release.document == read_release(path, trusted=trusted)
    assert not opened.demo and opened.payload_hash == document_hash(release.document)
    review = read_review(folder)
    assert review.state == "released"
    steps = [(e.step, e.role, e.name) for e in review.log[2:]]
    both = [("approved", "operator", "A"), ("seen", "site", ""), ("approved", "checker", "B")]
    assert steps == [("seen", "site", ""), *both, ("released", "site", "")]
    assert {entry.payload_hash for entry in review.log} == {opened.payload_hash}


def test_names_and_reasons_stay_inside(envelope: bytes) -> None:
    payload = base64.b64decode(json.loads(envelope)["payload"])
    assert b'"document"' in payload and b"Person" not in payload


def test_repeating_every_step_changes_nothing(tmp_path: Path, release: CheckedRelease, keys: Path) -> None:
    folder, outbox = tmp_path / "9001", tmp_path / "outbox"
    write_review(folder, release, memory=memory_for(folder))
    path = approve_both(folder, keys, outbox)
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in (path, folder / "review.json")]
    write_review(folder, release, memory=memory_for(folder))
    approve_both(folder, keys, outbox)
    assert [(file.read_bytes(), file.stat().st_mtime_ns) for file in (path, folder / "review.json")] == before


def test_a_kill_between_approval_and_release_is_mended_by_repeating(
    tmp_path: Path, release: CheckedRelease, keys: Path, trusted: TrustedKeys
) -> None:
    folder, outbox = tmp_path / "9001", tmp_path / "outbox"
    write_review(folder, release, memory=memory_for(folder))
    path = approve_both(folder, keys, outbox)
    path.unlink()
    approve_both(folder, keys, outbox)
    assert read_release(path, trusted=trusted) == release.document


def test_one_person_cannot_be_both(
    tmp_path: Path, release: CheckedRelease, keys: Path, trusted: TrustedKeys
) -> None:
    folder = tmp_path / "9001"
    write_review(folder, release, memory=memory_for(folder))
    operator, checker = (read_signing_key(keys, role) for role in ("operator", "checker"))
    look(folder)
    approve(folder, role="operator", name="One Person", key=operator, trusted=trusted, outbox=tmp_path)
    look(folder)
    with pytest.raises(ReleaseError, match="release-same-person"):
        approve(folder, role="checker", name=" one  PERSON", key=checker, trusted=trusted, outbox=tmp_path)
    with pytest.raises(ReleaseError, match="release-key-role"):
        approve(folder, role="checker", name="Another", key=operator, trusted=trusted, outbox=tmp_path)
    with pytest.raises(ReleaseError, match="release-mixed-demo"):
        approve(
            folder, role="checker", name="Another", key=checker, trusted=trusted, outbox=tmp_path, demo=True
        )
    with pytest.raises(ReleaseError, match="release-no-name"):
        approve(folder, role="checker", name=" ", key=checker, trusted=trusted, outbox=tmp_path)
    assert read_review(folder).state == "checked"


def test_what_is_refused_stays_inside_and_is_kept(
    tmp_path: Path, release: CheckedRelease, other_release: CheckedRelease, keys: Path
) -> None:
    folder = tmp_path / "9001"
    checker = read_signing_key(keys, "checker")
    write_review(folder, release, memory=memory_for(folder))
    with pytest.raises(ReleaseError, match="release-no-reason"):
        refuse(folder, role="checker", name="B", reason=" ", key=checker)
    refuse(folder, role="checker", name="B", reason="the attrition looks odd", key=checker)
    write_review(folder, release, memory=memory_for(folder))
    assert read_review(folder).state == "refused"
    with pytest.raises(RefusedError, match="release-refused"):
        approve_both(folder, keys, tmp_path)
    with pytest.raises(ReleaseError, match="release-exists"):
        write_review(folder, other_release, memory=memory_for(folder))
    write_review(folder, other_release, force=True, memory=memory_for(folder))
    review = read_review(folder)
    assert review.state == "checked" and review.document == other_release.document
    assert [entry.reason for entry in review.log if entry.step == "refused"] == ["the attrition looks odd"]
    approve_both(folder, keys, tmp_path)


def test_a_released_one_is_not_refused_nor_overwritten(
    tmp_path: Path, release: CheckedRelease, other_release: CheckedRelease, keys: Path, trusted: TrustedKeys
) -> None:
    folder = tmp_path / "9001"
    write_review(folder, release, memory=memory_for(folder))
    path = approve_both(folder, keys, tmp_path)
    with pytest.raises(ReleaseError, match="release-released"):
        refuse(folder, role="operator", name="A", reason="too late", key=read_signing_key(keys, "operator"))
    write_review(folder, other_release, force=True, memory=memory_for(folder))
    with pytest.raises(RefusedError, match="ledger-once"):
        approve_both(folder, keys, tmp_path, force=True)
    assert not read_review(folder).signatures, "what the ledger refuses is not signed either"
    assert read_release(path, trusted=trusted) == release.document


def test_a_review_that_was_edited_is_refused(tmp_path: Path, release: CheckedRelease) -> None:
    path = write_review(tmp_path, release, memory=memory_for(tmp_path))
    path.write_text(path.read_text().replace('"wave": 1', '"wave": 2'))
    with pytest.raises(ReleaseError, match="release-schema"):
        read_review(tmp_path)


def test_a_document_that_breaks_the_schema_is_not_written(tmp_path: Path, release: CheckedRelease) -> None:
    question = release.document.questions[0].model_copy(update={"status": "refused"})
    document = release.document.model_copy(update={"questions": (question,)})
    with pytest.raises(ReleaseError, match="release-schema"):
        write_review(tmp_path, replace(release, document=document), memory=memory_for(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_demo_approval_is_read_only_by_who_asks_for_it(tmp_path: Path, release: CheckedRelease) -> None:
    new_keys(tmp_path / "keys", demo=True)
    write_review(tmp_path / "site", release, memory=memory_for(tmp_path / "site"))
    with pytest.raises(ReleaseError, match="release-demo-key"):
        approve_both(tmp_path / "site", tmp_path / "keys", tmp_path)
    path = approve_both(tmp_path / "site", tmp_path / "keys", tmp_path, demo=True)
    trusted = read_trusted(tmp_path / "keys")
    with pytest.raises(ReleaseError, match="release-demo"):
        open_release(path, trusted=trusted)
    assert open_release(path, trusted=trusted, allow_demo=True).demo


def test_a_demo_approval_with_real_keys_stays_a_demo(
    tmp_path: Path, release: CheckedRelease, keys: Path, trusted: TrustedKeys
) -> None:
    write_review(tmp_path / "site", release, memory=memory_for(tmp_path / "site"))
    path = approve_both(tmp_path / "site", keys, tmp_path, demo=True)
    with pytest.raises(ReleaseError, match="release-demo"):
        read_release(path, trusted=trusted)


def test_an_unknown_key_and_a_missing_signature_are_refused(
    tmp_path: Path, release: CheckedRelease, envelope: bytes, keys: Path, trusted: TrustedKeys
) -> None:
    new_keys(tmp_path / "others")
    with pytest.raises(ReleaseError, match="release-unknown-key"):
        unseal(envelope, read_trusted(tmp_path / "others"), ("operator", "checker"))
    payload = payload_bytes(release.document.model_dump(mode="json"), demo=False)
    operator = read_signing_key(keys, "operator")
    one = seal(payload, [(operator.public.key_id, operator.sign(pre_authentication(payload)))])
    with pytest.raises(ReleaseError, match="release-unsigned"):
        unseal(one, trusted, ("operator", "checker"))


@settings(max_examples=200)
@given(data=st.data())
def test_no_byte_changes_unseen(envelope: bytes, trusted: TrustedKeys, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(envelope) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != envelope[place]))
    damaged = envelope[:place] + bytes([value]) + envelope[place + 1 :]
    with pytest.raises(ReleaseError):
        unseal(damaged, trusted, ("operator", "checker"))


@settings(max_examples=200)
@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)))
def test_whatever_the_bytes_the_reader_says_no_and_nothing_else(content: bytes, trusted: TrustedKeys) -> None:
    with pytest.raises(ReleaseError):
        unseal(content, trusted, ("operator", "checker"))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "release-not-json"),
        (b'{"a":1,"a":1}', "release-not-json"),
        (b'{"a":1.5}', "release-not-json"),
        (b'{"a":NaN}', "release-not-json"),
        (b'{"a":1e400}', "release-not-json"),
        (b'{"a":' + b"9" * 5000 + b"}", "release-not-json"),
        (b"[" * 100_000 + b"]" * 100_000, "release-not-json"),
        (b'"\xff"', "release-not-json"),
        (b'"\\ud800"', "release-not-canonical"),
        (b'{"b":1,"a":2}', "release-not-canonical"),
        (b'{"a":1 }', "release-not-canonical"),
        (b" " * 2_000_001, "release-too-large"),
    ],
)
def test_only_canonical_json_is_read(content: bytes, code: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        parse(content)
    assert caught.value.code == code


def test_spare_bits_of_base64_carry_nothing(envelope: bytes, trusted: TrustedKeys) -> None:
    place = envelope.index(b'=="') - 1  # 64 bytes leave four bits of this character unused
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spare = letters[letters.index(envelope[place]) ^ 1]
    with pytest.raises(ReleaseError, match="release-envelope"):
        unseal(envelope[:place] + bytes([spare]) + envelope[place + 1 :], trusted, ("operator", "checker"))


def test_two_people_who_approve_at_once_both_stay_on_the_record(
    tmp_path: Path, release: CheckedRelease, keys: Path, trusted: TrustedKeys
) -> None:
    folder = tmp_path / "9001"
    write_review(folder, release, memory=memory_for(folder))

    def sign(role: Literal["operator", "checker"]) -> Path | None:
        return approve(
            folder,
            role=role,
            name=role,
            key=read_signing_key(keys, role),
            trusted=trusted,
            outbox=tmp_path,
            payload=document_hash(release.document),
        )

    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(sign, ("operator", "checker")))
    assert sorted(path is None for path in paths) == [False, True]
    assert {item.role for item in read_review(folder).signatures} == {"operator", "checker"}


def test_truncation_and_trailing_bytes_are_refused(envelope: bytes, trusted: TrustedKeys) -> None:
    for damaged in (envelope[:-1], envelope[: len(envelope) // 2], envelope + b"\n", envelope * 2):
        with pytest.raises(ReleaseError):
            unseal(damaged, trusted, ("operator", "checker"))


def test_a_signed_document_of_another_schema_is_refused(
    tmp_path: Path, release: CheckedRelease, keys: Path, trusted: TrustedKeys
) -> None:
    document = release.document.model_dump(mode="json") | {"remark": "free"}
    payload = payload_bytes(document, demo=False)
    pairs = [
        (key.public.key_id, key.sign(pre_authentication(payload)))
        for key in (read_signing_key(keys, role) for role in ("operator", "checker"))
    ]
    path = tmp_path / "x.release.json"
    path.write_bytes(seal(payload, pairs))
    with pytest.raises(ReleaseError, match="release-schema") as caught:
        open_release(path, trusted=trusted)
    assert "remark" not in str(caught.value)


def test_the_pre_authentication_encoding_is_that_of_dsse() -> None:
    kind = "application/vnd.causalsig.release+json"
    assert pre_authentication(b"hello") == f"DSSEv1 {len(kind)} {kind} 5 hello".encode()


def test_a_pool_is_signed_by_the_university_only(tmp_path: Path, keys: Path, trusted: TrustedKeys) -> None:
    result = PoolResult("d" * 64, "others", "REML, wald", 0.95, 11, (), (), (), False)
    document = build_pool_document(result, recipient="a" * 64)
    with pytest.raises(ReleaseError, match="release-key-role"):
        write_pool(tmp_path / "pool.json", document, key=read_signing_key(keys, "operator"))
    path = write_pool(tmp_path / "pool.json", document, key=read_signing_key(keys, "university"))
    assert read_pool(path, trusted=trusted, recipient="a" * 64) == result
    with pytest.raises(ReleaseError, match="release-other-recipient"):
        read_pool(path, trusted=trusted, recipient="b" * 64)
    assert verify(path, trusted=trusted).kind == "pool"
    with pytest.raises(ReleaseError, match="release-unsigned"):
        read_release(path, trusted=trusted)


def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    new_keys(tmp_path)
    for role in ("operator", "checker", "university", "provider"):
        assert stat.S_IMODE(os.stat(tmp_path / f"{role}.key").st_mode) == 0o600
    assert len(read_provider_key(tmp_path)) == 32
    for role in ("operator", "provider"):
        (tmp_path / f"{role}.key").chmod(0o640)
    with pytest.raises(ReleaseError, match="release-key-mode"):
        read_signing_key(tmp_path, "operator")
    with pytest.raises(ReleaseError, match="release-key-mode"):
        read_provider_key(tmp_path)


def test_a_key_is_never_overwritten_nor_shown(tmp_path: Path) -> None:
    new_key(tmp_path, "operator")
    key = read_signing_key(tmp_path, "operator")
    assert (
        key.private.hex() not in repr(key)
        and key.private.hex() not in (tmp_path / "operator.pub.json").read_text()
    )
    with pytest.raises(ReleaseError, match="release-exists"):
        new_key(tmp_path, "operator")
    assert read_signing_key(tmp_path, "operator") == key


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kind":"causalsig-public-key","demo":false}'])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "operator.pub.json").write_text(content)
    with pytest.raises(ReleaseError, match="release-key"):
        read_trusted(tmp_path)


def test_a_folder_without_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="release-no-keys"):
        read_trusted(tmp_path)


def test_what_was_refused_never_leaves_from_another_copy(
    tmp_path: Path, release: CheckedRelease, other_release: CheckedRelease, keys: Path
) -> None:
    folder, copy = tmp_path / "9001", tmp_path / "another" / "9001"
    write_review(folder, release, memory=memory_for(folder))
    shutil.copytree(folder, copy)
    refuse(folder, role="checker", name="B", reason="odd", key=read_signing_key(keys, "checker"))
    with pytest.raises(RefusedError, match="release-refused"):
        approve_both(copy, keys, tmp_path)
    # Another document, and then the same once more: still refused.
    write_review(folder, other_release, force=True, memory=memory_for(folder))
    write_review(folder, release, force=True, memory=memory_for(folder))
    assert read_review(folder).state == "refused"
    with pytest.raises(RefusedError, match="release-refused"):
        approve_both(folder, keys, tmp_path)


def test_what_was_not_shown_since_it_was_made_is_not_approved(
    tmp_path: Path, release: CheckedRelease, other_release: CheckedRelease, keys: Path, trusted: TrustedKeys
) -> None:
    folder, operator = tmp_path / "9001", read_signing_key(keys, "operator")
    write_review(folder, release, memory=memory_for(folder))
    look(folder)
    write_review(folder, other_release, force=True, memory=memory_for(folder))
    given: dict[str, Any] = {"role": "operator", "name": "A", "key": operator, "trusted": trusted}
    with pytest.raises(ReleaseError, match="release-not-seen"):
        approve(folder, outbox=tmp_path, **given)
    for wrong in (document_hash(release.document), document_hash(other_release.document)[:7]):
        with pytest.raises(ReleaseError, match="release-other-payload"):
            approve(folder, outbox=tmp_path, payload=wrong, **given)
    assert not read_review(folder).signatures
    look(folder)
    assert approve(folder, outbox=tmp_path, **given) is None


def test_one_person_who_types_the_name_in_two_ways_is_one(
    tmp_path: Path, release: CheckedRelease, keys: Path, trusted: TrustedKeys
) -> None:
    folder = tmp_path / "9001"
    write_review(folder, release, memory=memory_for(folder))
    for role, name in (("operator", "Jos\u00e9 de-Wit"), ("checker", "JOSE\u0301 de Wit.")):
        given: dict[str, Any] = {"role": role, "name": name, "key": read_signing_key(keys, role)}  # type: ignore[arg-type]
        look(folder)
        if role == "operator":
            approve(folder, outbox=tmp_path, trusted=trusted, **given)
        else:
            with pytest.raises(ReleaseError, match="release-same-person"):
                approve(folder, outbox=tmp_path, trusted=trusted, **given)


@pytest.mark.parametrize("name", ["A\n  2026-11-23  approved  checker  B", "A\x1b[2K", "A\u202eB", "A" * 201])
def test_a_name_is_no_line_of_the_log(
    tmp_path: Path, release: CheckedRelease, keys: Path, trusted: TrustedKeys, name: str
) -> None:
    folder, key = tmp_path / "9001", read_signing_key(keys, "operator")
    write_review(folder, release, memory=memory_for(folder))
    look(folder)
    for who in ({"name": name}, {"name": "A", "reason": name if len(name) < 200 else "x" * 2001}):
        with pytest.raises(ReleaseError, match="release-name"):
            approve(folder, role="operator", key=key, trusted=trusted, outbox=tmp_path, **who)
        with pytest.raises(ReleaseError, match="release-name"):
            refuse(folder, role="operator", key=key, **({"reason": "odd"} | who))
    assert read_review(folder).state == "checked"


def test_the_log_is_a_chain_that_its_signers_hold(
    tmp_path: Path, release: CheckedRelease, keys: Path, trusted: TrustedKeys
) -> None:
    folder = tmp_path / "9001"
    write_review(folder, release, memory=memory_for(folder))
    look(folder)
    operator = read_signing_key(keys, "operator")
    approve(folder, role="operator", name="A", key=operator, trusted=trusted, outbox=tmp_path)
    review = read_review(folder)
    for changed in (
        [entry.model_copy(update={"name": "Z"}) for entry in review.log],
        review.log[1:],
        [*review.log[:2], *review.log[3:]],
    ):
        values = review.model_dump(mode="json") | {"log": [entry.model_dump() for entry in changed]}
        (folder / "review.json").write_bytes(kept_bytes(values))
        with pytest.raises(ReleaseError, match="release-schema"):
            read_review(folder)
    # Chained anew by who has no key of the operator: the approval does not fit its signature.
    log: tuple[LogEntry, ...] = ()
    for entry in review.log:
        name = "Z" if entry.step == "approved" else entry.name
        previous = entry_hash(log[-1]) if log else EMPTY
        log = (*log, entry.model_copy(update={"previous": previous, "name": name}))
    (folder / "review.json").write_bytes(
        kept_bytes(review.model_copy(update={"log": log}).model_dump(mode="json"))
    )
    with pytest.raises(ReleaseError, match="release-tampered"):
        approve_both(folder, keys, tmp_path)


def test_an_approval_by_a_key_that_was_revoked_since_is_none(tmp_path: Path, release: CheckedRelease) -> None:
    folder, keys = tmp_path / "9001", tmp_path / "keys"
    new_keys(keys)
    write_review(folder, release, memory=memory_for(folder))
    old = read_signing_key(keys, "operator")
    checker = read_signing_key(keys, "checker")
    given: dict[str, Any] = {"outbox": tmp_path, "payload": document_hash(release.document)}
    approve(folder, role="operator", name="A", key=old, trusted=read_trusted(keys), **given)
    revoke_key(keys, old.public.key_id)
    trusted = read_trusted(keys)
    assert approve(folder, role="checker", name="B", key=checker, trusted=trusted, **given) is None
    new_key(keys, "operator")
    key = read_signing_key(keys, "operator")
    released = approve(folder, role="operator", name="A", key=key, trusted=read_trusted(keys), **given)
    assert released is not None
    signers = verify(released, trusted=read_trusted(keys)).signers
    assert {one.key_id for one in signers} == {key.public.key_id, checker.public.key_id}


def test_a_checker_without_the_operators_key_cannot_tell_and_does_not_sign(
    tmp_path: Path, release: CheckedRelease, keys: Path, trusted: TrustedKeys
) -> None:
    folder = tmp_path / "9001"
    write_review(folder, release, memory=memory_for(folder))
    given: dict[str, Any] = {"outbox": tmp_path, "payload": document_hash(release.document)}
    operator, checker = (read_signing_key(keys, role) for role in ("operator", "checker"))
    approve(folder, role="operator", name="A", key=operator, trusted=trusted, **given)
    alone = TrustedKeys((checker.public,))
    with pytest.raises(ReleaseError, match="release-unknown-key"):
        approve(folder, role="checker", name="B", key=checker, trusted=alone, **given)
