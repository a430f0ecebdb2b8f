"""Ed25519 keys of the people who let a release leave, and the provider's key for codes.

A private key is a file of its own, readable by its owner only; the public key beside it is given to
everyone who has to check a signature. The provider's key never signs: it turns municipality codes into site
codes.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from causalsig.errors import ReleaseError
from causalsig.release.files import is_private, read_bytes, sweep, sync_folder, write_atomic
from causalsig.release.kept import kept_bytes, kept_values

Role = Literal["operator", "checker", "university"]
KeyState = Literal["active", "retired", "revoked"]
"""A retired key signs no more, and what it signed stands; what a revoked one signed stands no more."""
ROLES: tuple[Role, ...] = get_args(Role)
PROVIDER = "provider"
_MAX_BYTES = 4096
_SHORTEST = 8
"""Characters of a key's id that name it, at least."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that signatures are checked with, and whose it is."""

    role: Role
    key_id: str
    public: bytes
    demo: bool
    state: KeyState = "active"

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Say whether this key signed the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key in memory; it never shows itself."""

    public: PublicKey
    private: bytes = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature (64 bytes) of the message."""
        return Ed25519PrivateKey.from_private_bytes(self.private).sign(message)


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """The public keys a reader trusts."""

    keys: tuple[PublicKey, ...]

    def find(self, key_id: str) -> PublicKey | None:
        """Return the key with this id, or None; where files say two things of it, the worst of them."""
        found = [key for key in self.keys if key.key_id == key_id]
        return max(found, key=lambda key: get_args(KeyState).index(key.state), default=None)


def new_keys(folder: str | Path, *, demo: bool = False) -> tuple[PublicKey, ...]:
    """Make a key of every role and the provider's key in one folder: for the demo, and for one machine.

    What a kill broke off is finished: keys that are there stay.

    Raises
    ------
    ReleaseError
        ``release-exists`` when no key is missing, or when those that are there are for the demo and the
        others would not be, or the reverse.
    """
    folder = _folder(folder)
    files = [folder / f"{role}.key" for role in (*ROLES, PROVIDER)]
    files += [folder / f"{role}.pub.json" for role in ROLES]
    for path in files:
        sweep(path)
    if all(path.exists() for path in files):
        raise _has_keys(folder.name)
    if not files[len(ROLES)].exists():
        new_provider_key(folder, demo=demo)
    elif provider_is_demo(folder) != demo:
        raise _has_keys(folder.name)
    return tuple(_finished(folder, role, demo) for role in ROLES)


def _finished(folder: Path, role: Role, demo: bool) -> PublicKey:
    if not (folder / f"{role}.pub.json").exists() or not (folder / f"{role}.key").exists():
        return new_key(folder, role, demo=demo)
    return read_signing_key(folder, role).public


def new_key(folder: str | Path, role: Role, *, demo: bool = False) -> PublicKey:
    """Make a pair of keys: ``<role>.key`` (mode 0600) and ``<role>.pub.json``; the university's memory too.

    A private key without its public one, as a kill leaves it, gets that.

    Raises
    ------
    ReleaseError
        ``release-exists`` when the role has a key in this folder: a key is never overwritten.
    """
    folder = _folder(folder)
    shown = folder / f"{role}.pub.json"
    if shown.exists():
        raise _has_keys(shown.name)
    if (folder / f"{role}.key").exists():
        public = read_signing_key(folder, role).public
        if public.demo != demo:
            raise _has_keys(f"{role}.key")
    else:
        private = Ed25519PrivateKey.generate()
        public = _public(private, role, demo)
        _write_private(folder, private, public, force=False)
    if role == "university":
        from causalsig.release.pools_made import PoolsMade

        PoolsMade(folder).create()
    _write_public(shown, public)
    return public


def new_provider_key(folder: str | Path, *, demo: bool = False) -> None:
    """Make ``provider.key`` (mode 0600), 32 random bytes for site codes and snapshots, and its ledger."""
    secret = {
        "demo": demo,
        "kind": "causalsig-provider-key",
        "private": secrets.token_hex(32),
        "role": PROVIDER,
    }
    from causalsig.release.ledger import Ledger
    from causalsig.release.remember import LEDGER_FOLDER

    Ledger(_folder(folder) / LEDGER_FOLDER).create()
    _write_new(_folder(folder) / f"{PROVIDER}.key", secret, mode=0o600)


