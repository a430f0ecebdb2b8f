"""The life of a release, step by step: put up for review, approved or refused, released, read again.

The steps before the signature are in :mod:`causalsig.release.review`, those after it in
:mod:`causalsig.release.signed`; whoever runs them all finds them here together.
"""

from __future__ import annotations

from causalsig.release.remember import Memory, memory_of
from causalsig.release.review import (
    APPROVERS,
    Review,
    approve,
    document_hash,
    look,
    read_review,
    refuse,
    release_name,
    what_ledger_is_told,
    write_review,
)
from causalsig.release.signed import (
    OpenedRelease,
    Verified,
    open_release,
    read_pool,
    read_release,
    read_site_release,
    verify,
    write_pool,
)

__all__ = [
    "APPROVERS",
    "Memory",
    "OpenedRelease",
    "Review",
    "Verified",
    "approve",
    "document_hash",
    "look",
    "memory_of",
    "open_release",
    "read_pool",
    "read_release",
    "read_review",
    "read_site_release",
    "refuse",
    "release_name",
    "verify",
    "what_ledger_is_told",
    "write_pool",
    "write_review",
]
