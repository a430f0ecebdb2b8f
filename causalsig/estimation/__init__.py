"""What the effect is: arrays in, frozen results out.

Every estimator returns `causalsig.results.ArmMeans`: arm means, the influence they come from and their joint
covariance. `fit_propensity` runs first, so that overlap and balance can be judged before any effect is seen.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Calibration": "calibration",
    "CloneCensorMeans": "clone_censoring",
    "CloneDesign": "weighted_clones",
    "ConfidenceSet": "confidence_sets",
    "LocalEffect": "instrument",
    "Nuisance": "nuisances",
    "PersonPeriods": "person_periods",
    "Propensity": "propensity",
    "WeightChecks": "clone_checks",
    "clone_censor_weight": "clone_censoring",
    "clone_design": "weighted_clones",
    "fit_propensity": "propensity",
    "difference_in_means": "weighting",
    "inverse_probability": "weighting",
    "local_average_effect": "instrument",
    "overlap_weighting": "weighting",
    "doubly_robust": "augmented",
    "entropy_balancing": "balancing",
    "regression_standardisation": "standardisation",
    "simultaneous_contrasts": "max_t",
    "targeted_maximum_likelihood": "targeted",
    "trim": "trimming",
    "ScoreTable": "threshold_table",
    "ThresholdResult": "threshold_results",
    "collapse_scores": "threshold_table",
    "effect_at_cutoff": "threshold",
    "threshold_effect": "threshold",
    "DensityTest": "threshold_density",
    "density_test": "threshold_density",
    "ScoreBins": "threshold_bins",
    "fill_bins": "threshold_bins",
    "LocalRandomisation": "threshold_randomisation",
    "local_randomisation": "threshold_randomisation",
    "Benchmark": "sensitivity_benchmark",
    "Sensitivity": "sensitivity",
    "covariate_benchmarks": "sensitivity_benchmark",
    "e_value": "sensitivity_coding",
    "hidden_cause_sensitivity": "sensitivity_fit",
    "tipping_point": "sensitivity_coding",
    "CodingBounds": "misclassification",
    "GroupedEffect": "shared_instrument",
    "IdentifiedSet": "identified_sets",
    "InstrumentBalance": "shared_instrument",
    "MoverBounds": "movers",
    "coding_bounds": "misclassification",
    "corrected_arm_means": "misclassification",
    "grouped_instrument": "shared_instrument",
    "instrument_balance": "shared_instrument",
    "mover_bounds": "movers",
    "PermutationPlacebo": "placebo",
    "permutation_placebo": "placebo",
}

__all__ = [
    "Benchmark",
    "Calibration",
    "CloneCensorMeans",
    "CloneDesign",
    "CodingBounds",
    "ConfidenceSet",
    "DensityTest",
    "GroupedEffect",
    "IdentifiedSet",
    "InstrumentBalance",
    "LocalEffect",
    "LocalRandomisation",
    "MoverBounds",
    "Nuisance",
    "PermutationPlacebo",
    "PersonPeriods",
    "Propensity",
    "ScoreBins",
    "ScoreTable",
    "Sensitivity",
    "ThresholdResult",
    "WeightChecks",
    "clone_censor_weight",
    "clone_design",
    "coding_bounds",
    "collapse_scores",
    "corrected_arm_means",
    "covariate_benchmarks",
    "density_test",
    "difference_in_means",
    "doubly_robust",
    "e_value",
    "effect_at_cutoff",
    "entropy_balancing",
    "fill_bins",
    "fit_propensity",
    "grouped_instrument",
    "hidden_cause_sensitivity",
    "instrument_balance",
    "inverse_probability",
    "local_average_effect",
    "local_randomisation",
    "mover_bounds",
    "overlap_weighting",
    "permutation_placebo",
    "regression_standardisation",
    "simultaneous_contrasts",
    "targeted_maximum_likelihood",
    "threshold_effect",
    "tipping_point",
    "trim",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
