"""Who is left out for lack of overlap: a change of the population, never a detail.

Three rules: "crump", the cut on ``Σ_k 1/π_k`` that makes the average effect easiest to estimate (Crump, Hotz,
Imbens and Mitnik 2009, doi:10.1093/biomet/asn055; several arms: Yang et al. 2016, doi:10.1111/biom.12505);
("symmetric", δ), every ``π_k > δ`` (δ = 0.1 is Crump's rule of thumb); ("per_arm", q), every π_k at least its
q-quantile among those who got arm k (Stürmer et al. 2010, doi:10.1093/aje/kwq198; several arms: Yoshida et
al. 2019, doi:10.1093/aje/kwy263).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalsig.errors import EstimationError
from causalsig.results import Arm, Estimand, Floats, Integers

if TYPE_CHECKING:
    from causalsig.estimation.propensity import Propensity
    from causalsig.estimation.request import TrimmingRule


@dataclass(frozen=True, slots=True, eq=False)
class Trimming:
    """Who stays.

    Attributes
    ----------
    rule : as given
    arms : tuple, length K
    keep : (n,) bool, in the caller's row order
    thresholds : (K,)
        Smallest propensity of each arm that stays ("symmetric", "per_arm"); for "crump" the largest
        ``Σ_k 1/π_k`` that stays, the same for every arm.
    trimmed, remained : (K,) int
        Episodes an arm.
    """

    rule: TrimmingRule
    arms: tuple[Arm, ...]
    keep: NDArray[np.bool_] = field(repr=False)
    thresholds: Floats
    trimmed: Integers
    remained: Integers


def trim(propensity: Propensity, rule: TrimmingRule) -> Trimming:
    """Decide who is left out, from the propensities alone (averaged over repeats).

    Raises
    ------
    EstimationError
        ``estimation-trim`` for an unknown rule or one that leaves nobody of an arm.
    """
    p, codes, arms = propensity.probabilities.mean(axis=0), propensity.codes, len(propensity.arms)
    name, value = check_rule(rule)
    if name == "crump":
        spread = np.sum(1.0 / np.maximum(p, 1e-300), axis=1)
        cut = crump_cut(spread)
        keep, thresholds = spread <= cut, np.full(arms, cut)
    elif name == "symmetric":
        keep, thresholds = np.all(p > value, axis=1), np.full(arms, value)
    else:
        thresholds = np.array([np.quantile(p[codes == k, k], value) for k in range(arms)])
        keep = np.all(p >= thresholds, axis=1)
    remained = np.bincount(codes[keep], minlength=arms).astype(np.int64)
    if not remained.all():
        _refuse("a rule that leaves episodes of every arm", f"{int(np.sum(remained == 0))} arms without any")
    return Trimming(rule, propensity.arms, keep, thresholds, propensity.n - remained, remained)


def crump_cut(spread: Floats) -> float:
    """Give the largest value c of ``Σ_k 1/π_k`` with ``c ≤ 2 mean(spread where spread ≤ c)``."""
    ordered = np.sort(spread)
    allowed = 2.0 * np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    # Once a value exceeds twice the mean up to it, larger ones do as well or lie beyond a gap in overlap.
    return float(ordered[np.flatnonzero(ordered <= allowed)[-1]])


def check_rule(rule: TrimmingRule) -> tuple[str, float]:
    """Split a rule into its name and value; 0 for "crump"."""
    if isinstance(rule, str) and rule == "crump":
        return "crump", 0.0
    if isinstance(rule, (tuple, list)) and len(rule) == 2 and rule[0] in ("symmetric", "per_arm"):
        if isinstance(rule[1], (int, float)) and 0.0 <= rule[1] < 0.5:
            return rule[0], float(rule[1])
        _refuse("a share between 0 and 0.5", "another value")
    _refuse('"crump", ("symmetric", share) or ("per_arm", quantile)', "another rule")
    raise AssertionError


def trimmed_name(estimand: Estimand, rule: TrimmingRule) -> Estimand:
    """Name the estimand of those who stay: "ATE trimmed (symmetric 0.1)"."""
    name, value = check_rule(rule)
    label = name if name == "crump" else f"{name} {value:g}"
    if isinstance(estimand, str):
        return f"{estimand} trimmed ({label})"
    return (f"{estimand[0]} trimmed ({label})", estimand[1])


def _refuse(expected: str, found: str) -> None:
    raise EstimationError(
        "estimation-trim",
        expected=expected,
        found=found,
        mend="Trim less, or ask for the ATO, which needs no trimming.",
        where="trim",
    )
