"""Random-effects meta-analysis: arrays in, frozen results out, no knowledge of sites or files."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalsig.meta.results import (
        LeaveOneOut,
        PredictionInterval,
        RandomEffects,
        ShrunkenEstimates,
        Tau2Interval,
    )
    from causalsig.meta.univariate import random_effects
    from causalsig.meta.weights import RescaledCovariances, rescale_covariances

__all__ = [
    "LeaveOneOut",
    "PredictionInterval",
    "RandomEffects",
    "RescaledCovariances",
    "ShrunkenEstimates",
    "Tau2Interval",
    "random_effects",
    "rescale_covariances",
]

_HOMES = {
    "LeaveOneOut": "results",
    "PredictionInterval": "results",
    "RandomEffects": "results",
    "RescaledCovariances": "weights",
    "ShrunkenEstimates": "results",
    "Tau2Interval": "results",
    "random_effects": "univariate",
    "rescale_covariances": "weights",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