def rotate_key(folder: str | Path, role: Role) -> PublicKey:
    """Give a role a new pair of keys in place of its own; what the old one signed stays verifiable.

    The old private key is gone, the old public key stays as ``<role>-<start of its id>.pub.json``, retired.

    Raises
    ------
    ReleaseError
        ``release-not-readable`` when the role has no key in this folder.
    """
    folder = Path(folder)
    old = read_signing_key(folder, role).public
    _write_public(_aside(folder, old), replace(old, state="retired"))
    private = Ed25519PrivateKey.generate()
    public = _public(private, role, old.demo)
    # Public first: at whatever instant this ends, what the private key here signs can be checked.
    _write_public(folder / f"{role}.pub.json", public, force=True)
    _write_private(folder, private, public, force=True)
    return public


def revoke_key(folder: str | Path, key_id: str) -> PublicKey:
    """Mark a public key as revoked: nothing it signed is accepted any more.

    Do it in every folder of public keys. Where its private key lies there too, that is removed.

    Parameters
    ----------
    key_id : str
        Or its first eight characters, or more.

    Raises
    ------
    ReleaseError
        ``release-no-keys`` when the folder has no such key, or more than one.
    """
    folder = Path(folder)
    found = {path: _read_public(path) for path in sorted(folder.glob("*.pub.json"))}
    fits = [path for path, key in found.items() if len(key_id) >= _SHORTEST and key.key_id.startswith(key_id)]
    if len({found[path].key_id for path in fits}) != 1:
        raise ReleaseError(
            "release-no-keys",
            expected=f"one key whose id begins so, with {_SHORTEST} characters or more",
            found="none, or several",
            mend="`causalsig keys show` lists the ids.",
            where=folder.name,
        )
    revoked = replace(found[fits[0]], state="revoked")
    _write_public(_aside(folder, revoked), revoked, force=True)
    private = folder / f"{revoked.role}.key"
    # Only its own: a colleague's public key of the same role may lie beside another private one.
    if private.exists() and _id_of(private, revoked.role) == revoked.key_id:
        private.unlink()
    for path in fits:
        if path != _aside(folder, revoked):
            path.unlink()
    sync_folder(folder)
    return revoked


def _id_of(private: Path, role: Role) -> str | None:
    """Id of a private key's public one, whoever can read the file: then above all it has to go."""
    with suppress(ReleaseError):
        raw = _hex(_load(private, "causalsig-private-key").get("private"), 32)
        if raw is not None:
            return _public(Ed25519PrivateKey.from_private_bytes(raw), role, False).key_id
    return None


def _aside(folder: Path, key: PublicKey) -> Path:
    return folder / f"{key.role}-{key.key_id[:12]}.pub.json"


def _write_private(folder: Path, private: Ed25519PrivateKey, public: PublicKey, *, force: bool) -> None:
    secret = {
        "demo": public.demo,
        "kind": "causalsig-private-key",
        "private": private.private_bytes_raw().hex(),
        "role": public.role,
    }
    _write_new(folder / f"{public.role}.key", secret, mode=0o600, force=force)


def _write_public(path: Path, key: PublicKey, *, force: bool = False) -> None:
    shown: dict[str, object] = {
        "demo": key.demo,
        "key_id": key.key_id,
        "kind": "causalsig-public-key",
        "public": key.public.hex(),
        "role": key.role,
    }
    _write_new(path, shown | ({} if key.state == "active" else {"state": key.state}), force=force)


def _write_new(path: Path, content: dict[str, object], *, mode: int = 0o644, force: bool = False) -> None:
    """Write a key; what an earlier one signed must stay verifiable, so nothing is replaced unasked."""
    try:
        write_atomic(path, kept_bytes(content), mode=mode, force=force)
    except ReleaseError:
        raise _has_keys(path.name) from None


