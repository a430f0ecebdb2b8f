"""Random-effects meta-analysis: arrays in, frozen results out, no knowledge of sites or files."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalsig.meta.asymmetry import EggerTest, Funnel, egger, funnel
    from causalsig.meta.batch import RandomEffectsBatch
    from causalsig.meta.bayes import BayesianRandomEffects, bayesian_random_effects
    from causalsig.meta.clustered import ClusterRobust, cluster_robust
    from causalsig.meta.contrasts import Contrasts, JointTest
    from causalsig.meta.cutoffs import CutoffCurve, cutoff_curve
    from causalsig.meta.distributions import NormalMixture, PanelDistribution
    from causalsig.meta.groups import Subgroups, subgroups
    from causalsig.meta.honest import HonestPool, honest_effects
    from causalsig.meta.influence import Influence
    from causalsig.meta.likelihood import PooledLikelihood, pool_likelihoods
    from causalsig.meta.multivariate import multivariate_random_effects
    from causalsig.meta.multivariate_results import (
        Band,
        JointPrediction,
        JointShrunken,
        MultivariateRandomEffects,
        Ranking,
    )
    from causalsig.meta.options import PRESETS, Preset, preset
    from causalsig.meta.overlapping import OverlappingPool, overlapping_effects
    from causalsig.meta.permutation import PermutationTest, permutation_test
    from causalsig.meta.prediction import PredictionInterval, ShrunkenEstimates
    from causalsig.meta.results import Cumulative, LeaveOneOut, RandomEffects
    from causalsig.meta.site_likelihoods import (
        EventClass,
        NormalLikelihood,
        ProfileLikelihood,
        event_class,
        profile_likelihood_payload,
        profile_of_log_odds_ratio,
    )
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
    "Preset": "options",
    "preset": "options",
    "profile_of_log_odds_ratio": "site_likelihoods",
    "profile_likelihood_payload": "site_likelihoods",
    "event_class": "site_likelihoods",
    "ProfileLikelihood": "site_likelihoods",
    "NormalLikelihood": "site_likelihoods",
    "EventClass": "site_likelihoods",
    "PanelDistribution": "distributions",
    "NormalMixture": "distributions",
    "pool_likelihoods": "likelihood",
    "PooledLikelihood": "likelihood",
    "bayesian_random_effects": "bayes",
    "BayesianRandomEffects": "bayes",
    "multivariate_random_effects": "multivariate",
    "Ranking": "multivariate_results",
    "MultivariateRandomEffects": "multivariate_results",
    "JointShrunken": "multivariate_results",
    "JointPrediction": "multivariate_results",
    "Band": "multivariate_results",
    "ClusterRobust": "clustered",
    "Contrasts": "contrasts",
    "Cumulative": "results",
    "CutoffCurve": "cutoffs",
    "EggerTest": "asymmetry",
    "Funnel": "asymmetry",
    "HonestPool": "honest",
    "Influence": "influence",
    "JointTest": "contrasts",
    "LeaveOneOut": "results",
    "OverlappingPool": "overlapping",
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
    "cutoff_curve": "cutoffs",
    "egger": "asymmetry",
    "funnel": "asymmetry",
    "honest_effects": "honest",
    "overlapping_effects": "overlapping",
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
    "BayesianRandomEffects",
    "ClusterRobust",
    "Contrasts",
    "Cumulative",
    "CutoffCurve",
    "EggerTest",
    "EventClass",
    "Funnel",
    "HonestPool",
    "Influence",
    "JointPrediction",
    "JointShrunken",
    "JointTest",
    "LeaveOneOut",
    "MultivariateRandomEffects",
    "NormalLikelihood",
    "NormalMixture",
    "OverlappingPool",
    "PanelDistribution",
    "PermutationTest",
    "PooledLikelihood",
    "PredictionInterval",
    "Preset",
    "ProfileLikelihood",
    "RandomEffects",
    "RandomEffectsBatch",
    "Ranking",
    "RescaledCovariances",
    "ShrunkenEstimates",
    "Subgroups",
    "Tau2Interval",
    "TwoLevel",
    "bayesian_random_effects",
    "cluster_robust",
    "covariances_by_effective_size",
    "cutoff_curve",
    "egger",
    "event_class",
    "funnel",
    "honest_effects",
    "multivariate_random_effects",
    "overlapping_effects",
    "permutation_test",
    "pool_likelihoods",
    "preset",
    "profile_likelihood_payload",
    "profile_of_log_odds_ratio",
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
