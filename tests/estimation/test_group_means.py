"""Groups share their models: everybody is doubly_robust, parts add up, and a wrong group is refused."""

from __future__ import annotations

import numpy as np
import pytest

from causalsig.errors import EstimationError
from causalsig.estimation import doubly_robust, fit_propensity, group_means

N = 4000
EXACT = 1e-12


@pytest.fixture(scope="module")
def site():
    rng = np.random.default_rng(8)
    households = np.repeat(np.arange(N // 2), 2)
    x = np.column_stack([rng.normal(size=N), rng.random(N) < 0.4]).astype(float)
    eta = np.column_stack([np.zeros(N), 0.5 * x[:, 0], -0.5 + 0.4 * x[:, 1]])
    arm = np.array(["letter", "phone", "visit"])[(eta + rng.gumbel(size=eta.shape)).argmax(axis=1)]
    y = (rng.random(N) < 0.3 + 0.05 * x[:, 1] - 0.1 * (arm == "visit") * x[:, 1]).astype(float)
    fitted = fit_propensity(x, arm, households=households, repeats=2)
    return x, arm, y, fitted


@pytest.mark.parametrize("estimand", ["ATO", "ATE", ("ATT", "visit")])
def test_a_group_of_everybody_is_the_answer_itself(site, estimand):
    x, arm, y, fitted = site
    seen = np.random.default_rng(1).random(N) < 0.9
    whole = doubly_robust(
        x, arm, np.where(seen, y, np.nan), observed=seen, propensity=fitted, estimand=estimand
    )
    found = group_means(
        x, arm, np.where(seen, y, np.nan), {"all": np.ones(N, dtype=bool)},
        observed=seen, propensity=fitted, estimand=estimand,
    )  # fmt: skip
    assert found.means[0] == pytest.approx(whole.means, rel=EXACT)
    assert found.covariance == pytest.approx(whole.covariance, rel=1e-9)
    assert found.effective_sample_size[0] == pytest.approx(whole.effective_sample_size, rel=1e-9)
    contrast = whole.contrast("visit", "letter")
    joint = found.effects("visit", "letter")
    assert joint.estimates[0] == pytest.approx(contrast.estimate, rel=EXACT)
    assert joint.df[0] == pytest.approx(contrast.df, rel=1e-9)
    assert joint.conf_low[0] == pytest.approx(contrast.conf_low, abs=1e-4)  # the quantile is drawn


def test_parts_weigh_together_to_the_whole_for_the_ate(site):
    """With one weight a row and no Hájek in parts the law is exact; with it, to the order of chance."""
    x, arm, y, fitted = site
    young = x[:, 1] > 0
    whole = doubly_robust(x, arm, y, propensity=fitted, estimand="ATE")
    found = group_means(x, arm, y, {"young": young, "old": ~young}, propensity=fitted, estimand="ATE")
    share = np.array([young.mean(), 1.0 - young.mean()])
    assert share @ found.means == pytest.approx(whole.means, abs=0.1 * whole.std_errors.min())
    assert found.n.sum(axis=0) == pytest.approx(whole.n)


def test_a_planted_difference_is_found_and_its_intervals_hold_together(site):
    x, arm, y, fitted = site
    young = x[:, 1] > 0
    found = group_means(x, arm, y, {"young": young, "old": ~young}, propensity=fitted)
    effects = found.effects("visit", "letter")
    assert effects.conf_high[0] < 0.0 < effects.conf_high[1]
    difference = found.differences("visit", "letter", [("young", "old")])
    assert difference.estimates[0] == pytest.approx(effects.estimates[0] - effects.estimates[1], rel=EXACT)
    assert difference.level_each == pytest.approx(0.95, abs=0.003) and effects.level_each > 0.965
    # Two halves share no household's fate but that of two episodes: nearly independent.
    together = np.hypot(*effects.std_errors)
    assert difference.std_errors[0] == pytest.approx(together, rel=0.1)


def test_groups_that_cannot_be_are_refused(site):
    x, arm, y, fitted = site
    nobody = np.zeros(N, dtype=bool)
    for groups in ({}, {"none": nobody}, {"short": nobody[1:]}, {"numbers": np.ones(N)}):
        with pytest.raises(EstimationError) as caught:
            group_means(x, arm, y, groups, propensity=fitted)
        assert caught.value.code == "estimation-subgroups"
    found = group_means(x, arm, y, {"all": ~nobody}, propensity=fitted)
    with pytest.raises(EstimationError):
        found.differences("visit", "letter", [("all", "others")])
    with pytest.raises(EstimationError):
        found.effects("visit", "pigeon")
