"""A masked contribution tells nothing alone, and a site adds to one roster only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from causalsig.errors import RefusedError, ReleaseError
from causalsig.release import ReleaseIdentity, build_release, new_keys, read_signing_key, read_trusted
from causalsig.release.envelope import seal_alone, unseal
from causalsig.release.keys import TrustedKeys
from causalsig.release.masked import (
    Sealed,
    add_up,
    contribute,
    new_masked_key,
    open_keys,
    open_round,
    sign_round,
)
from causalsig.release.masked_documents import (
    MaskedContribution,
    MaskedKey,
    MaskedRound,
    MaskedRow,
    RosterEntry,
    least_sites,
)
from causalsig.release.masks import MOST_SITES, fixed_point, from_words
from causalsig.release.review import document_hash
from causalsig.release.signed import OpenedRelease

SITES = 30
PRECISION = 8


class Desk:
    """Thirty sites with a key each, and a university."""

    def __init__(self, folder: Path, release: OpenedRelease) -> None:
        self.folder, self.keys = folder, folder / "keys"
        new_keys(self.keys, demo=False)
        self.trusted: TrustedKeys = read_trusted(self.keys)
        self.operator = read_signing_key(self.keys, "operator")
        self.releases, self.private, self.published = [], [], []
        for number in range(SITES):
            document = release.document.model_copy(update={"site_code": f"{number:064x}"})
            mine = OpenedRelease(document, False, document_hash(document))
            private, published = new_masked_key(mine, key=self.operator)
            self.releases.append(mine)
            self.private.append(private)
            self.published.append(published)

    def roster(self) -> tuple[RosterEntry, ...]:
        keys = [MaskedKey(**unseal(one, self.trusted, ()).document) for one in self.published]
        pairs = sorted((one.public_key, one.site_code) for one in keys)
        return tuple(RosterEntry(public_key=key, site_code=site) for key, site in pairs)

    def round(self, **changes: Any) -> Sealed:
        document = self.releases[0].document
        values: dict[str, Any] = {
            "kind": "masked_round",
            "schema_version": "0.1",
            "study_digest": document.study_digest,
            "wave": document.wave,
            "stage": "units",
            "unit_exponent": -6,
            "step_exponent": 3,
            "points": 3,
            "precision": PRECISION,
            "rows": (
                MaskedRow(
                    question="contact_method",
                    outcome="any_new_arrears_3m",
                    estimand="ATO",
                    estimator="doubly_robust",
                    arm="phone",
                    reference="letter",
                ),
            ),
            "variances": (),
            "sites_with": (),
            "roster": self.roster(),
        }
        if changes.get("stage") == "grid":
            values |= {"variances": (2**30, 2**30), "sites_with": (SITES,)}
        asked = MaskedRound(**(values | changes))
        return open_round(
            sign_round(asked, key=read_signing_key(self.keys, "university")), trusted=self.trusted
        )

    def answer(self, site: int, values: Any, asked: Sealed, **changes: Any) -> bytes:
        given: dict[str, Any] = {
            "release": self.releases[site],
            "asked": asked,
            "keys": open_keys(self.published, trusted=self.trusted),
            "private": self.private[site],
            "record": self.folder / f"ledger-{site}",
            "key": self.operator,
        }
        return contribute(np.asarray(values, dtype=float), **(given | changes))


@pytest.fixture
def desk(tmp_path: Path, make_site: Callable[..., Any], study: Any, identity: ReleaseIdentity) -> Desk:
    document = build_release(make_site(), study=study, identity=identity).document
    return Desk(tmp_path, OpenedRelease(document, False, document_hash(document)))


def test_the_sum_of_all_is_the_plain_sum(desk: Desk) -> None:
    asked, values = desk.round(), np.random.default_rng(1).normal(size=(SITES, 7)) * 1000.0
    answers = [desk.answer(site, values[site], asked) for site in range(SITES)]
    total = add_up(answers, asked, 7, trusted=desk.trusted)
    np.testing.assert_allclose(total, values.sum(axis=0), rtol=0.0, atol=SITES * 2.0 ** -(PRECISION + 1))
    rounded = np.rint(values * 2.0**PRECISION) * 2.0**-PRECISION
    np.testing.assert_array_equal(total, rounded.sum(axis=0))


def test_missing_sites_are_named_by_their_codes(desk: Desk) -> None:
    asked = desk.round()
    answers = [desk.answer(site, np.ones(3), asked) for site in range(SITES) if site not in (4, 7)]
    named = ", ".join(desk.releases[site].document.site_code[:12] for site in (4, 7))
    with pytest.raises(RefusedError, match=rf"2 missing: {named}\. .*\[release-masked-missing\]"):
        add_up(answers, asked, 3, trusted=desk.trusted)


def test_a_contribution_names_its_release(desk: Desk) -> None:
    found = MaskedContribution(**unseal(desk.answer(3, np.ones(3), desk.round()), desk.trusted, ()).document)
    assert found.payload_hash == desk.releases[3].payload_hash
    assert found.payload_hash != desk.releases[4].payload_hash


def test_a_round_of_too_few_sites_is_refused_by_coordinator_and_by_site(desk: Desk) -> None:
    with pytest.raises(RefusedError, match=r"found 29 sites.*\[release-masked-sites\]"):
        desk.round(roster=desk.roster()[1:])
    for finer in ({"points": 17}, {"precision": 32}):
        with pytest.raises(RefusedError, match="release-masked-sites"):
            desk.round(**finer)
    with pytest.raises(RefusedError, match="found 29 sites"):
        desk.round(stage="grid", sites_with=(SITES - 1,))
    whole = desk.round().document.model_copy(update={"points": 17}).model_dump(mode="json")
    signed = seal_alone(whole, read_signing_key(desk.keys, "university"), demo=False)
    with pytest.raises(RefusedError, match="release-masked-sites"):
        open_round(signed, trusted=desk.trusted)


def test_more_points_and_more_digits_never_need_fewer_sites() -> None:
    table = [[least_sites(points, bits) for points in range(3, 258)] for bits in range(8, 33)]
    assert (np.diff(table, axis=0) >= 0).all() and (np.diff(table, axis=1) >= 0).all()
    assert least_sites(257, 32) > MOST_SITES, "no round may be so fine"


def test_one_site_twice_and_another_round_are_refused(desk: Desk) -> None:
    asked = desk.round()
    answers = [desk.answer(site, np.ones(3), asked) for site in range(SITES)]
    with pytest.raises(ReleaseError, match="two contributions of one site"):
        add_up([*answers, answers[0]], asked, 3, trusted=desk.trusted)
    with pytest.raises(ReleaseError, match="another round"):
        add_up(answers, desk.round(stage="grid"), 3, trusted=desk.trusted)


def test_repeating_gives_the_same_bytes_and_other_numbers_are_refused(desk: Desk) -> None:
    asked = desk.round()
    first = desk.answer(0, np.ones(3), asked)
    assert desk.answer(0, np.ones(3), asked) == first
    with pytest.raises(RefusedError, match="release-masked-once"):
        desk.answer(0, np.zeros(3), asked)


def test_the_next_stage_stands_and_another_round_of_a_stage_does_not(desk: Desk) -> None:
    desk.answer(0, np.ones(3), desk.round())
    desk.answer(0, np.ones(3), desk.round(stage="grid"))
    with pytest.raises(RefusedError, match="release-masked-once"):
        desk.answer(0, np.ones(3), desk.round(stage="grid", step_exponent=2))


def test_a_key_nobody_vouches_for_is_refused(desk: Desk) -> None:
    with pytest.raises(ReleaseError, match="without an operator's signature"):
        desk.answer(0, np.ones(3), desk.round(), keys=open_keys(desk.published[:-1], trusted=desk.trusted))


def test_a_site_outside_the_roster_is_refused(desk: Desk) -> None:
    private, _ = new_masked_key(desk.releases[0], key=desk.operator)
    with pytest.raises(ReleaseError, match="is not"):
        desk.answer(0, np.ones(3), desk.round(), private=private)


def test_nothing_is_remembered_of_a_number_the_sum_cannot_hold(desk: Desk) -> None:
    for bad in (np.nan, np.inf, 2.0**22, -(2.0**22)):
        with pytest.raises(RefusedError, match="release-masked-range"):
            desk.answer(0, [bad], desk.round())
    assert not (desk.folder / "ledger-0").exists()


def test_fixed_point_is_the_nearest_word() -> None:
    values = np.array([0.0, -1.5, 2.0**-33 * 3.0, -(2.0**22) + 1.0])
    assert np.abs(from_words(fixed_point(values)) - values).max() <= 2.0**-33
