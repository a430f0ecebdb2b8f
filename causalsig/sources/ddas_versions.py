"""DDAS-Vroegsignalering as data: the fields and tokens of each version of the national exchange standard.

The reader and the exporter of invented municipalities share this page; a new version is a new entry. Source:
github.com/VNG-Realisatie/ddas-vroegsignalering, the JSON Schema of each version. Version 1.0 has the fields
of 0.9, and 1.1 was only ever a draft.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from causalsig.codes import CREDITOR_TYPES, DAYPARTS, METHODS, RESULTS

if TYPE_CHECKING:
    from collections.abc import Mapping

VersionName = Literal["0.9", "1.1-draft", "1.2-draft", "1.2"]

SIGNALS = "vroegsignalen"
CASES = "vroegsignaalzaken"
ATTEMPTS = "contactpogingen"
DELIVERIES = "leveringen"
CLIENT = "client"
PARTNER = "signaalpartner"
MUNICIPALITY = "gemeentecode"

TOP_FIELDS = frozenset(
    {"startdatumLevering", "einddatumLevering", "aanleverdatumEnTijd", "codeGegevensleverancier", DELIVERIES}
)
SIGNAL_FIELDS = frozenset(
    {
        "ID",
        "crisissignaal",
        "warmeOverdracht",
        "bedrag",
        "ontstaansdatum",
        "signaaldatum",
        "status",
        PARTNER,
        CLIENT,
    }
)
ATTEMPT_FIELDS = frozenset({"soort", "bereikt", "datum", "dagdeel"})


def _reversed(codes: Mapping[str, str]) -> dict[str, str]:
    return {dutch: code for code, dutch in codes.items()}


CREDITOR_TOKENS: Mapping[str, str] = MappingProxyType(_reversed(CREDITOR_TYPES))
DAYPART_TOKENS: Mapping[str, str] = MappingProxyType(_reversed(DAYPARTS))

_METHODS = _reversed(METHODS)
_RESULTS = _reversed(RESULTS)
_STATUSES = {
    "Nog niet opgepakt": "pending",
    **{
        RESULTS[code]: code
        for code in (
            "not_taken_up_unjustified",
            "deceased",
            "not_resident",
            "not_taken_up_repeat",
            "not_taken_up_other",
        )
    },
}


def _without(tokens: Mapping[str, str], *codes: str) -> dict[str, str]:
    return {token: code for token, code in tokens.items() if code not in codes}


_RESULTS_DRAFT = {
    **_without(_RESULTS, "referred_without_resident", "follow_up_help"),
    "Verwijzing zonder toestemming": "referred_without_resident",
}
_RESULTS_0_9 = {
    # Version 1.0 words these three as the drafts do, and shares every field.
    "Verwijzing zonder contact": "referred_without_resident",
    "Inwoner hoeft geen hulp vanuit vroegsignalering": "declined",
    "(Budget)advies en/of \u2018quick fix\u2019": "quick_fix",
    **_RESULTS_DRAFT,
}
_METHODS_DRAFT = _without(_METHODS, "unknown", "other")
_STATUSES_KNOWN = {**_STATUSES, RESULTS["known_in_debt_help"]: "known_in_debt_help"}

_LOWER_CLIENT = {
    "person": "burgerservicenummer",
    "born_on": "geboortedatum",
    "postcode": "postcode",
    "number": "huisnummer",
    "addition": "huisnummertoevoeging",
}
_SNAKE_CASE = {
    "result": "resultaat",
    "matched_on": "matchingsdatum",
    "period_start": "startdatum_matchtingperiode",
    "period_end": "einddatum_matchingperiode",
    "opened_on": "datum_opgepakt",
}
_CAMEL_CASE = {
    "result": "resultaat",
    "matched_on": "matchingsdatum",
    "period_start": "startdatumMatchingperiode",
    "period_end": "einddatumMatchingperiode",
    "opened_on": "datumOpgepakt",
}


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the standard.

    Attributes
    ----------
    name : str
    organisation : str
        Field of a delivery that names who delivers; never read.
    client, case : mapping
        Field of each thing the reader takes, by its canonical name.
    client_ignored : frozenset
        Fields of a client that are never read: names, street, sex.
    results, methods, statuses : mapping
        The version's tokens, with their codes.
    """

    name: VersionName
    organisation: str
    client: Mapping[str, str]
    case: Mapping[str, str]
    client_ignored: frozenset[str]
    results: Mapping[str, str]
    methods: Mapping[str, str]
    statuses: Mapping[str, str]

    @property
    def delivery_fields(self) -> frozenset[str]:
        """Every field of a delivery."""
        return frozenset({"teller", MUNICIPALITY, self.organisation, SIGNALS, CASES})

    @property
    def client_fields(self) -> frozenset[str]:
        """Every field of a client."""
        return frozenset(self.client.values()) | self.client_ignored

    @property
    def case_fields(self) -> frozenset[str]:
        """Every field of a case."""
        return frozenset(self.case.values()) | {SIGNALS, ATTEMPTS}


