"""Sites that release more than once: waves are nested in sites, and no site counts twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.errors import PoolError
from causalsig.meta import random_effects, two_level
from causalsig.records import ReleasedArms

if TYPE_CHECKING:
    from causalsig.diagnosed import ReleasedSensitivity


@dataclass(frozen=True, slots=True)
class PooledWaves:
    """Pool over sites of effects that repeat within them.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high, p_value : float
    site_variance, wave_variance : float
        Of true effects between sites, and between the waves of a site; nan where it cannot be estimated.
    sites, waves : int
    model : {"one wave a site", "waves in sites", "waves of one site"}
    """

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    p_value: float
    site_variance: float
    wave_variance: float
    sites: int
    waves: int
    model: str


def pool_waves(estimates: Any, variances: Any, sites: Any, *, level: float = 0.95) -> PooledWaves:
    """Pool one effect a wave, with disjoint windows of time zero, over sites.

    Parameters
    ----------
    estimates, variances : (n,) array-like
        Independent given the true effects, as windows do not overlap.
    sites : (n,) array-like
        Site of each wave.
    level : float

    Returns
    -------
    PooledWaves
        With one wave a site it is `random_effects` with the mixture interval. With one site it is the mean
        over its waves, which says nothing of other sites.

    Raises
    ------
    PoolError
        ``pool-shape``: a wave without a site.
    MetaError
        As `two_level`.
    """
    labels = list(sites)
    if any(label is None or label != label for label in labels):
        raise PoolError(
            "pool-shape",
            expected="the site of every wave",
            found=f"{sum(label is None or label != label for label in labels)} waves without one",
            mend="Name the site of each wave: waves of no site would be taken for one site's.",
        )
    count, n = len(set(labels)), len(labels)
    if count == n or count == 1:
        one = random_effects(estimates, variances, level=level)
        between = (one.tau2, np.nan) if count == n else (np.nan, one.tau2)
        return PooledWaves(
            float(one.coefficients[0]),
            float(one.std_errors[0]),
            float(one.conf_low[0]),
            float(one.conf_high[0]),
            float(one.p_values[0]),
            *between,
            count,
            n,
            "one wave a site" if count == n else "waves of one site",
        )
    both = two_level(estimates, variances, labels, level=level)
    return PooledWaves(
        float(both.coefficients[0]),
        float(both.std_errors[0]),
        float(both.conf_low[0]),
        float(both.conf_high[0]),
        float(both.p_values[0]),
        both.site_variance,
        both.wave_variance,
        both.sites,
        both.effects,
        "waves in sites",
    )


def one_block_a_site(blocks: Iterable[ReleasedArms]) -> tuple[ReleasedArms, ...]:
    """Take the waves of each site together, so that a site counts once for each pool.

    A pool is of one outcome, estimand and estimator.
    A wave in which an arm was too small has other contrasts than the rest: only the waves of a site with the
    most arms are combined, and the others wait until theirs are large enough.
    """
    found: dict[tuple[str, ...], list[ReleasedArms]] = {}
    for block in blocks:
        found.setdefault(_key(block), []).append(block)
    combined = []
    for waves in found.values():
        most = max(len(wave.arms) for wave in waves)
        fullest = [wave for wave in waves if len(wave.arms) == most]
        same = [wave for wave in fullest if set(wave.arms) == set(fullest[0].arms)]
        combined.append(together(_whole(same)))
    return tuple(combined)


def _whole(waves: list[ReleasedArms]) -> list[ReleasedArms]:
    """Leave out waves of which an arm is a class only; where all are, the largest of them is left."""
    if len(waves) == 1 or not any(wave.classes for wave in waves):
        return waves
    whole = [wave for wave in waves if not wave.classes]
    return whole or [max(waves, key=lambda wave: sum(wave.effective_sizes))]


def _key(block: ReleasedArms) -> tuple[str, ...]:
    return block.site, block.question, block.outcome, block.estimand, block.estimator


def together(waves: Sequence[ReleasedArms]) -> ReleasedArms:
    """Combine the disjoint waves of one site into one block, by their effective sizes.

    The pool then sees one estimate a site, as it would if waves were nested in sites with no variance of
    their own; :func:`pool_waves` estimates that variance for the statistician.

    Parameters
    ----------
    waves : sequence of ReleasedArms
        Of one site, question, outcome and estimand, with the same arms in any order.
    """
    if len(waves) == 1:
        return waves[0]
    arms = waves[0].arms
    order = [[wave.arms.index(arm) for arm in arms] for wave in waves]
    listed = list(zip(waves, order, strict=True))
    means = np.array([np.asarray(wave.means)[at] for wave, at in listed])
    covariance = np.array([np.asarray(wave.covariance)[np.ix_(at, at)] for wave, at in listed])
    sizes = np.array([np.asarray(wave.effective_sizes)[at] for wave, at in listed])
    steps = np.array([np.asarray(wave.steps)[at] for wave, at in listed])
    weight = sizes.mean(axis=1) / sizes.mean(axis=1).sum()
    return replace(
        waves[0],
        means=tuple((weight @ means).tolist()),
        covariance=tuple(map(tuple, np.einsum("w,wij->ij", weight**2, covariance).tolist())),
        steps=tuple(np.sqrt(weight**2 @ steps**2).tolist()),
        household_bands=tuple(
            _sum_of_bands([wave.household_bands[at[place]] for wave, at in listed])
            for place in range(len(arms))
        ),
        effective_sizes=tuple(sizes.sum(axis=0).tolist()),
        sensitivity=_hidden_together(waves, weight),
        noise=_noise_together(listed, weight),
    )


def _noise_together(listed: Sequence[tuple[ReleasedArms, list[int]]], weight: Any) -> tuple[float, ...]:
    """Combine the variances of private releases' noise; none where no wave has any."""
    if not any(wave.noise for wave, _ in listed):
        return ()
    noise = np.array([np.asarray(wave.noise or (0.0,) * len(at))[at] for wave, at in listed])
    return tuple((weight**2 @ noise).tolist())


