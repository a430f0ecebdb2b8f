"""The kinds of document a site releases: one approval path for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from causalsig.errors import ReleaseError
from causalsig.release.build import read_model
from causalsig.release.documents import EstimatesDocument
from causalsig.release.fields import ESTIMATES
from causalsig.release.fields import Field as ExportedField
from causalsig.release.monitor_document import MonitorDocument
from causalsig.release.profile_document import ProfileDocument
from causalsig.release.site_fields import MONITOR, PROFILE

SiteDocument = EstimatesDocument | ProfileDocument | MonitorDocument
MODELS: Mapping[str, type[SiteDocument]] = MappingProxyType(
    {"estimates": EstimatesDocument, "profile": ProfileDocument, "monitor": MonitorDocument}
)
SUFFIXES: Mapping[str, str] = MappingProxyType(
    {"estimates": ".release.json", "profile": ".profile.json", "monitor": ".monitor.json"}
)
"""How a released file's name ends, by kind; the pool takes up ``.release.json`` only."""
FIELDS: Mapping[str, Mapping[str, ExportedField]] = MappingProxyType(
    {"estimates": ESTIMATES, "profile": PROFILE, "monitor": MONITOR}
)
"""Every field of each kind, with its meaning and its rule."""


def read_site_document(values: dict[str, Any]) -> SiteDocument:
    """Check a document against the schema of its kind, from its canonical bytes.

    Raises
    ------
    ReleaseError
        ``release-schema``
    """
    model = MODELS.get(str(values.get("kind")))
    if model is None:
        raise ReleaseError(
            "release-schema",
            expected="a document of kind " + ", ".join(MODELS),
            found="another kind",
            mend="Make the release again with this version of causalsig; never edit one by hand.",
            where="kind",
        )
    return read_model(model, values)
