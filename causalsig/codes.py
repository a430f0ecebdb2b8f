"""Code lists of the field, English and Dutch.

English codes are what every room speaks; the Dutch strings are what the sources write and what the reports
show. The results are the exact strings of the national exchange standard (DDAS-Vroegsignalering 1.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CREDITOR_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "rent": "Huur",
        "energy": "Energie",
        "water": "Water",
        "health_insurance": "Zorg",
        "mortgage": "Hypotheek",
        "cak_health": "CAK Zorgverzekeringen",
        "cak_contribution": "CAK Eigen bijdrage",
        "tax": "Belastingdienst",
        "benefits_agency": "Dienst Toeslagen",
        "student_loans": "DUO",
        "other": "Overige",
    }
)

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "letter": "Brief",
        "email": "Mail",
        "text_message": "SMS/Whatsapp",
        "phone": "Telefoon",
        "home_visit": "Huisbezoek",
        "card_left": "Kaartje",
        "office_appointment": "Afspraak op locatie",
        "administrative": "Administratief",
        "other": "Overige",
        "unknown": "Onbekend",
    }
)

DAYPARTS: Mapping[str, str] = MappingProxyType(
    {"morning": "Ochtend", "afternoon": "Middag", "evening": "Avond"}
)

RESULTS: Mapping[str, str] = MappingProxyType(
    {
        "quick_fix": "(Budget)advies en/of quick fix",
        "follow_up_help": "Vervolghulp en/of verwijzing",
        "follow_up_help_financial": "Vervolghulp en/of verwijzing financieel",
        "follow_up_help_other": "Vervolghulp en/of verwijzing niet financieel",
        "already_paid": "Inwoner heeft zelf al betaald/betalingsregeling getroffen",
        "declined": "Inwoner regelt het zelf/hoeft geen hulp vanuit vroegsignalering",
        "lost_after_contact": "Geen reactie na eerder contact",
        "not_reached": "Definitief geen contact kunnen krijgen",
        "known_in_debt_help": "Inwoner al bekend bij schuldhulpverlening",
        "other_trajectory": "Inwoner heeft al een ander lopend traject",
        "referred_without_resident": "Verwijzing zonder tussenkomst inwoner",
        "not_taken_up_repeat": "Niet opgepakt: herhaalde melding",
        "not_taken_up_unjustified": "Niet opgepakt: onterecht signaal",
        "not_taken_up_other": "Niet opgepakt: andere reden",
        "not_resident": "Persoon is geen inwoner (meer) in de gemeente",
        "deceased": "Inwoner is overleden",
    }
)

ACCEPTED_RESULTS: frozenset[str] = frozenset(
    {"quick_fix", "follow_up_help", "follow_up_help_financial", "follow_up_help_other"}
)
"""Results that count as accepted help: quick fix or any follow-up help (own reading of the standard)."""

REMARKS: frozenset[str] = frozenset(
    {
        "cohort-acceptance-coded-otherwise",
        "cohort-hidden-cause",
        "cohort-look-back-not-retained",
        "cohort-new-arrears-short-history",
        "estimation-no-sensitivity",
    }
)
"""Codes of what an analysis had to do without, or has not beside it; never a reason why there is none."""
