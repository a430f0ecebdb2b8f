"""The xxllnc 2026 workbook as data: its tabs, its columns and the tokens in them.

The reader and the exporter of invented municipalities share this page. Of the columns listed, the reader
takes only those with a role: names of staff, creditors and free text are never looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from causalsig.codes import CREDITOR_TYPES, DAYPARTS, METHODS, RESULTS

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNALS_TAB = "Signalen"
CASES_TAB = "Meldingen"
CREDITORS_TAB = "Melders"
INTERIM_TAB = "Tussenresultaat"
FINAL_TAB = "Eindresultaat"
FOLLOWUPS_TAB = "Follow-Up resultaat"

_ATTEMPT_COLUMNS = (
    "ID",
    "Meldingnummer",
    "Datum contactpoging",
    "Naam medewerker",
    "Wijze van contactpoging",
    "Dagdeel",
    "Persoon bereikt",
    "Wil de klant hulp",
    "Wilt u de situatie invullen",
    "Inkomensbronnen",
    "Zijn of worden er inkomensverruimende voorzieni...",
    "Zijn er nog meer schuldeisers",
    "Wat is globaal het totale schuldbedrag",
    "Belangrijkste oorzaak schulden",
    "Zijn er minderjarige kinderen",
    "Wat is de voortgang",
    "Wat is het eindresultaat",
    "Soort verwijzing",
    "Waarnaar is verwezen",
    "Verwijzing anders namelijk",
)

TABS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        SIGNALS_TAB: (
            "SignaalID",
            "Hash",
            "Gemeente",
            "Datum melding",
            "Melder (submerk)",
            "Postcode",
            "Wijk",
            "Bakje",
            "Recidive",
            "Schuiver",
            "Match",
            "Recidive maand-1",
            "Recidive maand-2",
            "Recidive maand-3",
            "Recidive maand-4",
            "Recidive maand-5",
            "Recidive maand-6",
            "Type melding",
            "Soort melding",
            "Doorgezet",
            "Datum doorgezet",
            "Meldingnummer",
            "Leeftijd",
            "Minderjarige kinderen",
            "Melder ID",
            "Termijnbedrag",
            "Achterstandsbedrag",
            "Startdatum contact",
        ),
        CASES_TAB: (
            "Meldingnummer",
            "Gemeente",
            "Aantal melders",
            "Ingetrokken",
            "Onterecht",
            "Afgerond",
            "Afgerond d.d.",
            "Bereikt",
            "Uitvoerder",
            "Gezien",
            "Gezien d.d.",
        ),
        CREDITORS_TAB: ("ID", "Melder", "Type melder"),
        INTERIM_TAB: _ATTEMPT_COLUMNS,
        FINAL_TAB: _ATTEMPT_COLUMNS,
        FOLLOWUPS_TAB: (
            "ID",
            "Meldingnummer",
            "Datum",
            "Wijze van contact",
            "Onderwerp",
            "Wilt u een nieuwe FollowUp inplannen",
            "Op welke datum",
            "Bij wie",
            "Toelichting bij de FollowUp",
        ),
    }
)
"""Tabs and columns of the export, in its order."""

Role = Literal[
    "key",
    "date",
    "amount",
    "age",
    "flag",
    "crisis",
    "wants_help",
    "method",
    "daypart",
    "result",
    "creditor_type",
]


@dataclass(frozen=True, slots=True)
class Column:
    """One column the reader takes: its header, where it goes, how it is read, whether it must be there."""

    header: str
    target: str
    role: Role
    required: bool = False


_ATTEMPTS = (
    Column("ID", "source_id", "key"),
    Column("Meldingnummer", "case_id", "key", required=True),
    Column("Datum contactpoging", "attempted_on", "date", required=True),
    Column("Wijze van contactpoging", "method", "method", required=True),
    Column("Dagdeel", "daypart", "daypart"),
    Column("Persoon bereikt", "reached", "flag", required=True),
    Column("Wil de klant hulp", "wants_help", "wants_help"),
)

MAPPING: Mapping[str, tuple[Column, ...]] = MappingProxyType(
    {
        SIGNALS_TAB: (
            Column("SignaalID", "signal_id", "key", required=True),
            Column("Hash", "hash", "key", required=True),
            Column("Datum melding", "received_on", "date", required=True),
            Column("Wijk", "district", "key"),
            *(Column(f"Recidive maand-{month}", f"repeat_m{month}", "flag") for month in range(1, 7)),
            Column("Type melding", "crisis", "crisis"),
            Column("Doorgezet", "forwarded", "flag"),
            Column("Datum doorgezet", "forwarded_on", "date"),
            Column("Meldingnummer", "case_id", "key", required=True),
            Column("Leeftijd", "age", "age"),
            Column("Minderjarige kinderen", "minor_children", "flag"),
            Column("Melder ID", "creditor_id", "key", required=True),
            Column("Termijnbedrag", "instalment_cents", "amount"),
            Column("Achterstandsbedrag", "amount_cents", "amount", required=True),
        ),
        # No "Bereikt": it says N.v.t. nearly everywhere, so reach comes from the attempts.
        CASES_TAB: (
            Column("Meldingnummer", "case_id", "key", required=True),
            Column("Ingetrokken", "withdrawn", "flag"),
            Column("Onterecht", "unjustified", "flag"),
            Column("Afgerond d.d.", "closed_on", "date"),
            Column("Gezien d.d.", "seen_on", "date"),
        ),
        CREDITORS_TAB: (
            Column("ID", "creditor_id", "key", required=True),
            Column("Type melder", "creditor_type", "creditor_type", required=True),
        ),
        INTERIM_TAB: _ATTEMPTS,
        FINAL_TAB: (*_ATTEMPTS, Column("Wat is het eindresultaat", "result", "result", required=True)),
        FOLLOWUPS_TAB: (
            Column("Meldingnummer", "case_id", "key", required=True),
            Column("Datum", "followed_up_on", "date", required=True),
            Column("Wijze van contact", "method", "method"),
        ),
    }
)
"""What the reader takes of each tab."""

OPTIONAL_TABS = frozenset({FOLLOWUPS_TAB})


def _reversed(codes: Mapping[str, str]) -> dict[str, str]:
    return {dutch: code for code, dutch in codes.items()}


CREDITOR_TOKENS: Mapping[str, str] = MappingProxyType(
    {
        "een woningcorporatie": "rent",
        "een energieleverancier": "energy",
        "een drinkwaterbedrijf": "water",
        "een zorgverzekeraar": "health_insurance",
        "een hypotheekverstrekker": "mortgage",
        **_reversed(CREDITOR_TYPES),
    }
)
CREDITOR_WORDS: tuple[tuple[str, str], ...] = (
    ("cak eigen", "cak_contribution"),
    ("cak", "cak_health"),
    ("corporatie", "rent"),
    ("verhuur", "rent"),
    ("huur", "rent"),
    ("energie", "energy"),
    ("warmte", "energy"),
    ("water", "water"),
    ("zorgverzeker", "health_insurance"),
    ("hypothe", "mortgage"),
    ("belasting", "tax"),
    ("toeslagen", "benefits_agency"),
)
"""Words that tell a creditor's kind, most specific first; each municipality words its kinds differently."""

