"""The page of a review shows what would leave and nothing else: each value, its number, its rule."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causalsig.records import SiteResult
from causalsig.release import (
    ReleaseIdentity,
    build_pool_document,
    build_release,
    pool_result,
    released_arms,
    rules,
)
from causalsig.release.beside import released_balance
from causalsig.release.crossed_read import released_bin
from causalsig.release.kinds import FIELDS, SiteDocument
from causalsig.release.paths import leaves
from causalsig.release.reading import Leaf, held_back, read_leaves
from causalsig.release.review import Review, document_hash, write_review
from causalsig.release.review_log import continued
from causalsig.report.field_words import DUTCH
from causalsig.report.render import POLICY, review_html
from causalsig.report.reviewed import Grid, Group, document_group, written
from causalsig.study.models import Study
from causalsig.texts import catalogue
from tests.release.desk import run
from tests.release.memories import memory_for
from tests.release.test_profile_document import FULL_MONITOR, FULL_PROFILE
from tests.release.test_release_beside import LARGE, balance, contact, region, row
from tests.release.test_release_crossed import findings
from tests.release.test_release_documents import contrast, pool

Make = Callable[..., SiteResult]
HOSTILE = "<script>alert(1)</script>"


class Values(HTMLParser):
    """Read the values of a page: what stands in each `data` element, by place; and every tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "data":
            self._inside = True
            self.found.append((str(dict(attrs)["data-place"]), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "data"

    def handle_data(self, data: str) -> None:
        if self._inside:
            place, before = self.found[-1]
            self.found[-1] = (place, before + data)


def review_of(document: SiteDocument, **changes: Any) -> Review:
    digest = document_hash(document)
    log = continued((), "computed", digest)
    log = continued(log, "refused", digest, role="checker", name=HOSTILE, reason="not yet")
    values: dict[str, Any] = {
        "kind": "causalsig-review", "state": "refused", "demo": False, "payload_hash": digest,
        "document": document, "signatures": (), "log": log,
    }  # fmt: skip
    return Review(**(values | changes))


@pytest.fixture(scope="module")
def documents(study: Study, make_site: Make, identity: ReleaseIdentity) -> dict[str, Any]:
    made = make_site(households=LARGE)
    blocks = tuple(
        replace(one, sensitivity=tuple(row(arm) for arm in one.result.arms if arm != "letter"))
        for one in made.questions[1].analyses
    )
    site = replace(
        contact(made, analyses=blocks, regions=(region(),), components=balance()), thresholds=findings()
    )
    return {
        "estimates": build_release(site, study=study, identity=identity).document,
        "profile": FULL_PROFILE,
        "monitor": FULL_MONITOR,
    }


def grids_of(group: Group) -> list[Grid]:
    return [*([group.own] if group.own else []), *group.grids]


def values_of(group: Group) -> list[tuple[str, str]]:
    cells = [shown for _, shown in group.rows] + [
        one for grid in grids_of(group) for r in grid.rows for one in r
    ]
    own = [part for shown in cells for part in shown.parts]
    return own + [part for below in group.groups for part in values_of(below)]


def leaves_of(document: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((place, written(value)) for place, _, value in leaves(document))


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("kind", sorted(FIELDS))
def test_the_page_shows_every_value_that_would_leave_once_and_no_other(
    kind: str, language: Any, documents: dict[str, Any]
) -> None:
    document = documents[kind]
    expected = leaves_of(document.model_dump(mode="json"))
    assert sorted(Values(review_html(review_of(document), language)).found) == expected
    assert len(expected) > 40


def test_a_pool_is_laid_out_as_completely() -> None:
    values = build_pool_document(pool(contrast())).model_dump(mode="json")
    assert sorted(values_of(document_group(values, "en"))) == leaves_of(values)


@pytest.mark.parametrize("kind", sorted(FIELDS))
def test_every_value_stands_beside_its_own_rule(kind: str, documents: dict[str, Any]) -> None:
    values = documents[kind].model_dump(mode="json")
    rules = {leaf.place: leaf.field.rule for leaf in read_leaves(values)}

    def told(group: Group) -> list[tuple[str, str]]:
        pairs = [(heading, shown) for heading, shown in group.rows]
        pairs += [
            pair for grid in grids_of(group) for r in grid.rows for pair in zip(grid.columns, r, strict=True)
        ]
        own = [(shown.parts[0][0], heading.code or heading.rule) for heading, shown in pairs]
        return own + [one for below in group.groups for one in told(below)]

    shown = dict(told(document_group(values, "en")))
    assert shown and shown == {place: rules[place] for place in shown}
    # An exponent stands in the cell of its number, and nothing else goes without a heading.
    assert all(place.endswith("exponent") for place in set(rules) - set(shown))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_changing_any_one_value_changes_what_is_shown(data: st.DataObject, documents: dict[str, Any]) -> None:
    kind = data.draw(st.sampled_from(sorted(documents)))
    values = json.loads(documents[kind].model_dump_json())
    before = dict(values_of(document_group(values, "nl")))
    changeable = [
        (place, value)
        for place, path, value in leaves(values)
        if type(value) is int and not path.endswith(("episodes", "variance", "noise", "exponent"))
    ]
    place, value = data.draw(st.sampled_from(changeable))
    spot = values
    *above, last = place.replace("[", ".").replace("]", "").split(".")
    for step in above:
        spot = spot[int(step)] if isinstance(spot, list) else spot[step]
    spot[int(last) if isinstance(spot, list) else last] = value + 1
    after = dict(values_of(document_group(values, "nl")))
    assert {at for at in before if before[at] != after[at]} == {place}


def test_what_a_value_stands_for_is_what_its_readers_decode(documents: dict[str, Any]) -> None:
    """Against the decoders that the pool and the reports use, each written apart from this one."""
    document = documents["estimates"]
    told = {leaf.place: leaf for leaf in read_leaves(document.model_dump(mode="json"))}
    blocks = released_arms(document)
    places = [(q, a) for q, question in enumerate(document.questions) for a in range(len(question.analyses))]
    assert len(blocks) == len(places) > 2
    for block, (q, a) in zip(blocks, places, strict=True):
        at = f"questions[{q}].analyses[{a}]"
        for k in range(len(block.arms)):
            assert stands(told, f"{at}.arms[{k}].mean") == block.means[k]
            assert stands(told, f"{at}.arms[{k}].std_error") == pytest.approx(np.sqrt(block.covariance[k][k]))
        expected = block.covariance[1][0] / np.sqrt(block.covariance[0][0] * block.covariance[1][1])
        assert stands(told, f"{at}.correlations[0]") == pytest.approx(expected)
    (released,) = released_balance(document)
    for place, (covariate, difference, noise) in enumerate(released.rows):
        at = f"questions[1].balance[0].differences[{place}]"
        assert told[f"{at}.covariate"].value == covariate
        assert (stands(told, f"{at}.difference"), stands(told, f"{at}.noise")) == (difference, noise)
    crossing = document.thresholds[0].crossings[0]
    assert crossing.bins
    for place, entry in enumerate(crossing.bins):
        decoded, at = released_bin(entry, crossing.scale), f"thresholds[0].crossings[0].bins[{place}]"
        assert stands(told, f"{at}.distance") == decoded.distance
        assert stands(told, f"{at}.mean") == decoded.mean
        assert stands(told, f"{at}.variance") == decoded.variance
        assert stands(told, f"{at}.taken_up") == decoded.taken_up
    assert stands(told, "thresholds[0].crossings[0].cutoff.digits") == crossing.cutoff.value
    assert stands(told, "thresholds[0].crossings[0].followed[0]") == crossing.followed[0] / 10


def test_what_a_pool_stands_for_is_what_its_reader_decodes() -> None:
    document = build_pool_document(pool(contrast()))
    told = {leaf.place: leaf for leaf in read_leaves(document.model_dump(mode="json"))}
    decoded = pool_result(document).contrasts[0]
    for name in ("estimate", "conf_low", "conf_high", "std_error", "p_value"):
        assert stands(told, f"contrasts[0].numbers.{name}") == getattr(decoded, name), name
    assert stands(told, "contrasts[0].numbers.tau2.digits") == decoded.tau2
    assert stands(told, "contrasts[0].numbers.df_tenths") == decoded.df


def stands(told: dict[str, Leaf], place: str) -> float | None:
    return told[place].stands_for


def test_whatever_is_in_parts_of_one_has_a_number(documents: dict[str, Any]) -> None:
    """No value in steps, digits or parts is left for the checker to decode by hand."""
    for document in (*documents.values(), build_pool_document(pool(contrast()))):
        for leaf in read_leaves(document.model_dump(mode="json")):
            grids = ("smallest power", "power of", "two significant", "a quarter", "at least a quarter", "0.")
            coded = leaf.field.grid.startswith(grids) and not leaf.field.grid.startswith("0.1 to")
            if coded and type(leaf.value) is int:
                assert leaf.stands_for is not None, leaf.path


def test_the_page_fetches_and_runs_nothing_and_escapes_names(documents: dict[str, Any]) -> None:
    html = review_html(review_of(documents["profile"]), "nl")
    tags = Values(html).tags
    assert not {name for name, _ in tags} & {"script", "img", "link", "iframe", "form", "object", "base"}
    assert all(
        not value or value.startswith("#")
        for _, has in tags
        for key, value in has.items()
        if key in ("href", "src")
    )
    assert POLICY in [has.get("content") for name, has in tags if name == "meta"]
    assert HOSTILE not in html and "alert(1)" in html  # a name is shown, and stays a name


def test_it_tells_state_hash_people_and_what_stays_inside(documents: dict[str, Any]) -> None:
    document = documents["estimates"]
    review = review_of(document)
    html = review_html(review, "en")
    assert review.payload_hash in html and document.study_digest in html
    assert "State: refused" in html and "not yet" in html and "Stays inside" in html
    rules = {rule for _, rule in held_back(document)}
    assert rules and all(f"<code>{rule}</code>" in html for rule in rules)


def test_every_field_of_a_site_has_its_dutch_words() -> None:
    words = {
        part
        for table in FIELDS.values()
        for field in table.values()
        for part in (field.meaning, field.unit, field.grid, field.rule)
        if not part.startswith("release-")
    }
    assert sorted(words - {"-"} - set(DUTCH)) == []
    assert [dutch for dutch in DUTCH.values() if not dutch.strip()] == []


def test_the_command_writes_it_for_its_owner_alone_and_overwrites_nothing(
    tmp_path: Path, documents: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, page = tmp_path / "sites" / "9001", tmp_path / "page.html"
    write_review(folder, documents["profile"], memory=memory_for(folder))
    command = ("release", "review", folder, "--html", page, "--language", "nl")
    assert run(*command) == 0
    out = capsys.readouterr()
    assert out.out == f"{page}\n" and "keep it inside" in out.err
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    expected = leaves_of(documents["profile"].model_dump(mode="json"))
    assert sorted(Values(page.read_text("utf-8")).found) == expected
    page.write_text("mine", "utf-8")
    assert run(*command) == 2 and page.read_text("utf-8") == "mine"
    assert run(*command, "--force") == 0 and page.read_text("utf-8") != "mine"


def test_the_terminal_shows_each_value_with_its_rule(
    tmp_path: Path, documents: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sites" / "9001"
    write_review(folder, documents["monitor"], memory=memory_for(folder))
    assert run("release", "review", folder) == 0
    lines = capsys.readouterr().out.splitlines()
    for leaf in read_leaves(documents["monitor"].model_dump(mode="json")):
        (line,) = [one for one in lines if one.split(" ")[0] == leaf.place]
        rule = catalogue("en").get(f"release.rules.{leaf.field.rule}.title", leaf.field.rule)
        assert line.endswith(f" | {rule}")


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_page_has_the_digest_of_what_the_ledger_is_told(documents: dict[str, Any], language: Any) -> None:
    told = "5e" * 32
    document = documents["estimates"]
    assert told not in review_html(review_of(document), language)
    page = review_html(review_of(document, told=told), language)
    term = catalogue(language)["review.told"]
    assert page.count(told) == 1 and page.index(term) < page.index(told)


def groups_with_rules(group: Group) -> dict[str, set[str]]:
    own = {group.id: {code for _, code in group.judges}} if group.judges else {}
    for below in group.groups:
        own |= groups_with_rules(below)
    return own


def test_above_each_block_stand_all_rules_that_judged_it(documents: dict[str, Any]) -> None:
    values = documents["estimates"].model_dump(mode="json")
    found = groups_with_rules(document_group(values, "en"))
    block = found["at-questions-0-analyses-0"]
    assert {one.code for one in rules.rules()} | {"release-nested-difference"} <= block
    assert found["at-questions-1-balance-0"] < block and "at-questions-0-attrition-0" not in found
    page = review_html(review_of(documents["estimates"]), "en")
    start = page.index('id="at-questions-0-analyses-0"')
    above = page[start : page.index("<table", start)]
    assert all(f"<code>{code}</code>" in above for code in block)
