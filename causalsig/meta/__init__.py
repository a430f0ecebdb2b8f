"""Random-effects meta-analysis: arrays in, frozen results out, no knowledge of sites or files."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalsig.meta.asymmetry import EggerTest, Funnel, egger, funnel
    from causalsig.meta.batch import RandomEffectsBatch
    from causalsig.meta.clustered import ClusterRobust, cluster_robust
    from causalsig.meta.contrasts import Contrasts, JointTest
    from causalsig.meta.groups import Subgroups, subgroups
    from causalsig.meta.influence import Influence
    from causalsig.meta.multivariate import multivariate_random_effects
    from causalsig.meta.multivariate_results import (
        Band,
        JointPrediction,
        JointShrunken,
        MultivariateRandomEffects,
        Ranking,
    )
    from causalsig.meta.options import PRESETS
    from causalsig.meta.permutation import PermutationTest, permutation_test
    from causalsig.meta.prediction import PredictionInterval, ShrunkenEstimates
    from causalsig.meta.results import Cumulative, LeaveOneOut, RandomEffects
    from causalsig.meta.tau2_intervals import Tau2Interval
    from causalsig.meta.univariate import random_effects, random_effects_batch
    from causalsig.meta.waves import TwoLevel, two_level
    from causalsig.meta.weights import (
        RescaledCovariances,
        covariances_by_effective_size,
        rescale_covariances,
    )

_HOMES = {
    "PRESETS": "options",
    "multivariate_random_effects": "multivariate",
    "Ranking": "multivariate_results",
    "MultivariateRandomEffects": "multivariate_results",
    "JointShrunken": "multivariate_results",
    "JointPrediction": "multivariate_results",
    "Band": "multivariate_results",
    "ClusterRobust": "clustered",
    "Contrasts": "contrasts",
    "Cumulative": "results",
    "EggerTest": "asymmetry",
    "Funnel": "asymmetry",
    "Influence": "influence",
    "JointTest": "contrasts",
    "LeaveOneOut": "results",
    "PermutationTest": "permutation",
    "PredictionInterval": "prediction",
    "RandomEffects": "results",
    "RandomEffectsBatch": "batch",
    "RescaledCovariances": "weights",
    "ShrunkenEstimates": "prediction",
    "Subgroups": "groups",
    "Tau2Interval": "tau2_intervals",
    "TwoLevel": "waves",
    "cluster_robust": "clustered",
    "covariances_by_effective_size": "weights",
    "egger": "asymmetry",
    "funnel": "asymmetry",
    "permutation_test": "permutation",
    "random_effects": "univariate",
    "random_effects_batch": "univariate",
    "rescale_covariances": "weights",
    "subgroups": "groups",
    "two_level": "waves",
}

__all__ = [
    "PRESETS",
    "Band",
    "ClusterRobust",
    "Contrasts",
    "Cumulative",
    "EggerTest",
    "Funnel",
    "Influence",
    "JointPrediction",
    "JointShrunken",
    "JointTest",
    "LeaveOneOut",
    "MultivariateRandomEffects",
    "PermutationTest",
    "PredictionInterval",
    "RandomEffects",
    "RandomEffectsBatch",
    "Ranking",
    "RescaledCovariances",
    "ShrunkenEstimates",
    "Subgroups",
    "Tau2Interval",
    "TwoLevel",
    "cluster_robust",
    "covariances_by_effective_size",
    "egger",
    "funnel",
    "multivariate_random_effects",
    "permutation_test",
    "random_effects",
    "random_effects_batch",
    "rescale_covariances",
    "subgroups",
    "two_level",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