METHOD_TOKENS: Mapping[str, str] = MappingProxyType(
    {
        "Telefonisch": "phone",
        "E-mail": "email",
        "SMS": "text_message",
        "Whatsapp": "text_message",
        "Overig": "other",
        **_reversed(METHODS),
    }
)
DAYPART_TOKENS: Mapping[str, str] = MappingProxyType(
    {
        "ochtend (9.00-12.30 u)": "morning",
        "middag (12.30-18.00 u)": "afternoon",
        "avond (18.00-21.00 u)": "evening",
        **_reversed(DAYPARTS),
    }
)
DAYPART_WORDS: tuple[tuple[str, str], ...] = (
    ("ochtend", "morning"),
    ("middag", "afternoon"),
    ("avond", "evening"),
)
RESULT_TOKENS: Mapping[str, str] = MappingProxyType({"Verwijzing": "follow_up_help", **_reversed(RESULTS)})
RESULT_WORDS: tuple[tuple[str, str], ...] = (
    ("quick fix", "quick_fix"),
    ("betaald", "already_paid"),
    ("betalingsregeling", "already_paid"),
    ("bekend bij schuldhulp", "known_in_debt_help"),
    ("schuldhulp", "follow_up_help_financial"),
    ("zelf", "declined"),
    ("verwijzing", "follow_up_help"),
)
"""Words seen in final results that are not the standard's exact text, in the order in which they decide."""
NEGATABLE_RESULTS = frozenset({"quick_fix", "follow_up_help_financial", "follow_up_help", "already_paid"})
"""A text with one of these words and a denial in it is not read at all."""

CRISIS_TOKENS: Mapping[str, float] = MappingProxyType({"eropaf": 0.0, "crisis": 1.0})
WANTS_CONTACT_TOKENS = frozenset(
    {"vervolg afspraak gemaakt", "vervolgafspraak gemaakt", "wenst contact met vst"}
)
"""Answers to whether the client wants help that are an appointment or a wish: read as yes, and counted."""
