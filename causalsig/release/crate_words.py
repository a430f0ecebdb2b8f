"""Every sentence that the metadata of a crate can hold: a closed list, so that no text is typed into one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "root.estimates": "Estimates of one site, as they were released",
        "root.profile": "Profile of one site's data, as it was released",
        "root.monitor": "Monitor figures of one site, as they were released",
        "root.outside": "One signed release of causalsig and where it comes from: the run, the check of"
        " every number, two approvals and the release. Who approved is told by role and"
        " key only.",
        "root.inside": "One signed release of causalsig with the record of its review. It names "
        "people: it stays with the provider.",
        "terms": "Terms of use",
        "terms.about": "What the agreements between municipality, provider and university say; "
        "causalsig gives no licence to the figures.",
        "profile": "Process Run Crate",
        "disclosure": "Disclosure check",
        "licence": "Apache License 2.0",
        "study": "Study",
        "study.about": "The study that every site runs, signed by the university. It is known by the "
        "digest of its choices and is not part of this crate.",
        "study.digest": "Digest of the study's choices",
        "extract": "Extract of the municipality's registers",
        "extract.about": "The input. It never leaves the provider, and is known by a keyed digest only; "
        "the month is that of the extraction.",
        "extract.digest": "Digest of the extract under the provider's key",
        "document": "Document",
        "document.about": "What was computed, checked and approved: whole numbers on declared grids and "
        "codes.",
        "document.digest": "Digest of the document in its canonical form (RFC 8785)",
        "earlier": "Earlier document",
        "earlier.about": "What was put up for review at this site before, and did not leave in this release.",
        "earlier.digest": "Digest of the earlier document in its canonical form (RFC 8785)",
        "file": "Released file",
        "file.about": "The document with the signatures of operator and output checker (a DSSE "
        "envelope), byte for byte as it left. `causalsig release verify` checks it.",
        "file.digest": "Digest of the file's bytes",
        "review": "Record of the review",
        "review.about": "State, signatures and log of the review. It names people and stays with the "
        "provider.",
        "review.digest": "Digest of the record's bytes",
        "software.about": "Computes, checks and signs at the site.",
        "software.lock": "Digest of the lock of all libraries",
        "ledger.head": "Head of the provider's ledger at the first approval",
        "key.operator": "Id of the operator's key",
        "key.checker": "Id of the output checker's key",
        "site": "The site",
        "site.about": "The municipality at its provider, known by a keyed code.",
        "site.code": "Code of the site under the provider's key",
        "role.operator": "The operator",
        "role.checker": "The output checker",
        "role.about": "A role; who had it stays with the provider.",
        "run": "Run of the study at the site",
        "run.profile": "Profile of the site's data",
        "run.monitor": "Monitor of the site's data",
        "run.about": "The figures were computed from the extract, at the provider.",
        "check": "Automatic disclosure check",
        "check.about": "Every number was held against the rules of disclosure before it could be approved.",
        "approve.operator": "Approval by the operator",
        "approve.checker": "Approval by the output checker",
        "approve.about": "One of two people looked at all that would leave and signed it.",
        "refuse.operator": "Refusal by the operator",
        "refuse.checker": "Refusal by the output checker",
        "refuse.about": "One of two people refused what would have left; it did not leave.",
        "release": "Release",
        "release.about": "After both approvals, and after the ledger had recorded it, the signed file "
        "was written.",
    }
)
PHRASES = frozenset(WORDS.values())
