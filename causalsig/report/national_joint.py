"""What all sites' own blocks say together: the chance that an arm is best, and effects by size of the site.

A pool's document carries neither, because both take every site's own block. So they stand in the
statistician's version only, and a bubble's size tells a site's precision.
"""

from __future__ import annotations

from math import log2, sqrt
from typing import TYPE_CHECKING, Any

from causalsig.errors import MetaError
from causalsig.report import effects, views
from causalsig.report.asked import Question
from causalsig.report.bubble_figure import Bubble, LinePoint, bubble_plot
from causalsig.report.numbers import decimal

if TYPE_CHECKING:
    from causalsig.meta import RandomEffects
    from causalsig.pooling.lineup import Lineup

FEWEST_SITES = 10
"""Sites from which one moderator is looked at (Cochrane Handbook, version 6.5, section 10.11.4)."""
FEWEST_SIZES = 3
POINTS = 25
OPEN_BAND = 3.0
"""An open band is taken to end where the others would: at three times its lower end."""


def chances_to_be_best(question: Question) -> dict[str, float]:
    """Give P(an arm has the lowest mean of all), under the joint model of all arms; empty where unknown."""
    from causalsig.pooling import joint_arms

    lineup = _lineup(question)
    if lineup is None or len(lineup.sites) < 2:
        return {}
    try:
        joint = joint_arms(lineup, level=question.page.pool.level)
    except MetaError:
        return {}
    if not joint.fit.converged:
        return {}
    return dict(zip(joint.arms, map(float, joint.fit.ranking(better="low").best), strict=True))


def by_size(question: Question) -> views.Section | None:
    """Draw every site's difference by how many households it has; None for too few sites or sizes."""
    words, pool = question.words, question.page.pool
    found = _differences(question)
    if len(found) < FEWEST_SITES or len({size for _, size, _, _ in found}) < FEWEST_SIZES:
        return None
    fit = _regression(found, pool.method, pool.level)
    if fit is None:
        return None
    pair = words.pair(*question.spec.contrast)
    bubbles = [
        Bubble(site[:8], size, effects.SCALE * value, 1.0 / (effects.SCALE**2 * (variance + fit.tau2)))
        for site, size, value, variance in found
    ]
    sizes = [size for _, size, _, _ in found]
    figure = bubble_plot(
        bubbles,
        _line(fit, min(sizes), max(sizes)),
        title=words.plain("bubbles.figure-title", **pair),
        description=words.plain("bubbles.reading"),
        effect=words.plain("bubbles.effect"),
        moderator=words.plain("bubbles.moderator"),
        name=f"bubbles-{question.slug}",
        language=words.language,
    )
    rows = tuple(
        (
            bubble.label,
            decimal(_two_digits(bubble.moderator), words.language),
            _signed(question, bubble.estimate),
        )
        for bubble in bubbles
    )
    short = words.arm(question.spec.contrast[1], "short")
    columns = (
        words("sites.column-site"),
        words("bubbles.column-households"),
        words("arms.column-difference", reference=short),
    )
    return views.Section(
        f"bubbles-{question.slug}",
        words("bubbles.title"),
        badge=words("page.unpublished-title"),
        paragraphs=(words("bubbles.about"), _slope(question, fit)),
        figure=views.on_page(figure, (words("bubbles.reading"),)),
        tables=(views.Table(words("bubbles.caption"), columns, rows),),
        after=(words("bubbles.describes"),),
    )


def _lineup(question: Question) -> Lineup | None:
    """Line the sites' blocks up that answer the question; None without them."""
    from causalsig.pooling.lineup import line_up

    spec = question.spec
    wanted = (spec.question, spec.outcome, spec.estimand, spec.estimator)
    blocks = [
        block
        for block in question.page.sites
        if (block.question, block.outcome, block.estimand, block.estimator) == wanted
    ]
    return next(iter(line_up(blocks, {spec.question: spec.arms})), None)


def _differences(question: Question) -> list[tuple[str, float, float, float]]:
    """Give of each site with both arms its code, its size, the primary difference and its variance.

    Variances are the pool's, which do not look at a site's own outcomes.
    """
    lineup = _lineup(question)
    if lineup is None or not set(question.spec.contrast) <= set(lineup.arms):
        return []
    a, b = (lineup.arms.index(arm) for arm in question.spec.contrast)
    v = lineup.weighting_covariances()
    values = lineup.means[:, a] - lineup.means[:, b]
    variances = v[:, a, a] + v[:, b, b] - 2.0 * v[:, a, b]
    sizes = _sizes(question)
    return [
        (site, sizes[site], float(value), float(variance))
        for site, value, variance in zip(lineup.sites, values, variances, strict=True)
        if value == value
    ]


def _sizes(question: Question) -> dict[str, float]:
    """Give roughly how many households each site has in all arms: the middles of the bands, added up."""
    spec, found = question.spec, {}
    for block in question.page.sites:
        key = (block.question, block.outcome, block.estimand, block.estimator)
        if key == (spec.question, spec.outcome, spec.estimand, spec.estimator):
            found[block.site] = sum(
                sqrt(low * (OPEN_BAND * low if high is None else high)) for low, high in block.household_bands
            )
    return found


def _regression(
    found: list[tuple[str, float, float, float]], method: str, level: float
) -> RandomEffects | None:
    """Regress the differences on the doublings of size; None where that cannot be fitted."""
    from causalsig.meta import random_effects

    _, sizes, values, variances = zip(*found, strict=True)
    tau2: Any = method.partition(", ")[0]
    try:
        return random_effects(
            values,
            variances,
            moderators=[log2(size) for size in sizes],
            tau2=tau2,
            interval="knapp-hartung-floored",
            level=level,
        )
    except MetaError:
        return None


def _line(fit: RandomEffects, low: float, high: float) -> list[LinePoint]:
    first, step = log2(low), (log2(high) - log2(low)) / (POINTS - 1)
    doublings = [first + step * at for at in range(POINTS)]
    found = fit.contrasts([[1.0, each] for each in doublings])
    ends = zip(doublings, found.estimates, found.conf_low, found.conf_high, strict=True)
    return [LinePoint(2.0**x, *(effects.SCALE * float(v) for v in values)) for x, *values in ends]


def _slope(question: Question, fit: RandomEffects) -> Any:
    """Say how the difference changes where a municipality is twice as large."""
    words = question.words
    low, high = (effects.SCALE * float(end[1]) for end in (fit.conf_low, fit.conf_high))
    change = effects.SCALE * float(fit.coefficients[1])
    said = "rises" if round(low, 1) > 0 else "falls" if round(high, 1) < 0 else "unclear"
    numbers = {
        name: decimal(value, words.language, 1, signed=True)
        for name, value in (("change", change), ("low", low), ("high", high))
    }
    return words(f"bubbles.{said}", sites=fit.k, **numbers)


def _signed(question: Question, value: float) -> str:
    return decimal(value, question.words.language, signed=True)


def _two_digits(size: float) -> float:
    """Round a size to two digits: bands tell no more."""
    return float(f"{size:.1e}")