def _has_keys(where: str) -> ReleaseError:
    return ReleaseError(
        "release-exists",
        expected="a folder without a key of this role",
        found="one that has it",
        mend="Give another folder: a key is never overwritten.",
        where=where,
    )


def read_provider_key(folder: str | Path) -> bytes:
    """Read the provider's key; its file must be readable by its owner only."""
    return read_secret(Path(folder) / f"{PROVIDER}.key", "causalsig-provider-key", PROVIDER)[0]


def provider_is_demo(folder: str | Path) -> bool:
    """Say whether the provider's key is for the demo; then what a demo key signed counts there."""
    return read_secret(Path(folder) / f"{PROVIDER}.key", "causalsig-provider-key", PROVIDER)[1]


def read_signing_key(folder: str | Path, role: Role) -> SigningKey:
    """Read the private key of a role; its file must be readable by its owner only."""
    private, demo = read_secret(Path(folder) / f"{role}.key", "causalsig-private-key", role)
    return SigningKey(_public(Ed25519PrivateKey.from_private_bytes(private), role, demo), private)


def read_trusted(folder: str | Path) -> TrustedKeys:
    """Read every public key of a folder.

    Raises
    ------
    ReleaseError
        ``release-no-keys`` when there is none; ``release-key`` when one is not a public key of causalsig.
    """
    found = read_public_keys(folder)
    if not found:
        raise ReleaseError(
            "release-no-keys",
            expected="at least one public key (*.pub.json)",
            found="none",
            mend="Put the public keys that operator and checker gave you in the folder of --keys.",
            where=str(folder),
        )
    return TrustedKeys(found)


def read_public_keys(folder: str | Path) -> tuple[PublicKey, ...]:
    """Read every public key of a folder; none where there is none.

    Raises
    ------
    ReleaseError
        ``release-key``.
    """
    return tuple(_read_public(path) for path in sorted(Path(folder).glob("*.pub.json")))


def _public(private: Ed25519PrivateKey, role: Role, demo: bool) -> PublicKey:
    raw = private.public_key().public_bytes_raw()
    return PublicKey(role, hashlib.sha256(raw).hexdigest(), raw, demo)


def _folder(folder: str | Path) -> Path:
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def _load(path: Path, kind: str) -> dict[str, Any]:
    content = read_bytes(path, _MAX_BYTES)
    try:
        values = kept_values(content)
    except ReleaseError:
        raise _not_a_key(path) from None
    if values.get("kind") != kind or not isinstance(values.get("demo"), bool):
        raise _not_a_key(path)
    return values


def _not_a_key(path: Path) -> ReleaseError:
    return ReleaseError(
        "release-key",
        expected="a key file made by `causalsig keys new`",
        found="another file",
        mend="Make the key again, or ask its owner for it.",
        where=path.name,
    )


def read_secret(path: Path, kind: str, role: str) -> tuple[bytes, bool]:
    """Read a private key (32 bytes) and whether it is for the demo.

    Raises
    ------
    ReleaseError
        ``release-key-mode``, ``release-key``; as :func:`causalsig.release.files.read_bytes`.
    """
    if path.exists() and not is_private(path):
        raise ReleaseError(
            "release-key-mode",
            expected="a private key for its owner only (mode 0600), in a folder only its owner changes",
            found="one that others can read, change or replace",
            mend="Run chmod 600 on it, chmod go-w on its folder; if others may have read it, make a new one.",
            where=path.name,
        )
    values = _load(path, kind)
    private = _hex(values.get("private"), 32)
    if private is None or values.get("role") != role:
        raise _not_a_key(path)
    return private, values["demo"]


def _read_public(path: Path) -> PublicKey:
    values = _load(path, "causalsig-public-key")
    public = _hex(values.get("public"), 32)
    role = values.get("role")
    state = values.get("state", "active")
    if public is None or role not in ROLES or values.get("key_id") != hashlib.sha256(public).hexdigest():
        raise _not_a_key(path)
    if state not in get_args(KeyState):
        raise _not_a_key(path)
    return PublicKey(role, values["key_id"], public, values["demo"], state)


def _hex(text: object, size: int) -> bytes | None:
    try:
        value = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    return value if len(value) == size else None
