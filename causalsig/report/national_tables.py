"""The numbers of the national page as a table to calculate with: no more of them, and no closer."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields

from causalsig.report import effects
from causalsig.report.asked import Question
from causalsig.report.effects import Shown
from causalsig.report.pages import NationalPage
from causalsig.report.words import Words


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One difference that stands on the page, in whole households per 1,000 as the page prints it.

    ``mean`` is that of ``arm``, for the primary outcome only; None where the page has no number. ``demo``
    says that the municipalities are invented.
    """

    question: str
    outcome: str
    months: int
    estimand: str
    estimator: str
    arm: str
    reference: str
    municipalities: int
    difference: int
    conf_low: int
    conf_high: int
    prediction_low: int | None
    prediction_high: int | None
    mean: int | None
    mean_low: int | None
    mean_high: int | None
    demo: bool


def effect_rows(page: NationalPage) -> tuple[EffectRow, ...]:
    """Give every pooled difference that may be published, in the order of the page.

    Of the statistician's page too: single municipalities, and pools that may not be shown, are not in it.
    """
    words = Words("en")
    asked = [Question(words, page, spec) for spec in page.specs]
    return tuple(row for question in asked for row in _rows(question))


def _rows(question: Question) -> Iterator[EffectRow]:
    spec = question.spec
    for outcome in question.page.outcomes:
        primary = outcome.outcome == spec.outcome
        arms = [arm for arm in spec.arms if arm != spec.reference] if primary else [spec.contrast[0]]
        reference = spec.reference if primary else spec.contrast[1]
        for arm in arms:
            found = question.found(arm, reference, outcome.outcome)
            if found is None or not found.publishable:
                continue
            shown = effects.show_contrast(found)
            key = (spec.question, outcome.outcome, spec.estimand, arm)
            mean = effects.pooled_mean(question.page.pool, *key) if primary else None
            level = (None, None, None) if mean is None else _whole(effects.show_mean(mean))
            difference, prediction = _whole(shown), _ends(shown)
            yield EffectRow(
                question=spec.question,
                outcome=outcome.outcome,
                months=outcome.months,
                estimand=spec.estimand,
                estimator=spec.estimator,
                arm=arm,
                reference=reference,
                municipalities=shown.sites,
                difference=difference[0],
                conf_low=difference[1],
                conf_high=difference[2],
                prediction_low=prediction[0],
                prediction_high=prediction[1],
                mean=level[0],
                mean_low=level[1],
                mean_high=level[2],
                demo=question.page.demo,
            )


def _ends(shown: Shown) -> tuple[int, int] | tuple[None, None]:
    if shown.prediction is None:
        return None, None
    low, high = shown.prediction
    return round(low), round(high)


def _whole(shown: Shown) -> tuple[int, int, int]:
    return round(shown.estimate), round(shown.low), round(shown.high)


def as_csv(rows: tuple[EffectRow, ...]) -> bytes:
    """Write rows as CSV: UTF-8, a comma between, a point in numbers, empty where there is no number."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(EffectRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue().encode()


def as_parquet(rows: tuple[EffectRow, ...]) -> bytes:
    """Write rows as Parquet, whole numbers as such, also where some are missing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"str": pa.string(), "bool": pa.bool_()}
    schema = pa.schema([(field.name, kinds.get(str(field.type), pa.int64())) for field in fields(EffectRow)])
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows], schema=schema), stream)
    return stream.getvalue()
