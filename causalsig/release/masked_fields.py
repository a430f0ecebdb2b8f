"""Every field of the documents of a masked pool: as :mod:`causalsig.release.fields`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from causalsig.release.fields import Field

_HASH = "SHA-256"
_CODE = ("code", "named in the study", "code list")
_SHARED = {
    "schema_version": Field("version of this schema", "-", "0.1", "public"),
    "study_digest": Field("SHA-256 of the study", "hash", _HASH, "public"),
    "wave": Field("which wave of the study", "number", "exact", "public"),
}
_KIND = Field("kind of document", "code", "-", "public")
_SITE = Field("site, as in its release", "hash", "HMAC-SHA256 under the provider's key", "keyed hash")
_KEY = Field("the site's public key for this study and wave", "hex", "X25519", "public")
MASKED_KEY: Mapping[str, Field] = MappingProxyType(
    {"kind": _KIND, **_SHARED, "site_code": _SITE, "public_key": _KEY}
)
"""Kind ``masked_key``, by path."""
MASKED_ROUND: Mapping[str, Field] = MappingProxyType(
    {
        "kind": _KIND,
        **_SHARED,
        "stage": Field("which of both sums", "code", "units or grid", "public"),
        "unit_exponent": Field("the unit is two to this power", "the outcome's", "integer", "public"),
        "step_exponent": Field("a step of tau is the unit over two to this power", "-", "integer", "public"),
        "points": Field("points of the grid of tau, from zero", "number", "exact", "public"),
        "precision": Field(
            "binary digits behind the point that a site's numbers keep", "-", "8-32", "public"
        ),
        "rows[].question": Field("question", *_CODE),
        "rows[].outcome": Field("outcome", *_CODE),
        "rows[].estimand": Field("population the means speak of", *_CODE),
        "rows[].estimator": Field("what the means were estimated with", *_CODE),
        "rows[].arm": Field("arm", *_CODE),
        "rows[].reference": Field("arm it is compared with", *_CODE),
        "variances[]": Field(
            "variance of one household of arm and reference, over all sites; at the stage grid only",
            "squared outcome",
            "2^-32",
            "public",
        ),
        "sites_with[]": Field(
            "sites that have the contrast; at the stage grid only", "sites", "exact", "public"
        ),
        "roster[].public_key": _KEY,
        "roster[].site_code": _SITE,
    }
)
"""Kind ``masked_round``, by path: the coordinator writes it, over all sites."""
MASKED_CONTRIBUTION: Mapping[str, Field] = MappingProxyType(
    {
        "kind": _KIND,
        "schema_version": _SHARED["schema_version"],
        "round": Field("digest of the round that is answered", "hash", _HASH, "public"),
        "public_key": _KEY,
        "payload_hash": Field("which approved release was added", "hash", _HASH, "public"),
        "words": Field(
            "what the site adds, masked: noise without the words of the whole roster",
            "hex",
            "words of 64 bits",
            "public",
        ),
    }
)
"""Kind ``masked_contribution``, by path."""
MASKED: Mapping[str, Mapping[str, Field]] = MappingProxyType(
    {"masked_key": MASKED_KEY, "masked_round": MASKED_ROUND, "masked_contribution": MASKED_CONTRIBUTION}
)
"""All three, by kind."""
