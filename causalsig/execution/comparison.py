"""Truth, naive and pooled side by side: for invented municipalities, whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causalsig.pooling import pool_arms
from causalsig.records import PooledContrast, PoolResult, ReleasedArms

if TYPE_CHECKING:
    from causalsig.study.models import Study


@dataclass(frozen=True, slots=True)
class Comparison:
    """One question's primary contrast: what is true, what a naive analysis says, what causalsig says.

    Risks are differences of probabilities. All three speak of the same sites, those that released the
    question's primary block: ``truth`` is the mean of their true contrasts, ``naive`` pools their unadjusted
    differences in means with the same meta-analysis. ``asked`` counts every site that was run.
    """

    question: str
    arm: str
    reference: str
    truth: float
    naive: PooledContrast
    pooled: PooledContrast
    asked: int


def compare(
    folder: Path,
    truth_folder: Path,
    study: Study,
    pool: PoolResult,
    released: Mapping[str, Collection[str]],
) -> tuple[Comparison, ...]:
    """Line up truth, naive and pooled for every question that was pooled.

    Parameters
    ----------
    folder : Path
        Folder with one folder a site, each with its ``site.json``.
    truth_folder : Path
        Folder with ``<code>.json`` of the generator.
    study : Study
    pool : PoolResult
        The pool of all sites.
    released : dict
        Of each question the codes of the municipalities whose primary block was released, and so is in the
        pool. A site may have one in its ``site.json`` that a disclosure rule held back.
    """
    records = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*/site.json"))]
    blocks = [b for b in unadjusted_blocks(records) if b.site in released.get(b.question, ())]
    naive = pool_arms(blocks, study, "")
    rows = []
    for question, settings in study.asked.items():
        arm, reference = settings.primary_contrast
        pooled = _find(pool, question, arm, reference)
        unadjusted = _find(naive, question, arm, reference)
        if pooled is None or unadjusted is None:
            continue
        codes = [block.site for block in blocks if block.question == question]
        truths = [_true_contrast(truth_folder / f"{code}.json", pooled, arm, reference) for code in codes]
        truth = sum(truths) / len(truths)
        rows.append(Comparison(question, arm, reference, truth, unadjusted, pooled, len(records)))
    return tuple(rows)


def _find(pool: PoolResult, question: str, arm: str, reference: str) -> PooledContrast | None:
    wanted = (question, arm, reference)
    return next((c for c in pool.contrasts if c.primary and (c.question, c.arm, c.reference) == wanted), None)


def unadjusted_blocks(records: Iterable[dict[str, Any]]) -> Iterator[ReleasedArms]:
    """Give differences in means of ``site.json`` records, as if they had been released, for the naive pool.

    They are exact numbers that never leave: for the simulation and the demo only.
    """
    for record in records:
        for question in record["questions"]:
            found = _primary(record, question["question"])
            if found is not None:
                yield ReleasedArms(
                    site=record["municipality"],
                    question=question["question"],
                    outcome=found["outcome"],
                    estimand=found["estimand"],
                    kind=found["kind"],
                    months=found["months"],
                    arms=tuple(found["arms"]),
                    reference=found["reference"],
                    primary=True,
                    means=tuple(found["unadjusted_means"]),
                    covariance=tuple(tuple(row) for row in found["unadjusted_covariance"]),
                    steps=(0.0,) * len(found["arms"]),
                    household_bands=((10, None),) * len(found["arms"]),
                    effective_sizes=tuple(map(float, found["households"])),
                    estimator=found["estimator"],
                )


def _primary(record: dict[str, Any], question: str) -> dict[str, Any] | None:
    for entry in record["questions"]:
        if entry["question"] == question:
            return next((a for a in entry["analyses"] if a["primary"]), None)
    return None


def _true_contrast(path: Path, pooled: PooledContrast, arm: str, reference: str) -> float:
    wanted = (pooled.question, pooled.outcome, pooled.estimand)
    for row in json.loads(path.read_text("utf-8"))["means"]:
        if (row["question"], row["outcome"], row["estimand"]) == wanted:
            return float(row["arms"][arm] - row["arms"][reference])
    raise KeyError(f"{path.name} has no truth for the primary contrast")
