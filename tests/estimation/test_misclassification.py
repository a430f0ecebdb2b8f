"""Who accepted is recorded with errors: corrected means, and their bounds over declared errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from causalsig.errors import EstimationError
from causalsig.estimation import doubly_robust, fit_propensity
from causalsig.estimation.misclassification import coding_bounds, corrected_arm_means

ROUNDING = 1e-9
REPLICATIONS = 80
ARMS = ("no", "yes")


def draw(seed, *, sensitivity=0.7, specificity=0.95, effect=-0.15, n=1500, differential=False):
    """Two covariates move acceptance and returns; the record errs at random. Households of two."""
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 2))
    e = 1 / (1 + np.exp(-(-0.8 + 0.6 * x[:, 0])))
    true = r.random(n) < e
    household = np.repeat(np.arange(n // 2), 2)
    shared = 0.1 * r.normal(size=n // 2)[household]
    chance = np.clip(0.5 + 0.08 * x[:, 0] - 0.05 * x[:, 1] + effect * true + shared, 0.02, 0.98)
    y = (r.random(n) < chance).astype(float)
    lowered = 0.3 * y if differential else 0.0
    recorded = np.where(true, r.random(n) < sensitivity - lowered, r.random(n) > specificity)
    return x, np.where(recorded, "yes", "no"), y, household, np.where(true, "yes", "no")


def corrected(data, sensitivity=0.7, specificity=0.95, **more):
    x, recorded, y, household, _ = data
    options = {"arms": ARMS} | ({} if "propensity" in more else {"households": household}) | more
    return corrected_arm_means(
        x, recorded, y, sensitivity=sensitivity, specificity=specificity, **options
    ).contrast("yes", "no")


def test_without_covariates_it_is_the_inverse_of_the_two_by_two_table():
    """Barron's matrix on counts: true exposed with and without a return, from recorded ones."""
    _, recorded, y, household, _ = draw(0, n=20_000)
    s, c = 0.7, 0.95
    matrix = np.array([[c, 1 - s], [1 - c, s]])
    counts = np.array([[np.mean((recorded == arm) & (y == v)) for v in (0, 1)] for arm in ARMS])
    truth = np.linalg.solve(matrix, counts)
    means = truth[:, 1] / truth.sum(axis=1)
    found = corrected_arm_means(
        np.zeros((len(y), 1)),
        recorded,
        y,
        arms=ARMS,
        sensitivity=s,
        specificity=c,
        estimand="ATE",
        households=household,
    )
    # Models without covariates still leave a fold out: a difference of the order 1 / n.
    np.testing.assert_allclose(found.means, means, atol=1e-4)


@pytest.mark.parametrize("estimand", ["ATE", "ATO"])
def test_a_perfect_record_gives_the_doubly_robust_means(estimand):
    x, recorded, y, household, _ = draw(1)
    plain = doubly_robust(x, recorded, y, arms=ARMS, households=household, estimand=estimand)
    found = corrected_arm_means(
        x,
        recorded,
        y,
        arms=ARMS,
        sensitivity=1.0,
        specificity=1.0,
        households=household,
        estimand=estimand,
    )
    np.testing.assert_allclose(found.means, plain.means, rtol=ROUNDING)
    np.testing.assert_allclose(found.covariance, plain.covariance, rtol=ROUNDING)


@pytest.fixture(scope="module")
def replications():
    """Corrected ATE and ATO and recorded ATO of every replication, from one propensity each.

    The effect is the same for everybody up to a clip that hardly ever acts, so both estimands share it.
    """
    rows = []
    for seed in range(REPLICATIONS):
        x, recorded, y, household, _ = data = draw(seed)
        fitted = fit_propensity(x, recorded, arms=ARMS, households=household)
        found = [corrected(data, propensity=fitted, estimand=name) for name in ("ATE", "ATO")]
        plain = doubly_robust(x, recorded, y, arms=ARMS, propensity=fitted, estimand="ATO")
        rows.append([*found, plain.contrast("yes", "no")])
    return list(zip(*rows, strict=True))


def covered(contrasts):
    return sum(one.conf_low <= -0.15 <= one.conf_high for one in contrasts)


@pytest.mark.parametrize("place", [0, 1], ids=["ATE", "ATO"])
def test_the_corrected_interval_covers_with_the_error_of_the_replications(replications, place):
    low, high = binomtest(covered(replications[place]), REPLICATIONS).proportion_ci(0.99)
    assert low <= 0.97 and high >= 0.93
    spread = np.std([one.estimate for one in replications[place]], ddof=1)
    # The spread of 80 draws is known to 8 %.
    assert np.mean([one.std_error for one in replications[place]]) == pytest.approx(spread, rel=0.25)


