"""Whether attacks succeed more often than chance would: rates with their intervals, and a verdict each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from causalsig.attack.attacks import SETTINGS, Attack, Setting, Trial
from causalsig.execution.power_plot import exact_interval

Verdict = Literal["at chance", "above chance", "succeeds", "does not bite", "not tried"]
LEVEL: Final = 0.95
BITES: Final[Mapping[str, float]] = MappingProxyType({"fine-bins": 0.6})
"""Share that must succeed with everything off: a bin of one euro often has several households that differ."""
MUST_BITE: Final = 0.95
"""The same of every other attack."""
SURPRISE: Final = 0.005
"""Chance alone gives so many successes less often than this: then an attack is said to be above chance. There
are a dozen attacks, so all of them being at chance, one is said to be above it in one replay of twenty."""


@dataclass(frozen=True, slots=True)
class Row:
    """One attack under one setting.

    Attributes
    ----------
    tried, succeeded : int
    rate, low, high : float or None
        Share that succeeded, with its exact 95 % interval; None where nothing could be tried.
    chance : float or None
        Mean over the trials of what a guess without any release gives.
    p_value : float or None
        Chance of as many successes or more without any release: binomial at the mean chance, an upper bound
        where the chances of trials differ and more than chance succeed.
    """

    attack: str
    victim: str
    setting: Setting
    tried: int
    succeeded: int
    rate: float | None
    low: float | None
    high: float | None
    chance: float | None
    p_value: float | None
    verdict: Verdict


def judge(attacks: Sequence[Attack], trials: Iterable[Trial]) -> tuple[Row, ...]:
    """Count the trials of every attack and setting, in the order of both."""
    found: dict[tuple[str, Setting], list[Trial]] = {}
    for trial in trials:
        found.setdefault((trial.attack, trial.setting), []).append(trial)
    return tuple(
        _row(attack, setting, found.get((attack.name, setting), []))
        for attack in attacks
        for setting in SETTINGS
        if setting != "no-ledger" or (attack.name, setting) in found
    )


def _row(attack: Attack, setting: Setting, trials: Sequence[Trial]) -> Row:
    tried, succeeded = len(trials), sum(one.right for one in trials)
    if not tried:
        return Row(attack.name, attack.victim, setting, 0, 0, None, None, None, None, None, "not tried")
    from scipy.stats import binom

    rate, chance = succeeded / tried, sum(one.chance for one in trials) / tried
    low, high = exact_interval(succeeded, tried, LEVEL)
    p_value = float(binom.sf(succeeded - 1, tried, chance))
    above = p_value < SURPRISE
    if setting == "off":
        verdict: Verdict = "succeeds" if rate >= BITES.get(attack.name, MUST_BITE) else "does not bite"
    else:
        verdict = "above chance" if above else "at chance"
    return Row(
        attack.name, attack.victim, setting, tried, succeeded, rate, low, high, chance, p_value, verdict
    )  # fmt: skip


def holds(rows: Iterable[Row]) -> bool:
    """Say whether no attack is above chance with everything on."""
    return not any(row.setting == "on" and row.verdict == "above chance" for row in rows)
