"""What leaves of a private release: arm means after noise, how sure they are, and what was spent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from causalsig.records import Estimator
from causalsig.release import grid
from causalsig.release.arm_entries import ArmEntry
from causalsig.release.value_types import ArmCode, Closed
from causalsig.study.models import Estimand, Horizon, OutcomeKind, Slug

if TYPE_CHECKING:
    from causalsig.release.private_mechanism import PrivateMeans

Noise = Annotated[int, Field(ge=-80, le=40)]


class PrivacyEntry(Closed):
    """What one release spends, and on which promise: with or without one household, fixed nuisance models."""

    epsilon_per_mille: int = Field(ge=10, le=10_000)
    mechanism: Literal["discrete-laplace"]
    neighbours: Literal["one-household-more-or-less"]
    given: Literal["fixed-nuisances"]
    max_episodes: int = Field(ge=1, le=10)


class PrivateArmEntry(ArmEntry):
    """One arm after noise: every number follows from noisy ones.

    `std_error` is of sampling, without the noise; `noise` the standard deviation of the noise, as the power
    of √2 nearest to it; `effective_size` the noisy number of households.
    """

    noise: Noise


class PrivateBlockEntry(Closed):
    """The primary block of a question; its arms' errors are taken as independent."""

    outcome: Slug
    estimand: Estimand
    estimator: Estimator
    kind: OutcomeKind
    months: Horizon
    reference: ArmCode
    bound_per_mille: int = Field(ge=100, le=1_000_000)
    arms: tuple[PrivateArmEntry, ...] = Field(min_length=2, max_length=8)

    @model_validator(mode="after")
    def _of_its_arms(self) -> PrivateBlockEntry:
        names = [entry.arm for entry in self.arms]
        if len(set(names)) != len(names) or self.reference not in names:
            raise ValueError("an arm is listed twice, or the reference arm is not among them")
        return self


def private_arms(arms: Iterable[str], found: PrivateMeans) -> tuple[PrivateArmEntry, ...]:
    """Write each arm of a noisy block on its grid."""
    numbers = (found.means, found.sampling_variances, found.noise_variances, found.households)
    rows = zip(*(values.tolist() for values in numbers), strict=True)
    return tuple(PrivateArmEntry.model_validate(_arm(arm, *row)) for arm, row in zip(arms, rows, strict=True))


def _arm(arm: str, mean: float, sampling: float, noise: float, households: float) -> dict[str, object]:
    digits, exponent = grid.two_digits_up(sampling**0.5)
    step = grid.step_exponent(grid.from_two_digits(digits, exponent))
    return {
        "arm": arm,
        "households": grid.band(households),
        "effective_size": max(grid.half_doublings(households), 10),
        "mean": max(min(grid.to_steps(mean, step), grid.MAX_MEAN_STEPS), -grid.MAX_MEAN_STEPS),
        "mean_exponent": step,
        "std_error": digits,
        "std_error_exponent": exponent,
        "noise": max(min(grid.half_doublings(noise**0.5), 40), -80),
    }


def private_numbers(block: PrivateBlockEntry) -> int:
    """Count the free numbers of a block: mean, standard error and size of each arm, and one of the noise."""
    return 3 * len(block.arms) + 1
