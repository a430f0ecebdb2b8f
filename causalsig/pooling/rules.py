"""Rules over sites: what a given rule gains where it was not learned, and whether it travels.

A rule travels when it beats the best single arm of every site, and every single arm everywhere, beyond noise.
Both are asked: sites that have little to choose by often miss their best arm, and a rule that is hardly more
than that arm beats what they chose; and where sites have different best arms a rule may beat each arm on
average and still be worse than what every site would do by itself. An arm that few sites have is no choice
everywhere; where it is one it is among what the site chose from. All comparisons of a rule have to hold, so
none is adjusted for the others; over the rules the intervals are Bonferroni's, since sites release no
correlation of rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from causalsig.errors import PoolError
from causalsig.grouped import PooledGain, PooledRule, ReleasedRule
from causalsig.meta import random_effects
from causalsig.pooling.pool import reasons_to_hold

if TYPE_CHECKING:
    from causalsig.grouped import ReleasedGain
    from causalsig.study.models import Pooling, Study

BEST, NOW = "best_single", "now"


def pool_rules(blocks: Iterable[ReleasedRule], study: Study) -> tuple[PooledRule, ...]:
    """Pool the gains of the study's given rules; sites that learned a rule release none of it.

    Parameters
    ----------
    blocks : iterable of ReleasedRule
        At most one a site and rule.
    study : Study
        Its given rules, the order of the result, and its pooling choices; intervals hold for all given rules
        together, those without a site too.

    Raises
    ------
    PoolError
        ``pool-site-twice``; ``pool-other-rule`` for one that the study does not give.
    """
    given = {} if study.rules is None else {rule.name: place for place, rule in enumerate(study.rules.given)}
    ordered = sorted(blocks, key=lambda block: (given.get(block.name, -1), block.outcome, block.site))
    if any(block.name not in given for block in ordered):
        raise PoolError(
            "pool-other-rule",
            expected="gains of the rules that the study gives",
            found="those of another rule",
            mend="Pool the releases with the study file they were made with.",
        )
    level = 1.0 - (1.0 - study.pooling.level) / max(len(given), 1)
    return tuple(
        _pool(tuple(own), level, study.pooling)
        for _, own in groupby(ordered, key=lambda block: (block.name, block.question, block.outcome))
    )


def one_rule_a_wave(blocks: Iterable[ReleasedRule]) -> tuple[ReleasedRule, ...]:
    """Take the last wave of each site and rule; blocks come in the order of their waves."""
    return tuple({(b.site, b.question, b.outcome, b.name): b for b in blocks}.values())


def _pool(blocks: tuple[ReleasedRule, ...], level: float, choices: Pooling) -> PooledRule:
    head = blocks[0]
    if len({block.site for block in blocks}) < len(blocks):
        raise PoolError(
            "pool-site-twice",
            expected="each site once",
            found="two releases of one site for the same given rule",
            mend="Keep one release a site: the older one was replaced or copied.",
            where=head.name,
        )
    order = dict.fromkeys(gain.over for block in blocks for gain in block.gains)
    gains = tuple(
        _gain(over, [gain for block in blocks for gain in block.gains if gain.over == over], level, choices)
        for over in order
    )
    asked = [g for g in gains if g.over == BEST or (g.over != NOW and g.sites > choices.min_sites)]
    return PooledRule(
        name=head.name,
        question=head.question,
        outcome=head.outcome,
        gains=gains,
        travels=BEST in order and all(gain.publishable and gain.conf_low > 0.0 for gain in asked),
    )


def _gain(over: str, gains: Sequence[ReleasedGain], level: float, choices: Pooling) -> PooledGain:
    """Pool the gains over one thing; publishable where enough sites remain without any one of them."""
    estimates = np.array([gain.estimate for gain in gains])
    # The grid adds the variance of rounding to its step.
    variances = np.array([gain.std_error**2 + gain.step**2 / 12.0 for gain in gains])
    pooled = random_effects(estimates, variances, tau2=choices.tau2, interval=choices.interval, level=level)
    return PooledGain(
        over=over,
        sites=len(gains),
        estimate=float(pooled.coefficients[0]),
        std_error=float(pooled.std_errors[0]),
        conf_low=float(pooled.conf_low[0]),
        conf_high=float(pooled.conf_high[0]),
        publishable=len(gains) > choices.min_sites and not reasons_to_hold(pooled.weights, choices),
    )
