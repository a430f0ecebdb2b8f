"""What a study may declare about the hidden, and what it may not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from causalsig.study.digest import study_digest
from causalsig.study.hidden import Coding, Hidden, Instrument, Moving
from causalsig.study.read import default_study_text, read_study

PAGE = Path(__file__).parents[2] / "docs" / "instrument-and-bounds.md"
[DECLARED] = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_default_study_declares_nothing():
    assert read_study("vroegsignalering").hidden == Hidden()


def test_the_declaration_on_the_page_is_read_and_is_part_of_the_identity(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(default_study_text() + "\n" + DECLARED, encoding="utf-8")
    declared = read_study(file)
    assert declared.hidden.moving == Moving(yearly_turnover=(0.08, 0.13), occupants_return=(0.03, 0.1))
    assert declared.hidden.coding == Coding(sensitivity=(0.6, 1.0), specificity=(0.98, 1.0))
    assert declared.hidden.instrument == Instrument(season="harmonic", trend=1)
    assert study_digest(declared) != study_digest(read_study("vroegsignalering"))


@pytest.mark.parametrize(
    ("model", "values", "says"),
    [
        (Moving, {"yearly_turnover": (0.2, 0.1)}, "from high to low"),
        (Moving, {"yearly_turnover": (0.1, 1.2)}, "less than or equal to 1"),
        (Moving, {"yearly_turnover": (0.1, 0.2), "occupants_return": (0.5, 0.1)}, "from high to low"),
        (Coding, {"sensitivity": (0.9, 0.6), "specificity": (0.9, 1.0)}, "from high to low"),
        (Coding, {"sensitivity": (0.4, 1.0), "specificity": (0.5, 1.0)}, "tell nothing"),
        (Instrument, {"trend": 4}, "less than or equal to 3"),
        (Instrument, {"season": "week"}, "harmonic"),
    ],
)
def test_what_makes_no_sense_is_an_error(model, values, says):
    with pytest.raises(ValidationError, match=says):
        model(**values)
