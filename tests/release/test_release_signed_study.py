"""A provider runs what the university signed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from causalsig_cli.app import main

from causalsig.errors import CausalsigError
from causalsig.release.keys import new_keys, read_signing_key, read_trusted, revoke_key
from causalsig.release.signed_study import SUFFIX, check_study, sign_study
from causalsig.study.read import DEFAULT_STUDY, default_study_text


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(default_study_text(), encoding="utf-8")
    return path


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    new_keys(tmp_path / "keys")
    return tmp_path / "keys"


def refused(path: Path | str, keys: Path, *, demo: bool = False) -> str:
    with pytest.raises(CausalsigError) as caught:
        check_study(path, trusted=read_trusted(keys), allow_demo=demo)
    return caught.value.code


def test_a_study_runs_as_it_was_signed(
    study_file: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trusted = read_trusted(keys)
    check_study(DEFAULT_STUDY, trusted=trusted)
    assert refused(study_file, keys) == "study-not-signed"
    with pytest.raises(SystemExit) as ended:
        main(["study", "sign", str(study_file), "--keys", str(keys)])
    assert not ended.value.code
    assert capsys.readouterr().out.strip() == f"{study_file}{SUFFIX}"
    check_study(study_file, trusted=trusted)
    text = study_file.read_text(encoding="utf-8")
    study_file.write_text(f"# another comment\n{text}", encoding="utf-8")
    check_study(study_file, trusted=trusted)
    study_file.write_text(text.replace("min_equipoise_share = 0.2", "min_equipoise_share = 0.3"), "utf-8")
    assert refused(study_file, keys) == "study-signed-otherwise"


def test_only_the_university_s_standing_key_counts(study_file: Path, keys: Path, tmp_path: Path) -> None:
    with pytest.raises(CausalsigError) as caught:
        sign_study(study_file, key=read_signing_key(keys, "operator"))
    assert caught.value.code == "release-key-role"
    strange = tmp_path / "strange"
    new_keys(strange)
    sign_study(study_file, key=read_signing_key(strange, "university"))
    assert refused(study_file, keys) == "release-unknown-key"
    signature = sign_study(study_file, key=read_signing_key(keys, "university"))
    whole = signature.read_bytes()
    signature.write_bytes(whole.replace(b"payloadType", b"payloadtype"))
    assert refused(study_file, keys) == "release-envelope"
    signature.write_bytes(whole)
    revoke_key(keys, read_signing_key(keys, "university").public.key_id)
    assert refused(study_file, keys) == "release-revoked-key"


def test_a_demo_signature_counts_in_a_demo_only(study_file: Path, tmp_path: Path) -> None:
    new_keys(tmp_path / "demo", demo=True)
    sign_study(study_file, key=read_signing_key(tmp_path / "demo", "university"))
    assert refused(study_file, tmp_path / "demo") == "release-demo"
    check_study(study_file, trusted=read_trusted(tmp_path / "demo"), allow_demo=True)