def test_the_interval_as_recorded_does_not_cover(replications):
    assert binomtest(covered(replications[2]), REPLICATIONS).proportion_ci(0.99).high < 0.9


def test_who_was_truly_exposed_gives_the_same_answer_with_a_smaller_error():
    errors = []
    gaps = []
    for seed in range(12):
        x, recorded, y, household, true = draw(seed, n=3000)
        known = doubly_robust(x, true, y, arms=ARMS, households=household, estimand="ATO").contrast(
            "yes", "no"
        )
        found = corrected((x, recorded, y, household, true))
        gaps.append(found.estimate - known.estimate)
        errors.append(known.std_error / found.std_error)
    assert abs(np.mean(gaps)) < 3.3 * np.std(gaps) / np.sqrt(len(gaps))
    assert max(errors) < 1.0


def test_the_bounds_hold_every_pair_within_the_ranges():
    data = draw(3)
    x, recorded, y, household, _ = data
    ranges = {"sensitivity": (0.6, 0.9), "specificity": (0.92, 1.0)}
    found = coding_bounds(x, recorded, y, arms=ARMS, households=household, **ranges)
    r = np.random.default_rng(0)
    for s, c in zip(r.uniform(0.6, 0.9, 25), r.uniform(0.92, 1.0, 25), strict=True):
        one = corrected(data, s, c).estimate
        # Between the points of the grid the contrast may bend a little.
        assert found.bounds.low - 0.01 * abs(one) <= one <= found.bounds.high + 0.01 * abs(one)
    assert found.bounds.low < found.recorded.estimate
    assert found.bounds.conf_low < found.bounds.low <= found.bounds.high < found.bounds.conf_high
    assert found.left_out == 0 and len(found.estimates) == 25


def test_one_declared_pair_gives_the_corrected_contrast():
    data = draw(4)
    x, recorded, y, household, _ = data
    found = coding_bounds(
        x, recorded, y, arms=ARMS, households=household, sensitivity=(0.7, 0.7), specificity=(0.95, 0.95)
    )
    one = corrected(data)
    assert found.bounds.low == found.bounds.high == pytest.approx(one.estimate, rel=ROUNDING)
    assert found.bounds.low_error == pytest.approx(one.std_error, rel=ROUNDING)


def test_pairs_the_share_recorded_rules_out_are_left_out_and_told():
    x, recorded, y, household, _ = draw(5)
    share = np.mean(recorded == "yes")
    found = coding_bounds(
        x,
        recorded,
        y,
        arms=ARMS,
        households=household,
        sensitivity=(0.7, 0.8),
        specificity=(1 - share - 0.1, 1.0),
    )
    assert found.left_out > 0
    assert (1 - found.specificity < share).all()
    assert "estimation-misclassification-partly" in found.notes


def test_errors_that_depend_on_the_outcome_are_not_corrected():
    """The assumption is needed: a record that misses those who return makes help look good."""
    found = [corrected(draw(seed, effect=0.0, differential=True)).estimate for seed in range(10)]
    assert np.mean(found) < -0.1


def test_the_order_of_rows_changes_nothing():
    x, recorded, y, household, true = draw(6, n=400)
    rows = np.random.default_rng(1).permutation(400)
    again = corrected((x[rows], recorded[rows], y[rows], household[rows], true[rows]))
    assert again.estimate == pytest.approx(
        corrected((x, recorded, y, household, true)).estimate, rel=ROUNDING
    )


@pytest.mark.parametrize(
    ("sensitivity", "specificity"), [(0.5, 0.5), (1.2, 0.9), (0.0, 1.0), (0.9, 0.3), (np.nan, 1.0)]
)
def test_errors_with_which_a_record_tells_nothing_are_refused(sensitivity, specificity):
    with pytest.raises(EstimationError) as caught:
        corrected(draw(7, n=200), sensitivity, specificity)
    assert caught.value.code == "estimation-misclassification"


@pytest.mark.parametrize(
    ("ranges", "code"),
    [
        ({"sensitivity": (0.9, 0.7), "specificity": (0.9, 1.0)}, "estimation-bounds"),
        ({"sensitivity": (0.7, 0.9), "specificity": (0.9, np.inf)}, "estimation-bounds"),
        ({"sensitivity": (0.7, 0.9), "specificity": (0.45, 0.5)}, "estimation-misclassification"),
        ({"sensitivity": (0.7, 0.9, 1.0), "specificity": (0.9, 1.0)}, "estimation-bounds"),
    ],
)
def test_ranges_that_are_none_or_fit_nowhere_are_refused(ranges, code):
    x, recorded, y, household, _ = draw(8, n=200)
    with pytest.raises(EstimationError) as caught:
        coding_bounds(x, recorded, y, arms=ARMS, households=household, **ranges)
    assert caught.value.code == code
