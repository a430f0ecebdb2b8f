"""Guesses and verdicts: an attack that is told something is seen to succeed, one that is not is not."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import numpy as np

from causalsig.attack import code_dictionary, erasure, sizes
from causalsig.attack.attacks import SETTINGS, Trial, coin
from causalsig.attack.differences import Difference, minus
from causalsig.attack.findings import SiteFindings
from causalsig.attack.judge import holds, judge
from causalsig.attack.learned import trials_of
from causalsig.attack.pools import remainder
from causalsig.attack.replay import ATTACKS

ROOT = Path(__file__).parents[2]
NAMES = [f"{number:064x}" for number in range(200)]


def differences(told: np.ndarray, returned: np.ndarray, setting: str = "no-ledger") -> list[Difference]:
    return [
        Difference("erasure", setting, name, (tuple(row.tolist()), (0.0,)), bool(answer))  # type: ignore[arg-type]
        for name, row, answer in zip(NAMES, told, returned, strict=True)
    ]


def rate(found: list[Difference]) -> float:
    trials = trials_of(erasure.ATTACK, found)
    return sum(trial.right for trial in trials) / len(trials)


def test_what_differences_tell_is_learned_whatever_its_sign() -> None:
    draw = np.random.default_rng(1)
    returned = draw.integers(2, size=len(NAMES)).astype(bool)
    noise = draw.normal(size=(len(NAMES), 5))
    turned = noise.copy()
    turned[:, 3] -= 2.0 * np.where(returned, 1.0, -1.0)
    assert rate(differences(turned, returned)) > 0.9
    # Left out of what is learned, no municipality tells on itself: noise is worth a coin.
    assert abs(rate(differences(noise, returned)) - 0.5) < 0.12


def test_a_release_that_was_refused_is_worth_a_coin() -> None:
    returned = [bool(number % 2) for number in range(len(NAMES))]
    found = [
        Difference("erasure", "on", name, None, answer) for name, answer in zip(NAMES, returned, strict=True)
    ]
    trials = trials_of(erasure.ATTACK, found)
    assert [trial.right == answer for trial, answer in zip(trials, returned, strict=True)] == [
        coin("erasure", name) for name in NAMES
    ]


def test_a_difference_is_in_standard_errors_and_of_shared_numbers_only() -> None:
    first = {("a", "ATO"): (0.30, 0.04), ("b", "ATO"): (0.20, 0.02)}
    second = {("a", "ATO"): (0.28, 0.02)}
    means, errors = minus(first, second, [("a", "ATO"), ("b", "ATO")])
    assert np.allclose(means, (0.5, 0.0))
    assert np.allclose(errors, (np.log(2.0), 0.0))


def trials(
    right: int, of: int, setting: str = "on", chance: float = 0.5, attack: str = "erasure"
) -> list[Trial]:
    return [Trial(attack, setting, name, place < right, chance) for place, name in enumerate(NAMES[:of])]  # type: ignore[arg-type]


def test_a_verdict_follows_from_the_rate_and_its_chance() -> None:
    def verdict(*found: Trial) -> str:
        return judge([erasure.ATTACK], found)[0].verdict

    assert verdict(*trials(100, 200)) == "at chance"
    assert verdict(*trials(130, 200)) == "above chance"
    assert verdict(*trials(60, 200, chance=0.1)) == "above chance"
    assert verdict() == "not tried"
    off = judge([erasure.ATTACK], trials(150, 200, "off"))[1]
    assert (off.setting, off.verdict) == ("off", "does not bite")
    assert judge([erasure.ATTACK], trials(198, 200, "off"))[1].verdict == "succeeds"


def test_only_what_succeeds_with_everything_on_fails() -> None:
    assert holds(judge([erasure.ATTACK], trials(100, 200) + trials(200, 200, "no-ledger")))
    assert not holds(judge([erasure.ATTACK], trials(150, 200)))


def test_an_exact_interval_stands_beside_a_rate() -> None:
    row = judge([erasure.ATTACK], trials(0, 20))[0]
    assert row.low == 0.0
    assert row.high is not None
    assert abs(row.high - (1.0 - 0.025 ** (1.0 / 20.0))) < 1e-12


def municipality(code: str, site: str) -> SiteFindings:
    return SiteFindings(code, site, 1000, 400, None, (), ())


def test_codes_under_a_key_that_can_be_guessed_are_found() -> None:
    study = "a" * 64
    codes = [f"9{number:03d}" for number in range(50)]

    def found(key: bytes) -> int:
        made = [hmac.new(key, f"site\n{study}\n{c}".encode(), hashlib.sha256).hexdigest() for c in codes]
        sites = [municipality(code, site) for code, site in zip(codes, made, strict=True)]
        return sum(trial.right for trial in code_dictionary.trials(sites, study) if trial.setting == "on")

    assert found(b"") == found(study.encode()) == 50
    assert found(hashlib.sha256(b"a key that nobody knows").digest()) < 8


def test_what_is_left_of_a_pool_of_two() -> None:
    assert abs(remainder(0.25 * 0.1 + 0.75 * -0.2, 0.75, 0.1) - -0.2) < 1e-12


def test_every_attack_says_what_it_needs_and_has_its_row_in_the_docs() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 11
    page = (ROOT / "docs/attacks.md").read_text("utf-8")
    for attack in ATTACKS:
        assert all((attack.source, attack.knows, attack.guesses, attack.chance, attack.held_by, attack.off))
        assert f"`{attack.name}`" in page, attack.name
    assert all(f"`{setting}`" in page for setting in SETTINGS)


def test_the_claim_judges_rates_with_everything_on_and_off() -> None:
    from evidence.claims.attack_table import is_wrong

    def wrong(right: int, setting: str, chance: float = 0.5) -> bool:
        rows = judge([erasure.ATTACK], trials(right, 200, setting, chance))
        return is_wrong(next(row for row in rows if row.setting == setting))

    assert [wrong(right, "on") for right in (100, 115, 130)] == [False, False, True]
    assert [wrong(right, "off") for right in (200, 150)] == [False, True]
    assert not wrong(180, "no-ledger")
    assert wrong(30, "on", chance=0.05)


def test_the_claim_tells_that_sizes_are_guessed_and_bounds_by_how_much() -> None:
    from evidence.claims.attack_table import is_wrong

    def wrong(right: int) -> bool:
        rows = judge([sizes.ATTACK], trials(right, 200, "on", 0.01, sizes.ATTACK.name))
        found = next(row for row in rows if row.setting == "on")
        assert (found.verdict == "above chance") == (right > 5)
        return is_wrong(found)

    assert [wrong(right) for right in (2, 12, 40)] == [False, False, True]
