"""A learned pattern is judged where it was not learned: real ones have slope one, imagined ones none."""

from __future__ import annotations

import numpy as np
import pytest

from causalsig.errors import EstimationError
from causalsig.estimation import fit_propensity
from causalsig.estimation.effect_prediction import predicted_effects

N = 6000


def site(gain: float, seed: int):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=(N, 2)), rng.random(N) < 0.4]).astype(float)
    arm = np.where(rng.random(N) < 1 / (1 + np.exp(-0.4 * x[:, 0])), "visit", "letter")
    y = 1.0 + 0.5 * x[:, 0] - gain * x[:, 2] * (arm == "visit") + rng.normal(size=N)
    return x, arm, y, fit_propensity(x, arm, households=np.arange(N) // 2)


@pytest.mark.parametrize("learner", ["linear", "forest"])
def test_a_real_pattern_has_slope_one_and_rises_over_its_groups(learner):
    x, arm, y, fitted = site(0.8, 1)
    found = predicted_effects(x, arm, y, x, "visit", "letter", propensity=fitted, learner=learner)
    joint = found.slope.joint()
    assert joint.conf_low[0] < 1.0 < joint.conf_high[0] + 0.25 and found.p_value < 1e-6
    effects = found.by_quantile.effects("visit", "letter").estimates
    assert effects[0] < -0.5 and abs(effects[-1]) < 0.3
    assert list(found.predicted) == sorted(found.predicted)


def test_where_nothing_varies_the_slope_says_so():
    called = 0
    for seed in range(12):
        x, arm, y, fitted = site(0.0, 100 + seed)
        called += predicted_effects(x, arm, y, x, "visit", "letter", propensity=fitted).p_value < 0.05
    assert called <= 4  # by chance one in twenty; five of twelve come in 2 of 10,000 such runs


def test_what_cannot_be_judged_is_refused():
    x, arm, y, fitted = site(0.5, 3)
    for wrong in ({"learner": "deep"}, {"quantiles": 1}):
        with pytest.raises(EstimationError) as caught:
            predicted_effects(x, arm, y, x, "visit", "letter", propensity=fitted, **wrong)
        assert caught.value.code == "estimation-predicted-effects"