def _hidden_together(waves: Sequence[ReleasedArms], weight: Any) -> tuple[ReleasedSensitivity, ...]:
    """Combine how a hidden cause would move each contrast; nothing where a wave does not say.

    The bias of the combined contrast is the weighted mean of the waves' own, and so is its scale.
    """
    told = [{one.arm: one for one in wave.sensitivity} for wave in waves]
    combined = []
    for arm in told[0]:
        if not all(arm in wave for wave in told):
            continue
        own = [wave[arm] for wave in told]
        errors = np.array([one.scale_std_error for one in own])
        contrast = np.array([_error_of(wave, arm) for wave in waves])
        error = float(np.sqrt(weight**2 @ errors**2))
        both = float(weight**2 @ (np.array([one.correlation for one in own]) * errors * contrast))
        combined.append(
            replace(
                own[0],
                scale=float(weight @ [one.scale for one in own]),
                scale_std_error=error,
                correlation=both / (error * float(np.sqrt(weight**2 @ contrast**2))),
                step=float(np.sqrt(weight**2 @ np.square([one.step for one in own]))),
            )
        )
    return tuple(combined)


def _error_of(wave: ReleasedArms, arm: str) -> float:
    """Give the standard error of an arm's difference with the reference."""
    at, reference = wave.arms.index(arm), wave.arms.index(wave.reference)
    v = wave.covariance
    return float(np.sqrt(v[at][at] + v[reference][reference] - 2.0 * v[at][reference]))


def _sum_of_bands(bands: Sequence[tuple[int, int | None]]) -> tuple[int, int | None]:
    """Band of a number of households in several waves; a household in two of them counts twice at the top."""
    uppers = [upper for _, upper in bands if upper is not None]
    return max(lower for lower, _ in bands), sum(uppers) if len(uppers) == len(bands) else None