VERSIONS: Mapping[VersionName, Version] = MappingProxyType(
    {
        "0.9": Version(
            "0.9",
            "aanleverende_organisatie",
            {role: field.capitalize() for role, field in _LOWER_CLIENT.items()},
            _SNAKE_CASE,
            frozenset({"Voorletters", "Voorvoegsel", "Achternaam", "Straatnaam", "Plaatsnaam"}),
            _RESULTS_0_9,
            _without(_METHODS, "unknown"),
            _STATUSES,
        ),
        "1.1-draft": Version(
            "1.1-draft",
            "aanleverende_organisatie",
            _LOWER_CLIENT,
            _SNAKE_CASE,
            frozenset({"geslachtsaanduiding"}),
            _RESULTS_DRAFT,
            _METHODS_DRAFT,
            _STATUSES,
        ),
        "1.2-draft": Version(
            "1.2-draft",
            "aanleverendeOrganisatie",
            _LOWER_CLIENT,
            {**_CAMEL_CASE, "period_start": "startdatumMatchtingperiode"},
            frozenset({"geslachtsaanduiding"}),
            _RESULTS_DRAFT,
            _METHODS,
            _STATUSES_KNOWN,
        ),
        "1.2": Version(
            "1.2",
            "aanleverendeOrganisatie",
            _LOWER_CLIENT,
            _CAMEL_CASE,
            frozenset({"geslachtsaanduiding"}),
            _RESULTS,
            _METHODS,
            {**_STATUSES_KNOWN, "Opgepakt": "taken_up"},
        ),
    }
)

NOT_CARRIED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "signals": (
            "instalment_cents",
            "minor_children",
            *(f"repeat_m{month}" for month in range(1, 7)),
            "district",
        ),
        "cases": ("closed_on", "withdrawn", "unjustified"),
        "attempts": ("wants_help", "is_final"),
        "followups": ("followed_up_on",),
    }
)
"""Canonical columns that no version has. Nor does any name a creditor: only its kind."""
NOT_TAKEN_UP = frozenset({"not_taken_up_repeat", "not_taken_up_unjustified", "not_taken_up_other"})
"""Results of a case that was matched and left at that: an episode, not a case taken up."""
ENDED_AT_THE_DESK = NOT_TAKEN_UP | {"known_in_debt_help", "other_trajectory", "not_resident", "deceased"}
"""Results that end a case as soon as they are found."""
DAYS_TO_CLOSE: Final = 35
"""Days from what was done last until a case surely is closed: the standard has no closing date.

An assumption, as are the two that follow, and on the long side. A household whose case is still open is not
offered help anew; taken for one that could have been, it would count as "nothing was done". At three of the
generator's sites, whose cases are open for 31 days at the median and 74 with help, 22 to 27 in 100 episodes
of that arm were of such households with a close at the last attempt, 10 to 13 with three weeks, 2 with five.
The price, in every arm alike, is 8 to 9 in 100 episodes: those soon after a case that closed early.
"""
DAYS_TO_CLOSE_WITH_HELP: Final = 77
DAYS_TO_CLOSE_AT_THE_DESK: Final = 14


def all_tokens(kind: Literal["results", "methods", "statuses"]) -> dict[str, str]:
    """Tokens of every version together: suppliers change their field names sooner than their words."""
    return {token: code for version in VERSIONS.values() for token, code in getattr(version, kind).items()}
