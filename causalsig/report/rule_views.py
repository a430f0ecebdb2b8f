"""A rule for whom which contact, as sentences that a case worker can read, with what it gains."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

from markupsafe import Markup

from causalsig.diagnostics.words import conditions_words
from causalsig.report import views
from causalsig.report.effects import SCALE
from causalsig.report.numbers import MINUS, decimal

if TYPE_CHECKING:
    from causalsig.grouped import ReleasedGain, RuleLeaf
    from causalsig.report.group_views import Groups
    from causalsig.report.pages import OwnRule


def rule_sentences(groups: Groups, leaves: Sequence[RuleLeaf]) -> tuple[Markup, ...]:
    """Say a rule: for whom each kind of contact, and last what is done otherwise.

    "Otherwise" is the arm of most households, so that what is asked is the exception.
    """
    by_arm: dict[str, float] = {}
    for leaf in leaves:
        # Of a rule that was given no households are known: then fewer questions stand for more of them.
        size = leaf.households or 0.5 ** len(leaf.conditions)
        by_arm[leaf.arm] = by_arm.get(leaf.arm, 0.0) + size
    otherwise = max(by_arm, key=lambda arm: by_arm[arm])
    asked = [leaf for leaf in leaves if leaf.arm != otherwise]
    return (
        *(
            groups.say(f"rule.if.{leaf.arm}", conditions=conditions_words(leaf.conditions, groups.language))
            for leaf in asked
        ),
        groups.say(f"rule.else.{otherwise}"),
    )


def gain_ends(gains: Sequence[ReleasedGain], gain: ReleasedGain, level: float) -> tuple[float, float]:
    """Give a gain's interval, per 1,000 households, that holds with the rule's other gains (Bonferroni)."""
    z = NormalDist().inv_cdf(1.0 - (1.0 - level) / (2.0 * len(gains)))
    half = z * (gain.std_error**2 + gain.step**2 / 12.0) ** 0.5
    return (gain.estimate - half) * SCALE, (gain.estimate + half) * SCALE


def euros(value: float, groups: Groups) -> str:
    """Write an amount in whole euros, to hundreds when it is thousands."""
    rounded = round(value, -2) if abs(value) >= SCALE else round(value, -1)
    sign = MINUS if rounded < 0 else ""
    return f"{sign}€\u00a0{decimal(abs(rounded), groups.language)}"


def gain_cell(groups: Groups, gains: Sequence[ReleasedGain], over: str) -> str:
    """Write a gain for a table: ``€ 4.200 (€ 900 tot € 7.500)``."""
    for gain in gains:
        if gain.over == over:
            low, high = gain_ends(gains, gain, groups.level)
            return amount_cell(groups, gain.estimate, low / SCALE, high / SCALE)
    return ""


def amount_cell(groups: Groups, estimate: float, low: float, high: float) -> str:
    """Write a gain an episode with its interval for a table, per 1,000 households."""
    ends = (euros(end * SCALE, groups) for end in (low, high))
    joined = " tot " if groups.language == "nl" else " to "
    return f"{euros(estimate * SCALE, groups)} ({joined.join(ends)})"


def own_section(groups: Groups, rule: OwnRule | None) -> views.Section:
    """Say what rule was found in a municipality, that none was, or that there is nothing to show."""
    say = groups.say
    if rule is None:
        return views.Section("rule", say("rule.title"), paragraphs=(say("rule.nothing"),))
    if not rule.found:
        return views.Section(
            "rule",
            say("rule.title"),
            callout_title=say("rule.none-title"),
            callout=(say("rule.none"), say("rule.none-means")),
            paragraphs=(say("rule.about"),),
        )
    gains = []
    for gain in rule.gains:
        low, high = (euros(end, groups) for end in gain_ends(rule.gains, gain, groups.level))
        amount = euros(gain.estimate * SCALE, groups)
        gains.append(say(f"rule.gain.{gain.over}", amount=amount, low=low, high=high))
    return views.Section(
        "rule",
        say("rule.title"),
        callout_title=say("rule.title-found"),
        callout=rule_sentences(groups, rule.leaves),
        paragraphs=(
            say("rule.about"),
            say("rule.found-about"),
            *gains,
            say("rule.found-high"),
            say("rule.here"),
        ),
        after=(say("rule.worth"),),
    )
