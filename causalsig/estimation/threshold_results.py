"""What the estimators at a cutoff give back: frozen, without a row of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from causalsig.estimation.confidence_sets import ConfidenceSet
from causalsig.estimation.threshold_bandwidth import Bandwidths
from causalsig.estimation.threshold_local import Kernel
from causalsig.estimation.threshold_side import Variance
from causalsig.estimation.threshold_windows import Scale
from causalsig.results import Floats

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high")


@dataclass(frozen=True, slots=True)
class Jump:
    """A jump at the cutoff: the limit from above less the limit from below.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high : float
        On the outcome's own scale; intervals are normal.
    statistic : float, estimate / std_error; p_value : two-sided, of no jump
    """

    estimate: float
    std_error: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float

    def to_dict(self) -> dict[str, float]:
        """Give the columns every result has."""
        return {name: getattr(self, name) for name in COLUMNS}


@dataclass(frozen=True, slots=True)
class Jumps:
    """One jump, estimated and judged in three ways.

    Attributes
    ----------
    conventional : local polynomial and its standard error; its interval is too short at bandwidths this wide
    bias_corrected : less the estimated bias, with the conventional standard error
    robust : less the estimated bias, with a standard error that knows it was estimated; the one to read
    """

    conventional: Jump
    bias_corrected: Jump
    robust: Jump


@dataclass(frozen=True, slots=True)
class JumpInTreatment:
    """What crossing the cutoff does to the share taken up.

    Attributes
    ----------
    conventional, bias_corrected, robust : Jump
    f_statistic : float, ``(robust.estimate / robust.std_error)²``
    """

    conventional: Jump
    bias_corrected: Jump
    robust: Jump
    f_statistic: float


@dataclass(frozen=True, slots=True)
class HonestInterval:
    """An interval that covers for every mean function whose second derivative stays within a bound.

    Attributes
    ----------
    estimate, std_error : float, local linear at `bandwidth`
    largest_bias : float, over all such functions
    critical_value : float, of ``|N(largest_bias / std_error, 1)|``
    conf_low, conf_high, p_value : float
    bandwidth : float, the same on both sides
    curvature_bound : float, in outcome units a squared unit of the analysis
    effective_n : (left, right), episodes within the bandwidth
    """

    estimate: float
    std_error: float
    largest_bias: float
    critical_value: float
    conf_low: float
    conf_high: float
    p_value: float
    bandwidth: float
    curvature_bound: float
    effective_n: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdResult:
    """Effect at a cutoff of crossing it (sharp), or of what crossing it makes likelier (fuzzy).

    Attributes
    ----------
    conventional, bias_corrected, robust : Jump
        Of the outcome; with `taken_up` the ratio of the jumps, by the delta method. See `Jumps`.
    bandwidths : Bandwidths
    n, effective_n, households, distinct : (left, right)
        Episodes; episodes, and households among them, within the bandwidth of the estimate; distinct scores.
    first_stage : JumpInTreatment or None
    reduced_form : Jumps or None
        With `taken_up`: the jump of the outcome itself, the intention-to-treat effect of crossing.
    covariance : (2, 2) or None
        Robust, of the jumps of outcome and treatment.
    confidence_set : ConfidenceSet or None
        Anderson and Rubin's, from the robust jumps: to be read where the first stage is weak.
    honest : HonestInterval or None, for the jump of the outcome, when a curvature bound was given
    cutoff, donut : float; scale, kernel, variance : str; degree : int
    level : float
    notes : tuple of str, codes of what had to be done
    """

    conventional: Jump
    bias_corrected: Jump
    robust: Jump
    bandwidths: Bandwidths
    n: tuple[int, int]
    effective_n: tuple[int, int]
    households: tuple[int, int]
    distinct: tuple[int, int]
    first_stage: JumpInTreatment | None
    reduced_form: Jumps | None
    covariance: Floats | None
    confidence_set: ConfidenceSet | None
    honest: HonestInterval | None
    cutoff: float
    donut: float
    scale: Scale
    kernel: Kernel
    variance: Variance
    degree: int
    level: float
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Show the effect as a table: one row a way of making it, the columns every result has."""
        import pandas as pd

        table = pd.DataFrame.from_dict(self.to_dict(), orient="index", columns=list(COLUMNS))
        return table.rename_axis("way")

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Show the three ways as plain numbers."""
        names = ("conventional", "bias_corrected", "robust")
        return {name: getattr(self, name).to_dict() for name in names}
