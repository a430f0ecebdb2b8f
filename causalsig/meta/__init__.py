"""Random-effects meta-analysis: arrays in, frozen results out, no knowledge of sites or files."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalsig.meta.batch import RandomEffectsBatch
    from causalsig.meta.contrasts import Contrasts, JointTest
    from causalsig.meta.influence import Influence
    from causalsig.meta.options import PRESETS
    from causalsig.meta.prediction import PredictionInterval, ShrunkenEstimates
    from causalsig.meta.results import Cumulative, LeaveOneOut, RandomEffects
    from causalsig.meta.tau2_intervals import Tau2Interval
    from causalsig.meta.univariate import random_effects, random_effects_batch
    from causalsig.meta.weights import RescaledCovariances, rescale_covariances

_HOMES = {
    "PRESETS": "options",
    "Contrasts": "contrasts",
    "Cumulative": "results",
    "Influence": "influence",
    "JointTest": "contrasts",
    "LeaveOneOut": "results",
    "PredictionInterval": "prediction",
    "RandomEffects": "results",
    "RandomEffectsBatch": "batch",
    "RescaledCovariances": "weights",
    "ShrunkenEstimates": "prediction",
    "Tau2Interval": "tau2_intervals",
    "random_effects": "univariate",
    "random_effects_batch": "univariate",
    "rescale_covariances": "weights",
}

__all__ = [
    "PRESETS",
    "Contrasts",
    "Cumulative",
    "Influence",
    "JointTest",
    "LeaveOneOut",
    "PredictionInterval",
    "RandomEffects",
    "RandomEffectsBatch",
    "RescaledCovariances",
    "ShrunkenEstimates",
    "Tau2Interval",
    "random_effects",
    "random_effects_batch",
    "rescale_covariances",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
