"""A study signed by the university: what a provider runs is what was agreed, and nothing else.

Beside ``NAME.toml`` lies ``NAME.toml.signed.json``: an envelope over the study's digest, so that a comment
may change and a choice may not. The packaged study is part of the package, whose digest a release carries.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from causalsig.errors import ReleaseError, StudyError
from causalsig.release.approver import check_role
from causalsig.release.build import read_model
from causalsig.release.envelope import seal_alone, unseal
from causalsig.release.files import read_bytes, write_atomic
from causalsig.release.keys import SigningKey, TrustedKeys
from causalsig.release.strict_json import MAX_BYTES
from causalsig.release.value_types import Closed, Hash
from causalsig.study.digest import study_digest
from causalsig.study.read import DEFAULT_STUDY, read_study

SUFFIX = ".signed.json"


class StudySeal(Closed):
    """Kind ``study``: the digest that was agreed."""

    kind: Literal["study"]
    schema_version: Literal["0.1"]
    study_digest: Hash


def sign_study(path: str | Path, *, key: SigningKey) -> Path:
    """Sign a study file with the university's key; an earlier signature is replaced.

    Returns
    -------
    Path
        Of the signature, beside the study.

    Raises
    ------
    StudyError
        As `read_study`.
    ReleaseError
        ``release-key-role``.
    """
    check_role(key, "university")
    found = StudySeal(kind="study", schema_version="0.1", study_digest=study_digest(read_study(path)))
    target = _beside(Path(path))
    write_atomic(target, seal_alone(found.model_dump(mode="json"), key, demo=key.public.demo), force=True)
    return target


def check_study(path: str | Path, *, trusted: TrustedKeys, allow_demo: bool = False) -> None:
    """Refuse a study that the university did not sign as it is; the packaged one needs no signature.

    Raises
    ------
    StudyError
        ``study-not-signed``, ``study-signed-otherwise``.
    ReleaseError
        As :func:`causalsig.release.envelope.unseal`; ``release-schema``.
    """
    if str(path) == DEFAULT_STUDY and not Path(path).exists():
        return
    try:
        content = read_bytes(_beside(Path(path)), MAX_BYTES)
    except ReleaseError:
        raise StudyError(
            "study-not-signed",
            expected=f"the university's signature beside the study ({_beside(Path(path)).name})",
            found="none",
            mend="Ask who made the study for it: causalsig study sign STUDY --keys KEYS.",
            where=Path(path).name,
        ) from None
    opened = unseal(content, trusted, ("university",), allow_demo=allow_demo)
    if read_model(StudySeal, opened.document).study_digest != study_digest(read_study(path)):
        raise StudyError(
            "study-signed-otherwise",
            expected="the study as it was signed",
            found="one with other choices",
            mend="Take the file that was signed, or have this one signed.",
            where=Path(path).name,
        )


def _beside(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)
