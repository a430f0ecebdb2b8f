"""DSSE envelopes: who signed exactly which bytes.

The payload is the RFC 8785 form of ``{"demo": ..., "document": ...}``, of a site's release with the head of
the provider's ledger as ``"ledger"`` and the digest of what it was told as ``"told"``; the signatures are
Ed25519 over DSSE's pre-authentication encoding (https://github.com/secure-systems-lab/dsse, protocol v1). The
envelope itself is canonical too, so that no byte of the file can change unseen.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from causalsig.errors import ReleaseError
from causalsig.release.keys import ROLES, PublicKey, Role, SigningKey, TrustedKeys
from causalsig.release.strict_json import canonical, parse

PAYLOAD_TYPE = "application/vnd.causalsig.release+json"
MAX_SIGNATURES = 4
_HASH = re.compile(r"[0-9a-f]{64}")
_BESIDE = ("ledger", "told")


@dataclass(frozen=True, slots=True)
class Opened:
    """A payload whose every signature holds; `document` is not yet checked against its schema.

    `content` is the document's canonical bytes, as they were signed.
    """

    document: dict[str, Any]
    demo: bool
    ledger: str | None
    told: str | None
    signers: tuple[PublicKey, ...]
    content: bytes


def payload_bytes(
    document: dict[str, Any], *, demo: bool, ledger: str | None = None, told: str | None = None
) -> bytes:
    """Return the bytes that are signed; `demo` is part of them, so it cannot be taken off afterwards.

    `ledger` is the head of the provider's ledger when the release was first approved: whoever has the release
    can tell that the ledger still holds what it held then. `told` is the digest of what the ledger was told
    of the release, of whose households above all: its line cannot say anything else.
    """
    beside = {name: value for name, value in (("ledger", ledger), ("told", told)) if value is not None}
    return canonical({"demo": demo, "document": document} | beside)


def pre_authentication(payload: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding: type and body, each with its length."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def seal(payload: bytes, signatures: Sequence[tuple[str, bytes]]) -> bytes:
    """Return the envelope of a payload and its (key id, signature) pairs."""
    listed = [{"keyid": key_id, "sig": _encode(signature)} for key_id, signature in sorted(signatures)]
    return canonical({"payload": _encode(payload), "payloadType": PAYLOAD_TYPE, "signatures": listed})


def seal_alone(document: dict[str, Any], key: SigningKey, *, demo: bool) -> bytes:
    """Return the envelope of a document that one person signs."""
    payload = payload_bytes(document, demo=demo)
    return seal(payload, [(key.public.key_id, key.sign(pre_authentication(payload)))])


def unseal(
    content: bytes, trusted: TrustedKeys, roles: Sequence[Role], *, allow_demo: bool = False
) -> Opened:
    """Check an envelope and return its payload.

    Parameters
    ----------
    content : bytes
        The file as it was received.
    trusted : TrustedKeys
    roles : sequence of Role
        Each of these must have signed, with different keys.
    allow_demo : bool
        Whether a demo approval counts.

    Raises
    ------
    ReleaseError
        ``release-not-json``, ``release-not-canonical``, ``release-too-large``, ``release-envelope``,
        ``release-unknown-key``, ``release-revoked-key``, ``release-tampered``, ``release-unsigned``,
        ``release-demo``.
    """
    payload, signatures = _open(parse(content))
    signers = tuple(
        check_signature(key_id, signature, payload, trusted)
        for key_id, signature in sorted(signatures, key=lambda signed: _rank(trusted.find(signed[0])))
    )
    missing = [role for role in roles if role not in {signer.role for signer in signers}]
    if missing:
        raise ReleaseError(
            "release-unsigned",
            expected="a signature of " + " and ".join(roles),
            found="none of " + " and ".join(missing),
            mend="Have it approved: nothing leaves without operator and output checker.",
        )
    document, demo, beside = _wrapped(parse(payload))
    inside = _inside(payload, demo, beside)
    demo = demo or any(signer.demo for signer in signers)
    if demo and not allow_demo:
        raise ReleaseError(
            "release-demo",
            expected="an approval by people",
            found="a demo approval",
            mend="A demo approval is for synthetic data only; say --demo to read it as such.",
        )
    return Opened(document, demo, beside.get("ledger"), beside.get("told"), signers, inside)


def _rank(key: PublicKey | None) -> int:
    """Order signers by role, whatever their keys are called, so that the same file reads the same."""
    return ROLES.index(key.role) if key else -1


def _open(envelope: Any) -> tuple[bytes, list[tuple[str, bytes]]]:
    if not isinstance(envelope, dict) or set(envelope) != {"payload", "payloadType", "signatures"}:
        raise _not_an_envelope()
    listed = envelope["signatures"]
    payload = _decode(envelope["payload"])
    if envelope["payloadType"] != PAYLOAD_TYPE or payload is None or not isinstance(listed, list):
        raise _not_an_envelope()
    signatures = []
    for item in listed:
        if not isinstance(item, dict) or set(item) != {"keyid", "sig"} or not isinstance(item["keyid"], str):
            raise _not_an_envelope()
        signature = _decode(item["sig"])
        if signature is None:
            raise _not_an_envelope()
        signatures.append((item["keyid"], signature))
    keys = [key_id for key_id, _ in signatures]
    # Sorted and each once: one set of signatures has one form, and a second person is a second key.
    if not 1 <= len(keys) <= MAX_SIGNATURES or keys != sorted(set(keys)):
        raise _not_an_envelope()
    return payload, signatures


def check_signature(key_id: str, signature: bytes, payload: bytes, trusted: TrustedKeys) -> PublicKey:
    """Check one signature over a payload; return the key that gave it.

    Raises
    ------
    ReleaseError
        ``release-unknown-key``, ``release-revoked-key``, ``release-tampered``.
    """
    key = trusted.find(key_id)
    if key is None:
        raise ReleaseError(
            "release-unknown-key",
            expected="signatures by keys you trust",
            found="a key that is not among them",
            mend="Ask the signer for the public key over another channel, then put it in the --keys folder.",
        )
    if key.state == "revoked":
        raise ReleaseError(
            "release-revoked-key",
            expected="signatures by keys that were not revoked",
            found=f"one of the {key.role} that was",
            mend="Ask the provider to approve it again with a key that stands.",
        )
    if not key.verifies(signature, pre_authentication(payload)):
        raise ReleaseError(
            "release-tampered",
            expected="signatures that fit the content",
            found=f"a signature of the {key.role} that does not",
            mend="The file was changed after it was signed. Ask the sender for it again.",
        )
    return key


def _wrapped(value: Any) -> tuple[dict[str, Any], bool, dict[str, str]]:
    fits = isinstance(value, dict) and set(value) - set(_BESIDE) == {"demo", "document"}
    if not fits or not isinstance(value["demo"], bool) or not isinstance(value["document"], dict):
        raise _not_an_envelope()
    beside = {name: value[name] for name in _BESIDE if name in value}
    if not all(isinstance(one, str) and _HASH.fullmatch(one) for one in beside.values()):
        raise _not_an_envelope()
    return value["document"], value["demo"], beside


def _inside(payload: bytes, demo: bool, beside: dict[str, str]) -> bytes:
    """Cut the document's bytes out of a canonical payload: what stands before and behind it is known."""
    before = canonical({"demo": demo})[:-1] + b',"document":'
    behind = "".join(f',"{name}":"{beside[name]}"' for name in sorted(beside)).encode() + b"}"
    if not (payload.startswith(before) and payload.endswith(behind)):
        raise _not_an_envelope()
    return payload[len(before) : len(payload) - len(behind)]


def _not_an_envelope() -> ReleaseError:
    return ReleaseError(
        "release-envelope",
        expected="a signed release (DSSE envelope) of causalsig",
        found="JSON of another form",
        mend="Give the file from the outbox folder, unchanged.",
    )


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _decode(text: object) -> bytes | None:
    """Decode base64 that is written in its one canonical way; None otherwise."""
    try:
        content = binascii.a2b_base64(text, strict_mode=True) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        return None
    return content if content is not None and _encode(content) == text else None
