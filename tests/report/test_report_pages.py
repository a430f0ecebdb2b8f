"""A page says what was found and why something is missing, and nothing of any other municipality."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import get_args

import pytest

from causalsig.diagnosed import RegionCondition, UnusedRegion
from causalsig.report.numbers import Language
from causalsig.report.pages import MunicipalityPage, UnusedBand
from causalsig.report.render import municipality_html, national_html
from causalsig.study.models import Pooling
from tests.report import page_factory as made

LIMIT = 300_000
"""Bytes: a municipality's page must travel by mail (issue 15)."""


class Text(HTMLParser):
    """The visible text of a page, and its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] != "style":
            self.parts.append(data)


def read(html: str) -> Text:
    reader = Text()
    reader.feed(html)
    return reader


def words(html: str) -> str:
    return re.sub(r"\s+", " ", " ".join(read(html).parts).replace("\u00a0", " "))


def test_the_conclusion_comes_first_with_its_uncertainty() -> None:
    found = words(municipality_html(made.estimated()))
    first = found[: found.index("Wij vergelijken")]
    assert "In Voorbeeldstad is nog niet zeker of een huisbezoek beter werkt dan een brief" in first
    assert "kwamen er binnen 3 maanden naar schatting 12 minder terug dan na een brief" in first
    assert "De onzekerheid loopt van 30 minder tot 6 meer" in first
    assert "In de 21 andere gemeenten samen: 9 minder per 1.000 huishoudens" in first


@pytest.mark.parametrize(
    ("page", "headline"),
    [
        (made.harmful(), "In Voorbeeldstad komen na een huisbezoek waarschijnlijk meer huishoudens terug"),
        (made.null(), "In Voorbeeldstad komen na een huisbezoek ongeveer evenveel huishoudens terug"),
        (made.tiny(), "In Klein-Dorp aan de Vliet zijn te weinig gegevens om te zien of een huisbezoek"),
        (made.refused(), "Voor Kortbewaard kunnen wij dit niet apart uitrekenen"),
    ],
)
def test_a_harmful_null_tiny_or_refused_result_reads_right(page: MunicipalityPage, headline: str) -> None:
    assert headline in words(municipality_html(page))


def test_a_result_that_departs_from_the_others_is_not_advised_by_them() -> None:
    found = words(municipality_html(made.harmful()))
    assert "Uw uitkomst wijkt af van die van de andere gemeenten" in found
    assert "Zoek eerst uit hoe dit komt" in found
    assert "Dit steunt de keuze voor een huisbezoek" not in found


def test_a_settled_null_keeps_its_word_though_the_others_see_an_effect_that_fits() -> None:
    """The two fit within the spread between municipalities; hardly any difference is still the answer."""
    found = words(municipality_html(made.null()))
    assert "Uw uitkomst past bij die van de andere gemeenten" in found
    first = found[: found.index("Wij vergelijken")]
    assert "Kies op kosten en op wat inwoners prettig vinden" in first
    assert "Dit steunt de keuze voor" not in first and "Dit volgt uit de uitkomst" not in first
    assert first.count("Als er al een verschil is, dan is het klein") >= 1
    assert "kant van minder" not in first and "nog niet zeker" not in first


def test_an_open_result_is_still_advised_by_the_others() -> None:
    first = words(municipality_html(made.estimated()))
    assert "Dit steunt de keuze voor een huisbezoek" in first and "Dit volgt uit de uitkomst" in first


def test_the_own_result_is_weighed_with_the_others_only_where_the_two_fit() -> None:
    fits, departs = words(municipality_html(made.estimated())), words(municipality_html(made.harmful()))
    said = "Uw uitkomst gewogen met wat wij uit de andere gemeenten verwachten: 10 minder"
    assert said in fits and "Gewogen met de anderen" in fits
    assert "wijkt af" in departs and "Uw uitkomst gewogen met" not in departs
    assert "Uw uitkomst gewogen met" not in words(municipality_html(made.refused()))


def test_a_refused_question_says_why_in_words() -> None:
    found = words(municipality_html(made.refused()))
    assert "Signalen worden hier zes maanden bewaard" in found
    assert "cohort-no-entry-window" not in found


def test_an_arm_that_dropped_out_says_why() -> None:
    found = words(municipality_html(made.tiny()))
    assert "Telefoon: Te weinig huishoudens in deze groep" in found


def test_accepted_help_comes_last_and_is_led_by_its_caution() -> None:
    found = words(municipality_html(made.estimated()))
    assert "Gevoeligheidsanalyse" not in found
    start = found.rindex("Komen mensen die hulp accepteren")
    caution, result = found.index("verborgen oorzaken", start), found.index("die hulp accepteerden", start)
    assert start < caution < result
    assert found.index("Welk eerste contact werkt het best?") < start


def test_an_unpublishable_pool_is_withheld_from_a_municipality_and_the_public() -> None:
    alone = tuple(replace(c, publishable=False, reasons=("pool-few-sites",)) for c in made.pool().contrasts)
    page = made.estimated(others=made.pool(contrasts=alone))
    found = words(municipality_html(page))
    assert "minder dan zes gemeenten" in found
    assert "−9" not in found and "9 minder" not in found
    public = words(national_html(replace(made.national(), pool=made.pool("all", contrasts=alone))))
    assert "minder dan zes gemeenten" in public
    assert "−9" not in public and "118 (" not in public


def test_a_municipality_never_sees_another_site() -> None:
    html = municipality_html(made.estimated())
    for site, _ in made.pool().left_out:
        assert site[:8] not in html
    assert "Gewicht" not in html and "a1a1a1a1" not in html


def test_the_public_page_shows_no_site_and_the_statisticians_says_it_is_not_public() -> None:
    public, inside = national_html(made.national()), national_html(made.national(sites=True))
    assert "0505050" not in public and "Gewicht" not in words(public)
    assert "0505050" in inside
    assert "niet publiceren" in words(inside) and "niet publiceren" not in words(public)
    assert "2 van de 24 gemeenten gaven op deze vraag geen cijfer" in words(public)
    assert "b2b2" not in public


def test_the_order_of_arms_is_of_what_may_be_shown_and_counts_are_the_statisticians() -> None:
    public, inside = (words(national_html(made.national(sites=sites))) for sites in (False, True))
    assert "Van laag naar hoog: Huisbezoek 106 (100 tot 112); Telefoon" in public
    assert "Huishoudens in klassen" not in public and "300–999 / 1.000–2.999" not in public
    assert "300–999 / 1.000–2.999" in inside
    hidden = tuple(replace(c, publishable=False) for c in made.pool("all").contrasts)
    withheld = replace(made.national(), pool=made.pool("all", contrasts=hidden))
    assert "Van laag naar hoog" not in words(national_html(withheld))


def test_a_demo_says_so_and_a_real_page_does_not() -> None:
    assert "verzonnen gemeenten" in words(municipality_html(made.estimated()))
    assert "verzonnen gemeenten" not in words(municipality_html(made.estimated(demo=False)))


def test_a_hostile_name_is_escaped() -> None:
    name = '<img src=x onerror="alert(1)">{{ 7*7 }}</title><script>x</script>$a$'
    html = municipality_html(made.estimated(name=name))
    reader = read(html)
    assert not [tag for tag, _ in reader.tags if tag in ("script", "img")]
    assert not [attrs for _, attrs in reader.tags if "onerror" in attrs]
    assert "{{ 7*7 }}" in html and "49" not in html.split("<h1")[1].split("</h1>")[0]


@pytest.mark.parametrize("language", ["nl", "en"])
def test_a_page_is_one_small_file_without_script_or_network(language: Language) -> None:
    for html in (municipality_html(made.estimated(), language), national_html(made.national(), language)):
        reader = read(html)
        assert not {"script", "link", "iframe", "object", "img"} & {tag for tag, _ in reader.tags}
        policy = [a["content"] for tag, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy"]
        assert len(policy) == 1 and "default-src 'none'" in str(policy[0])
        assert all(str(attrs["href"]).startswith("#") for tag, attrs in reader.tags if tag == "a")
        assert len(html.encode()) < LIMIT


def test_ids_are_unique_and_links_lead_somewhere() -> None:
    for html in (municipality_html(made.estimated()), national_html(made.national(sites=True))):
        tags = read(html).tags
        ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
        assert len(ids) == len(set(ids))
        links = {str(attrs["href"])[1:] for tag, attrs in tags if tag == "a"}
        assert links <= set(ids)


def test_every_figure_has_a_table_in_its_section() -> None:
    html = national_html(made.national(sites=True))
    parts = [part for part in html.split('<section class="part"')[1:] if "<svg" in part]
    assert len(parts) >= 3
    assert all("<table" in part for part in parts)


def test_another_way_of_calculating_is_a_line_for_the_statistician_only() -> None:
    beside = replace(
        made.contrast("accepted", question="accepted_help"), estimate=-0.0333, estimator="doubly_robust"
    )
    inside = words(national_html(replace(made.national(sites=True), beside=(beside,))))
    public = words(national_html(replace(made.national(), beside=(beside,))))
    assert "Groepen gevormd op dag 28 (peildag)" in inside and "−33" in inside
    assert "peildag" not in public and "−33" not in public


def test_the_same_page_gives_the_same_bytes() -> None:
    assert municipality_html(made.estimated()) == municipality_html(made.estimated())


def test_a_block_held_back_by_disclosure_gives_that_reason_and_not_the_one_of_another_estimand() -> None:
    """The ATE failed its gate; the ATO passed, and a class floor held its primary block back."""
    own = made.OwnQuestion(
        "contact_method",
        "estimated",
        arms=(made.block(outcome="any_all_3m"),),
        refusals=(
            made.Refusal("gate-design-failed", "contact_method", "any_new_arrears_3m", "ATE"),
            made.Refusal("gate-design-failed", "contact_method", "any_all_3m", "ATE"),
            made.Refusal("cohort-no-entry-window", "contact_method", "any_new_arrears_6m"),
            made.Refusal("release-class-floor", "contact_method", "any_new_arrears_3m", "ATO"),
        ),
    )
    page = made.estimated(own=(own, made.REFUSED_HELP))
    found = words(municipality_html(page))
    assert found.count("Te weinig huishoudens die wel, of juist niet, terugkwamen") == 2
    assert "De groepen waren niet eerlijk met elkaar te vergelijken" not in found
    assert own.reasons(page.specs[0]) == ("release-class-floor",)


def test_a_site_without_an_arm_has_no_result_of_its_own_and_says_which_group_was_too_small() -> None:
    """Its ATE blocks were released; the ATO needs every arm."""
    arms = ("letter", "phone", "home_visit", "none")
    held = [made.Refusal("release-arm-floor", "contact_method", arm="message")]
    held += [
        made.Refusal("cohort-arm-set-incomplete", "contact_method", o, "ATO") for o in ("any_new_arrears_3m",)
    ]
    blocks = (replace(made.block(arms=arms), estimand="ATE", primary=False),)
    own = made.OwnQuestion("contact_method", "estimated", arms=blocks, refusals=tuple(held))
    found = words(municipality_html(made.estimated(own=(own, made.REFUSED_HELP))))
    assert (
        "Voor Voorbeeldstad kunnen wij dit niet apart uitrekenen Een van de groepen was hier te klein"
        in found
    )
    assert "Waarom hier geen eigen uitkomst staat Een van de groepen was hier te klein" in found
    assert "Mail of sms: Te weinig huishoudens in deze groep" in found


def test_checks_of_another_estimand_are_not_told_but_positivity_is() -> None:
    verdicts = (
        made.Verdict("design", "gate-balance", True, 0.04, 0.1, None, "ATO"),
        made.Verdict("design", "gate-balance", False, 0.4, 0.1, None, "ATE"),
        made.Verdict("design", "gate-positivity", False, 0.4, 0.05, "phone", "ATE"),
    )
    own = made.OwnQuestion("contact_method", "estimated", arms=(made.block(),), verdicts=verdicts)
    found = words(municipality_html(made.estimated(own=(own, made.REFUSED_HELP))))
    assert "Lijken de groepen op elkaar? In orde" in found
    assert "De groepen verschillen nog op ten minste één punt" not in found
    assert "Daarom geldt de uitkomst alleen voor huishoudens waarvoor er echt iets te kiezen was" in found


def _checked(*, unused: tuple[UnusedBand, ...] = ()) -> MunicipalityPage:
    """Both questions checked, each with verdicts of its own."""
    contact = made.OwnQuestion(
        "contact_method",
        "estimated",
        arms=(made.block(),),
        verdicts=(made.Verdict("design", "gate-positivity", True, 0.013, 0.02, "phone", "ATE"),),
        unused=unused,
    )
    accepted = made.OwnQuestion(
        "accepted_help",
        "estimated",
        arms=(made.block("accepted_help"),),
        verdicts=(
            made.Verdict("design", "gate-equipoise", True, 0.61, 0.2, "accepted"),
            made.Verdict("design", "gate-balance", False, 0.17, 0.1, None, "ATE"),
            made.Verdict("design", "gate-effective-sample-size", True, math.nan, 30.0, "accepted", "ATE"),
        ),
    )
    return made.estimated(own=(accepted, contact))


def test_every_question_has_its_own_checks_with_the_figures_that_were_released() -> None:
    found = words(municipality_html(_checked()))
    contact, accepted = (
        found.rindex(f"Kunt u het antwoord over {one} vertrouwen?") for one in ("contact", "hulp")
    )
    assert contact < accepted
    of_contact, of_help = found[contact:accepted], found[accepted:]
    assert "Bijna niemand was vooraf uitgesloten" in of_contact and "1,3 % van de meldingen" in of_contact
    assert "De groepen verschillen nog" not in of_contact
    assert "Bij genoeg huishoudens kon het beide kanten op" in of_help and "61,0 %" in of_help
    assert "Niet gehaald De groepen" not in of_help and "een kenmerk 0,17 standaarddeviatie" in of_help
    assert "soort contact" not in of_help[: of_help.index("Wat dit niet zegt")]
    # A size leaves as a band, and a question that was refused has no checks to tell.
    assert "telt elke groep genoeg huishoudens" in of_help and "nan" not in of_help
    alone = words(municipality_html(made.estimated(own=(_checked().own[1], made.REFUSED_HELP))))
    assert "Kunt u dit vertrouwen?" in alone and "over hulp vertrouwen" not in alone
    english = words(municipality_html(_checked(), "en"))
    assert "Can you trust the answer on help?" in english and "both ways" in english


def test_nobody_is_said_to_have_had_a_chance_above_regions_where_there_was_none() -> None:
    region = UnusedRegion("home_visit", (RegionCondition("amount", 500.0, False),), 3000, 0)
    found = words(municipality_html(_checked(unused=(UnusedBand(region, (3000, None)),))))
    assert "Huisbezoek: (bijna) nooit gebruikt" in found
    assert "Bijna niemand was vooraf uitgesloten" not in found
    assert "Had iedereen kans op elk soort contact? Gehaald, maar let op Niet overal." in found
    assert "bij sommige huishoudens is een soort contact (bijna) nooit gebruikt" in found


def test_who_is_not_in_the_figure_is_counted_per_question_or_not_at_all() -> None:
    found = words(national_html(made.national()))
    contact = found.index("Welke gemeenten doen niet mee in het cijfer?")
    help_ = found.index("Komen mensen die hulp accepteren minder vaak terug? 2 van de 24", contact)
    assert "niet, terugkwamen" in found[contact:help_] and "terugkwamen" not in found[help_ : help_ + 500]
    everyone = replace(made.national(), absent=())
    assert "werkt het best? Alle gemeenten die iets vrijgaven, doen mee" in words(national_html(everyone))
    without = words(national_html(replace(made.national(), released=0, absent=())))
    assert "werkt het best? 22 gemeenten gaven een cijfer" in without
    assert "geen cijfer." not in without


def test_the_page_counts_the_municipalities_of_its_headline() -> None:
    """One of the 22 that were pooled gave other figures only."""
    contrasts = tuple(replace(c, sites=21) if c.primary else c for c in made.pool("all", sites=22).contrasts)
    found = words(
        national_html(replace(made.national(), pool=made.pool("all", sites=22, contrasts=contrasts)))
    )
    assert "21 gemeenten samen" in found and "22 gemeenten samen" not in found
    assert "gemiddelde van 21 gemeenten" in found


def test_what_the_spread_allows_one_to_say() -> None:
    def page(tau2: float, low: float) -> str:
        contrasts = tuple(
            replace(c, tau2=tau2, tau2_interval=(low, 1e-4)) for c in made.pool("all").contrasts
        )
        return words(national_html(replace(made.national(), pool=made.pool("all", contrasts=contrasts))))

    assert "De gemeenten verschillen van elkaar" in page(2e-5, 1e-6)
    maybe = page(2e-5, 0.0)
    assert "Dat weten wij nog niet" in maybe and "De gemeenten verschillen van elkaar" not in maybe
    assert "In het echt kan het verder uit elkaar liggen" not in maybe
    assert "In het echt kan het verder uit elkaar liggen" in page(0.0, 0.0)


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("tau2", get_args(Pooling.model_fields["tau2"].annotation))
@pytest.mark.parametrize("interval", get_args(Pooling.model_fields["interval"].annotation))
def test_the_way_of_pooling_is_told_in_words(tau2: str, interval: str, language: Language) -> None:
    method = f"{tau2}, {interval}"
    page = made.national()
    page = replace(
        page, pool=replace(page.pool, method=method), provenance=replace(page.provenance, method=method)
    )
    for html in (
        national_html(page, language),
        municipality_html(made.estimated(provenance=page.provenance), language),
    ):
        assert not any(code in html for code in (method, "knapp-hartung", "wald", "mixture"))
        assert ("Hartung" in html) == interval.startswith("knapp-hartung")


def test_english_by_option() -> None:
    html = municipality_html(made.estimated(), "en")
    found = words(html)
    assert '<html lang="en">' in html
    assert "an estimated 12 fewer returned within 3 months than after a letter" in found
    assert not re.search(r"\b(huishoudens|gemeenten|onzekerheid)\b", found)


def test_an_unknown_code_is_said_rather_than_hidden() -> None:
    refused = made.OwnQuestion(
        "contact_method", "refused", refusals=(made.Refusal("some-new-code", "contact_method"),)
    )
    assert "(code some-new-code)" in words(municipality_html(made.estimated(own=(refused,))))
