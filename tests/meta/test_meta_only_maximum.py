"""The proof that a maximum of the likelihood of tau² is the only one, beside a fine grid."""

from __future__ import annotations

import numpy as np
import pytest

from causalsig.meta import random_effects_batch
from causalsig.meta.gls import Basis, constant_basis, log_likelihood, orthonormal_basis, score_terms
from causalsig.meta.only_maximum import only_maximum

DATA_SETS = 200
# Of the hardest (variances that differ by a factor of thousands, ML) about half is proven; with a spread of
# one or less nearly all. Fewer than this and the test says little.
USEFUL = 1.0 / 3.0
# A part of the score that is zero to rounding has no sign.
ROUNDING = 1e-12


def drawn(k: int, ratio: float, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Effects and lognormal variances (DATA_SETS, k), with tau² a multiple of the median variance."""
    rng = np.random.default_rng([k, int(100 * ratio), int(100 * spread)])
    v = np.exp(spread * rng.normal(size=(DATA_SETS, k)))
    return rng.normal(size=(DATA_SETS, k)) * np.sqrt(v + ratio), v


def bases(k: int) -> list[Basis]:
    line = orthonormal_basis(np.column_stack([np.ones(k), np.arange(k) ** 2.0]))
    assert line is not None
    return [constant_basis(k), line]


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize("spread", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("k", [3, 8, 40])
def test_score_of_a_proven_data_set_changes_sign_at_the_estimate_alone(
    k: int, spread: float, restricted: bool
) -> None:
    for basis in bases(k):
        proven = 0
        for ratio in (0.0, 0.3, 3.0):
            y, v = drawn(k, ratio, spread)
            with np.errstate(divide="ignore", invalid="ignore"):
                found = only_maximum(y, v, basis, restricted=restricted)
            grid = np.concatenate([[0.0], np.geomspace(1e-4, 1e4, 400)])
            grid = np.broadcast_to(grid * v.min(axis=1)[:, None], (len(y), 401))
            terms = score_terms(y[:, None], v[:, None], basis.spread(), grid, restricted=restricted)
            share = terms.value / (terms.y_pp_y + terms.trace)
            before = grid < found.tau2[:, None] * (1.0 - 1e-6)
            after = grid > found.tau2[:, None] * (1.0 + 1e-6)
            right = ~(before & (share < -ROUNDING)).any(axis=1) & ~(after & (share > ROUNDING)).any(axis=1)
            assert right[found.proven].all()
            proven += int(found.proven.sum())
        assert proven > USEFUL * 3 * DATA_SETS


def test_a_likelihood_with_two_maxima_is_never_proven_to_have_one() -> None:
    # Two precise sites that agree, and many coarse ones far apart.
    y = np.array([0.0, 0.01, 9.0, -9.0, 8.0, -8.0, 9.5, -9.5])
    v = np.array([1e-4, 1e-4, 30.0, 30.0, 30.0, 30.0, 30.0, 30.0])
    several = 0
    for shift in np.linspace(0.0, 0.2, 21):
        effects = y + np.array([0.0, shift, *np.zeros(6)])
        for tau2 in ("REML", "ML"):
            fit = random_effects_batch(np.stack([effects, effects]), v, tau2=tau2, interval="wald")
            if fit.maxima[0] == 1:
                continue
            several += 1
            rows = (effects[None], v[None], constant_basis(8))
            assert not only_maximum(*rows, restricted=tau2 == "REML").proven.any()
            heights = log_likelihood(
                *(each for each in (effects, v)),
                constant_basis(8),
                np.array([fit.tau2[0], *np.geomspace(1e-6, 1e3, 500)]),
                restricted=tau2 == "REML",
            )
            assert heights.argmax() == 0
    assert several > 0
