"""Every field around a document and of the small signed ones: as :mod:`causalsig.release.fields`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from causalsig.release.fields import Field

_HASH = "SHA-256"
_KIND = Field("kind of document", "code", "-", "public")
_VERSION = Field("version of this schema", "-", "0.1", "public")
ENVELOPE: Mapping[str, Field] = MappingProxyType(
    {
        "payload": Field("what is signed: document and all beside it", "base64", "RFC 8785 bytes", "public"),
        "payloadType": Field("what the payload is", "code", "one constant", "public"),
        "signatures[].keyid": Field("key of who signed", "hash", _HASH, "public"),
        "signatures[].sig": Field("signature over the payload", "base64", "Ed25519", "public"),
    }
)
"""The envelope, by path."""
PAYLOAD: Mapping[str, Field] = MappingProxyType(
    {
        "demo": Field("whether the approval was a demo", "yes or no", "-", "public"),
        "ledger": Field(
            "head of the provider's ledger at the first approval; of a site's release only",
            "hash",
            f"{_HASH} over keyed hashes",
            "keyed hash",
        ),
        "told": Field(
            "digest of what the provider's ledger was told of it; of a site's release only",
            "hash",
            f"{_HASH} over keyed hashes",
            "keyed hash",
        ),
    }
)
"""What is signed beside the document, by name."""
WITHDRAWAL: Mapping[str, Field] = MappingProxyType(
    {
        "kind": _KIND,
        "schema_version": _VERSION,
        "of": Field("kind of the document that counts no longer", "code", "-", "code list"),
        "payload_hash": Field("which document that is", "hash", _HASH, "public"),
        "reason": Field("why it counts no longer", "code", "-", "code list"),
    }
)
"""The word that a release counts no longer, by path."""
STUDY: Mapping[str, Field] = MappingProxyType(
    {
        "kind": _KIND,
        "schema_version": _VERSION,
        "study_digest": Field("SHA-256 of the study as it was agreed", "hash", _HASH, "public"),
    }
)
"""A signed study, by path."""
AROUND: Mapping[str, Mapping[str, Field]] = MappingProxyType(
    {"envelope": ENVELOPE, "payload": PAYLOAD, "withdrawal": WITHDRAWAL, "study": STUDY}
)
"""All of them, by what they are of."""
