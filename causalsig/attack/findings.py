"""What the attacks on households found at one municipality, and what those on municipalities need of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from causalsig.attack import (
    changed_record,
    erasure,
    fine_bins,
    float_channel,
    overlapping,
    saturated_dummies,
    tree_leaves,
)
from causalsig.attack.attacks import Trial
from causalsig.attack.differences import Difference
from causalsig.attack.scene import Scene
from causalsig.errors import ReleaseError
from causalsig.records import ReleasedArms

if TYPE_CHECKING:
    from causalsig.release.documents import EstimatesDocument
    from causalsig.sources.findings import ReadResult
    from causalsig.study.inventory import Site
    from causalsig.study.models import Study


@dataclass(frozen=True, slots=True)
class SiteFindings:
    """Of one municipality; plain values, so that it can be kept as JSON.

    Attributes
    ----------
    municipality : str
        Its code, of an invented one.
    site : str
        The code in its release.
    signals : int
        What is published of it: signals over the extract.
    households : int
        Exact number of households with a signal, which is never released.
    effect : ReleasedArms or None
        The primary block of the attacked question, exact.
    trials : tuple of Trial
    differences : tuple of Difference
    """

    municipality: str
    site: str
    signals: int
    households: int
    effect: ReleasedArms | None
    trials: tuple[Trial, ...]
    differences: tuple[Difference, ...]

    def plain(self) -> dict[str, Any]:
        """Give values that JSON can hold."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> SiteFindings:
        """Read what `plain` gave, after JSON."""
        effect = values["effect"]
        return cls(
            values["municipality"],
            values["site"],
            values["signals"],
            values["households"],
            None if effect is None else _block(effect),
            tuple(Trial(**one) for one in values["trials"]),
            tuple(_difference(one) for one in values["differences"]),
        )


def _block(values: Mapping[str, Any]) -> ReleasedArms:
    pairs: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    pairs["covariance"] = tuple(map(tuple, values["covariance"]))
    pairs["household_bands"] = tuple(map(tuple, values["household_bands"]))
    return ReleasedArms(**pairs)


def _difference(values: Mapping[str, Any]) -> Difference:
    told = values["told"]
    pair = None if told is None else (tuple(told[0]), tuple(told[1]))
    return Difference(values["attack"], values["setting"], values["site"], pair, values["returned"])


def attack_site(
    site: Site, study: Study, read: ReadResult, document: EstimatesDocument, keys: Path, scratch: Path
) -> SiteFindings:
    """Replay every attack on one household of an invented municipality.

    Parameters
    ----------
    site, study : Site, Study
        The study under the municipality's policy.
    read : ReadResult
        The extract that the release was made of.
    document : EstimatesDocument
    keys : Path
        Folder with the provider's key and ledger; only read.
    scratch : Path
        Folder for copies of the ledger.

    Raises
    ------
    ReleaseError
        ``attack-other-data``: the release is not of this extract and study.
    """
    scene = Scene(site, study, read, document, keys, scratch)
    if not scene.is_of_this_release():
        raise ReleaseError(
            "attack-other-data",
            expected="releases of the invented data that were given, by this version of causalsig",
            found="one with other numbers than these data give",
            mend="Give the folder that `causalsig site run` read, and the study it was run with.",
            where=f"site {site.code}",
        )
    trials: list[Trial] = []
    differences: list[Difference] = []
    block = scene.block()
    effect = None
    if block is not None:
        cohort = scene.cohort(block)
        victim = scene.victim(block, cohort)
        trials += float_channel.trials(scene, block, cohort)
        differences += changed_record.differences(scene, block, cohort)
        if victim is not None:
            for single in (saturated_dummies, fine_bins, tree_leaves):
                trials += single.trials(scene, block, cohort, victim)
            differences += erasure.differences(scene, block, victim)
            differences += overlapping.differences(scene, block, victim, cohort)
        if block.primary:
            effect = _exact(scene, block)
    return SiteFindings(
        municipality=site.code,
        site=document.site_code,
        signals=len(read.tables.signals),
        households=int(read.tables.signals["household_key"].nunique()),
        effect=effect,
        trials=tuple(trials),
        differences=tuple(differences),
    )


def _exact(scene: Scene, block: ReleasedArms) -> ReleasedArms:
    """Give the block without grids or bands, as if nothing were held."""
    one = scene.exact(block)
    result = one.result
    covariance = np.asarray(result.covariance, dtype=np.float64)
    return ReleasedArms(
        site=block.site,
        question=one.question,
        outcome=one.outcome,
        estimand=one.estimand,
        kind=one.kind,
        months=one.months,
        arms=tuple(map(str, result.arms)),
        reference=one.reference,
        primary=True,
        means=tuple(np.asarray(result.means, dtype=np.float64).tolist()),
        covariance=tuple(tuple(row) for row in covariance.tolist()),
        steps=(0.0,) * len(result.arms),
        household_bands=tuple((int(n), int(n)) for n in result.households),
        effective_sizes=tuple(np.asarray(result.effective_sample_size, dtype=np.float64).tolist()),
        estimator=one.estimator,
    )
