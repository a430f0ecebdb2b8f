"""The identity of a study: SHA-256 over its canonical JSON."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalsig.study.models import Study


def study_digest(study: Study) -> str:
    """SHA-256, in hexadecimal, over the RFC 8785 form of the whole study with its defaults filled in.

    Comments, order of keys and layout of the file do not matter; every value does. A municipality's stricter
    floors are none of the study's.
    """
    import rfc8785

    return hashlib.sha256(rfc8785.dumps(study.as_written.model_dump(mode="json"))).hexdigest()
