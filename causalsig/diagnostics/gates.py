"""The design gate: decides from propensities and covariates alone, before any effect is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from causalsig.diagnostics.balance import balance_table, largest_excess
from causalsig.diagnostics.overlap import equipoise_share, share_without_positivity, too_rare
from causalsig.errors import EstimationError
from causalsig.records import BalanceRow, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from causalsig.estimation.propensity import Propensity
    from causalsig.study.models import Diagnostics

EQUIPOISE = "gate-equipoise"
BALANCE = "gate-balance"
EFFECTIVE_SIZE = "gate-effective-sample-size"
POSITIVITY = "gate-positivity"


@dataclass(frozen=True, slots=True)
class DesignGate:
    """Answer of the design gate for one question.

    Attributes
    ----------
    verdicts : tuple of Verdict
    balance : tuple of BalanceRow
        Under the weights of the primary estimand.
    admitted : tuple of str
        Estimands whose effects may be computed; empty when the question is withheld.
    """

    verdicts: tuple[Verdict, ...]
    balance: tuple[BalanceRow, ...]
    admitted: tuple[str, ...]


def design_gate(
    propensity: Propensity,
    covariates: NDArray[np.float64],
    names: tuple[str, ...],
    contrast: tuple[str, str],
    estimands: tuple[str, ...],
    settings: Diagnostics,
) -> DesignGate:
    """Judge overlap and balance for each estimand of the study.

    A failure of the primary contrast's equipoise withholds everything (where an arm of that contrast was not
    admitted there is nothing to judge); the other figures decide an estimand at a time. The primary estimand
    (the first) failing withholds the question.

    Parameters
    ----------
    propensity : Propensity
        Fitted treatment model; outcomes are never seen here. Where the covariates decide the arm, overlap is
        judged before the ridge that keeps the weights finite.
    covariates : (n, p)
    names : tuple of str, length p
    contrast : (arm, reference)
        The study's primary contrast.
    estimands : tuple of str
        Primary first.
    settings : Diagnostics
        The study's thresholds.
    """
    probabilities = propensity.judged_probabilities
    verdicts = []
    if set(contrast) <= set(propensity.arms):
        verdicts.append(_equipoise(propensity, probabilities, contrast, settings))
    equipoise = all(verdict.passed for verdict in verdicts)
    admitted: list[str] = []
    tables: list[tuple[BalanceRow, ...]] = []
    for estimand in estimands:
        judged, table = _judge(propensity, probabilities, covariates, names, estimand, settings)
        verdicts.extend(judged)
        tables.append(table)
        if all(verdict.passed for verdict in judged):
            admitted.append(estimand)
    if not equipoise or estimands[0] not in admitted:
        admitted = []
    return DesignGate(tuple(verdicts), tables[0], tuple(admitted))


def _equipoise(
    propensity: Propensity,
    probabilities: NDArray[np.float64],
    contrast: tuple[str, str],
    settings: Diagnostics,
) -> Verdict:
    first, second = (propensity.arms.index(arm) for arm in contrast)
    share = equipoise_share(probabilities, propensity.codes, first, second, settings.equipoise_bounds)
    return Verdict(
        "design",
        EQUIPOISE,
        share >= settings.min_equipoise_share,
        share,
        settings.min_equipoise_share,
        contrast[0],
    )


def _judge(
    propensity: Propensity,
    probabilities: NDArray[np.float64],
    covariates: NDArray[np.float64],
    names: tuple[str, ...],
    estimand: str,
    settings: Diagnostics,
) -> tuple[list[Verdict], tuple[BalanceRow, ...]]:
    """Verdicts and balance table of one estimand."""
    verdicts: list[Verdict] = []
    if estimand == "ATE":
        rare = too_rare(covariates, propensity.codes, propensity.clusters, len(propensity.arms))
        shares = share_without_positivity(probabilities, settings.positivity_probability, rare)
        worst = int(shares.argmax())
        verdicts.append(
            Verdict(
                "design",
                POSITIVITY,
                bool(shares[worst] <= settings.positivity_share),
                float(shares[worst]),
                settings.positivity_share,
                propensity.arms[worst],
                estimand,
            )
        )
        if not verdicts[0].passed:
            return verdicts, ()
    sizes = _effective_sizes(propensity, estimand)
    smallest = int(sizes.argmin())
    floor = settings.min_effective_sample_size
    verdicts.append(
        Verdict(
            "design",
            EFFECTIVE_SIZE,
            bool(sizes[smallest] >= floor),
            float(sizes[smallest]),
            floor,
            propensity.arms[smallest],
            estimand,
        )
    )
    if not sizes[smallest]:
        return verdicts, ()
    table = balance_table(
        covariates,
        names,
        propensity.codes,
        propensity.arms,
        propensity.weights(estimand),
        sizes,
        propensity.clusters,
    )
    excess = largest_excess(table)
    verdicts.append(
        Verdict("design", BALANCE, excess <= settings.max_smd, excess, settings.max_smd, None, estimand)
    )
    return verdicts, table


def _effective_sizes(propensity: Propensity, estimand: str) -> NDArray[np.float64]:
    """Households an arm is worth, (K,); 0 for the arm that somebody had no chance of: no weights exist."""
    try:
        return propensity.effective_sample_size(estimand)
    except EstimationError as error:
        if error.code != "estimation-positivity":
            raise
    sizes = propensity.households.astype(float)
    sizes[int(propensity.probabilities.min(axis=(0, 1)).argmin())] = 0.0
    return sizes
