"""The design gate of clones: overlap at time zero, size and balance under the weights that clones have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalsig.diagnostics.balance import balance_table, largest_excess
from causalsig.diagnostics.gates import BALANCE, EFFECTIVE_SIZE, EQUIPOISE, POSITIVITY, DesignGate
from causalsig.diagnostics.overlap import equipoise_share, share_without_positivity, too_rare
from causalsig.records import BalanceRow, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from causalsig.estimation.weighted_clones import CloneDesign
    from causalsig.study.models import Diagnostics


def clone_gate(
    design: CloneDesign,
    covariates: NDArray[np.float64],
    names: tuple[str, ...],
    contrast: tuple[str, str],
    estimands: tuple[str, ...],
    settings: Diagnostics,
) -> DesignGate:
    """Judge who stayed on which strategy, as :func:`design_gate` judges treatments.

    Overlap is that of the strategies in the end, given what was known at time zero. Size and balance are
    those under the weights of the clones, which also undo what happened since: the covariates of time zero
    must be alike in all arms once more. Balance of what changes by period is no matter of two groups
    and is not judged; `CloneDesign.checks` says what the weights look like by period.

    Parameters
    ----------
    design : CloneDesign
        With weights for every estimand.
    covariates : (n, p)
        At time zero.
    names : tuple of str, length p
    contrast : (arm, reference)
    estimands : tuple of str
        Primary first: when it fails, the question is withheld.
    settings : Diagnostics
    """
    rows = np.flatnonzero(design.follows < len(design.arms))
    codes, probabilities = design.follows[rows], design.propensities[rows]
    verdicts: list[Verdict] = []
    if set(contrast) <= set(design.arms):
        first, second = (design.arms.index(arm) for arm in contrast)
        share = equipoise_share(probabilities, codes, first, second, settings.equipoise_bounds)
        floor = settings.min_equipoise_share
        verdicts.append(Verdict("design", EQUIPOISE, share >= floor, share, floor, contrast[0]))
    equipoise = all(verdict.passed for verdict in verdicts)
    admitted: list[str] = []
    tables: list[tuple[BalanceRow, ...]] = []
    for estimand in estimands:
        rare = too_rare(covariates[rows], codes, design.clusters[rows], len(design.arms))
        judged = [] if estimand != "ATE" else [_positivity(design, probabilities, rare, settings)]
        judged.append(_size(design, estimand, settings))
        table = balance_table(
            covariates[rows],
            names,
            codes,
            design.arms,
            design.weights[estimand][rows],
            design.effective_sample_size[estimand],
            design.clusters[rows],
        )
        excess = largest_excess(table)
        limit = settings.max_smd
        judged.append(Verdict("design", BALANCE, excess <= limit, excess, limit, None, estimand))
        verdicts += judged
        tables.append(table)
        if all(verdict.passed for verdict in judged):
            admitted.append(estimand)
    if not equipoise or estimands[0] not in admitted:
        admitted = []
    return DesignGate(tuple(verdicts), tables[0], tuple(admitted))


def _positivity(
    design: CloneDesign,
    probabilities: NDArray[np.float64],
    rare: NDArray[np.bool_],
    settings: Diagnostics,
) -> Verdict:
    shares = share_without_positivity(probabilities, settings.positivity_probability, rare)
    worst, limit = int(shares.argmax()), settings.positivity_share
    passed = bool(shares[worst] <= limit)
    return Verdict("design", POSITIVITY, passed, float(shares[worst]), limit, design.arms[worst], "ATE")


def _size(design: CloneDesign, estimand: str, settings: Diagnostics) -> Verdict:
    sizes, floor = design.effective_sample_size[estimand], settings.min_effective_sample_size
    least = int(sizes.argmin())
    passed = bool(sizes[least] >= floor)
    return Verdict("design", EFFECTIVE_SIZE, passed, float(sizes[least]), floor, design.arms[least], estimand)
