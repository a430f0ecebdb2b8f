"""How coarse standard errors would have to leave to hide sizes, and what that would cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from causalsig.attack.findings import SiteFindings
from causalsig.attack.sizes import band_of, size_of
from causalsig.release.documents import EstimatesDocument
from causalsig.release.grid import BANDS

COARSER: Final = (1.0, 1.1, 1.25, 1.5, 2.0, 4.0, 8.0)
"""Factors between two neighbouring standard errors that could leave; 1: as they leave."""
LOTS: Final = 400
"""Orders by lot of releases that then look alike."""


def coarser_sizes(
    sites: Sequence[SiteFindings], documents: Mapping[str, EstimatesDocument]
) -> list[dict[str, Any]]:
    """Repeat the attack on sizes with errors rounded up to powers of a factor.

    Returns
    -------
    list of dict
        `factor`; `recognised`, the mean share of lots; `chance`; `wider`, by what the error of a pool of all
        by precision grows, were each site's own rounded up.
    """
    seen = sorted((one for one in sites if size_of(documents[one.site])), key=lambda one: one.site)
    size = np.array([size_of(documents[one.site]) or 0.0 for one in seen])
    band = np.array([BANDS.index(band_of(documents[one.site])) for one in seen])
    public = np.argsort(np.lexsort(([one.signals for one in seen], [one.households for one in seen])))
    chance = float(np.mean([1.0 / np.sum(band == own) for own in band]))
    r = np.random.default_rng(12)
    rows = []
    for factor in COARSER:
        # An error is one over the root of a size: a factor of errors is its square of sizes.
        step = 2.0 * np.log(factor)
        told = np.log(size) if factor == 1.0 else step * np.floor(np.log(size) / step)
        found = []
        for _ in range(LOTS):
            order = np.lexsort((r.random(len(seen)), told, band))
            found.append(float(np.mean(np.argsort(order) == public)))
        wider = float(np.sqrt(size.sum() / np.exp(told).sum()))
        rows.append({"factor": factor, "recognised": float(np.mean(found)), "chance": chance, "wider": wider})
    return rows
