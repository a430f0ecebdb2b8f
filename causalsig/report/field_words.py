"""The table of fields in Dutch: what each value of a site's document means, its unit, its grid, its ground.

The table itself is English, for the person who checks anywhere. A pool is read by statisticians and is not
translated.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from causalsig.report.numbers import Language

_GROUNDS: Final = {
    "code list": "codelijst",
    "public": "openbaar",
    "keyed hash": "hash met geheime sleutel",
    "named in the study": "genoemd in de studie",
}
_UNITS: Final = {
    "as the mean": "als het gemiddelde",
    "code": "code",
    "distance": "afstand",
    "episodes": "episodes",
    "euro an episode": "euro per episode",
    "euro or months": "euro of maanden",
    "euro, months, signals or years": "euro, maanden, signalen of jaren",
    "hash": "hash",
    "households": "huishoudens",
    "month": "maand",
    "months": "maanden",
    "number": "aantal",
    "of the gate": "van de poort",
    "per cent": "procent",
    "risk; signals, days or euro a household-episode": (
        "risico; signalen, dagen of euro per huishouden en episode"
    ),
    "share": "deel",
    "share of household-episodes": "deel van de huishoudens en hun episodes",
    "share, in steps": "deel, in stappen",
    "signals, in steps": "signalen, in stappen",
    "squared": "in het kwadraat",
    "standard deviations": "standaarddeviaties",
    "tenths": "tienden",
    "thousandths": "duizendsten",
    "twentieths": "twintigsten",
    "yes or no": "ja of nee",
}
_QUARTER: Final = "kleinste macht van twee die minstens een kwart is van"
_GRIDS: Final = {
    "0.001": "0,001",
    "0.01": "0,01",
    "0.05": "0,05",
    "0.05, positive definite": "0,05, positief definiet",
    "0.1": "0,1",
    "0.1 to 0.3": "0.1 tot en met 0.3",
    "1/512 on the log scale, else 1/16": "1/512 op de logschaal, anders 1/16",
    "3 or 6": "3 of 6",
    "5": "5",
    "HMAC-SHA256": "HMAC-SHA256",
    "a quarter of the standard error of one half at the band's lower end": (
        "een kwart van de standaardfout van een half, aan de onderkant van de groep"
    ),
    "a quarter of the standard error of one half at the band's lower end, as a power of two": (
        "een kwart van de standaardfout van een half, aan de onderkant van de groep, als macht van twee"
    ),
    "at least a quarter of its Poisson standard error at the band's lower end, as a power of two": (
        "minstens een kwart van de Poisson-standaardfout, aan de onderkant van de groep, als macht van twee"
    ),
    "band": "aantal als groep",
    "band, 10 or more": "aantal als groep, 10 of meer",
    "band, 30 or more": "aantal als groep, 30 of meer",
    "digits and dots": "cijfers en punten",
    "estimates": "estimates",
    "exact": "precies",
    "fixed cut points": "vaste grenzen",
    "follows from the band": "volgt uit de groep",
    "follows from the standard error": "volgt uit de standaardfout",
    "integer": "geheel getal",
    "integer, never looser than the house's": "geheel getal, nooit ruimer dan de vaste ondergrens",
    "monitor": "monitor",
    "power of √2": "macht van √2",
    "power of √2, rounded up": "macht van √2, naar boven afgerond",
    "profile": "profile",
    "smallest power of two >= a quarter of its noise": f"{_QUARTER} de ruis",
    "smallest power of two >= a quarter of the error of a half": f"{_QUARTER} de fout van een half",
    "smallest power of two >= a quarter of the error that variance and episodes give": (
        f"{_QUARTER} de fout die uit variantie en episodes volgt"
    ),
    "smallest power of two >= a quarter of the rounded standard error": (
        f"{_QUARTER} de afgeronde standaardfout"
    ),
    "two significant digits": "twee cijfers",
    "two significant digits, rounded up": "twee cijfers, naar boven afgerond",
    "with or without": "met of zonder",
    "year and month": "jaar en maand",
}
_PRIVATE: Final = {
    "epsilon this release spends": "epsilon die deze vrijgave verbruikt",
    "how noise is made": "hoe de ruis is gemaakt",
    "between which data it hides the difference": "tussen welke gegevens zij het verschil verbergt",
    "what the promise takes as fixed": "wat de belofte als vast aanneemt",
    "episodes of a household that count whole": "episodes van een huishouden die heel tellen",
    "most that one household may add to the means together": (
        "meeste dat één huishouden aan de gemiddelden samen mag toevoegen"
    ),
    "households in the arm after noise": "huishoudens in de groep, met ruis",
    "standard deviation of the noise in the mean": "standaarddeviatie van de ruis in het gemiddelde",
}
_HEADS: Final = {
    "kind of document": "soort document",
    "version of this schema": "versie van dit schema",
    "SHA-256 of the study": "SHA-256 van de studie",
    "version of causalsig": "versie van causalsig",
    "SHA-256 of what ran: the package's own files, names and versions of all libraries": (
        "SHA-256 van wat draaide: de bestanden van het programma, namen en versies van alle bibliotheken"
    ),
    "the extract that was read": "het uittreksel dat is gelezen",
    "the site": "de gemeente",
    "which extract of this study": "het hoeveelste uittreksel voor deze studie",
    "which extract of this site": "het hoeveelste uittreksel van deze gemeente",
    "when the data were extracted": "wanneer de gegevens zijn uitgelezen",
    "floor that was applied": "ondergrens die is toegepast",
}
_QUESTIONS: Final = {
    "question": "vraag",
    "estimated, withheld or refused": "geschat, ingehouden of geweigerd",
    "eligibility rule": "regel voor wie meedoet",
    "households before": "huishoudens ervoor",
    "households after": "huishoudens erna",
    "what the gate decides on": "waarover de poort beslist",
    "gate": "poort",
    "whether it passed": "of het is gehaald",
    "arm": "groep die is vergeleken",
    "population the means speak of": "over wie de gemiddelden gaan",
    "the gate's figure; none where a question is refused": (
        "het getal van de poort; geen als de vraag is geweigerd"
    ),
    "the gate's figure": "het getal van de poort",
    "the gate's figure where it is a size": "het getal van de poort, als het een aantal is",
    "the study's threshold": "de grens in de studie",
    "why something is not there": "waarom iets er niet is",
    "outcome": "uitkomst",
    "what the means were estimated with": "waarmee de gemiddelden zijn geschat",
    "risk (any) or number of signals (count)": "risico (any) of aantal signalen (count)",
    "horizon": "termijn",
    "reference arm": "groep waarmee is vergeleken",
    "primary analysis of its question": "hoofdanalyse van de vraag",
    "households in the arm": "huishoudens in de groep",
    "households in the arm, in steps": "huishoudens in de groep, in stappen",
    "arm of which no mean leaves: one class is too small": (
        "groep waarvan het gemiddelde binnen blijft: met of zonder de uitkomst zijn er te weinig"
    ),
    "which class is below the floor of a cell: households with the outcome, or without it": (
        "van welke er te weinig zijn: huishoudens met de uitkomst, of zonder"
    ),
    "Kish's effective sample size, in steps": "effectieve omvang volgens Kish, in stappen",
    "mean of the arm, in steps": "gemiddelde van de groep, in stappen",
    "the step is two to this power": "de stap is twee tot deze macht",
    "step is two to this power": "de stap is twee tot deze macht",
    "standard error of the mean, digits": "standaardfout van het gemiddelde, cijfers",
    "standard error of it, digits": "standaardfout ervan, cijfers",
    "times ten to this power": "maal tien tot deze macht",
    "correlation of two arm means": "correlatie van twee groepsgemiddelden",
    "bias of a hidden cause of strength 1, in steps": (
        "vertekening door een verborgen oorzaak van sterkte 1, in stappen"
    ),
    "standard error of that scale, digits": "standaardfout van die schaal, cijfers",
    "correlation of scale and contrast": "correlatie van schaal en verschil",
    "what of a block or a question was held back": "wat van een blok of vraag binnen bleef",
    "rule that held a block back": "regel die een blok binnen hield",
}
_BESIDE: Final = {
    "arm that is (almost) never used there; also where the design gate withholds effects": (
        "aanpak die daar (bijna) nooit is gebruikt; ook als de poort van de opzet effecten inhoudt"
    ),
    "fact known at time zero": "feit dat aan het begin bekend is",
    "at least this amount, or so many months": "minstens dit bedrag, of zoveel maanden",
    "month": "maand",
    "whether it is so": "of het zo is",
    "households there; as many at least are not": "huishoudens daar; minstens zoveel zijn er elders",
    "covariate": "kenmerk",
    "weighted standardised difference, in steps": "gewogen gestandaardiseerd verschil, in stappen",
    "its noise is two to minus half of this": "de ruis is twee tot de macht min de helft hiervan",
    "what the groups differ in": "waarin de groepen verschillen",
    "group": "groep",
    "households of the smaller arm in the group": "huishoudens met de minst gebruikte aanpak in de groep",
    "difference of both arms in the group, in steps": "verschil van beide aanpakken in de groep, in stappen",
    "correlation of two groups' effects": "correlatie van de effecten van twee groepen",
    "whether a rule beats the best single arm beyond noise": (
        "of een regel meer dan toevallig beter is dan één aanpak voor iedereen"
    ),
    "arm the rule uses there": "aanpak die de regel daar kiest",
    "households there": "huishoudens daar",
    "what the rule is compared with": "waarmee de regel is vergeleken",
    "gain, valued where it was not learned, in steps": (
        "winst, gemeten waar de regel niet van leerde, in stappen"
    ),
    "rule that another study learned": "regel die uit een andere studie komt",
    "households of all of the question": "huishoudens van de hele vraag",
    "share of all of the question that was first contacted so, in steps": (
        "deel van allen dat zo voor het eerst is benaderd, in stappen"
    ),
    "households of the group": "huishoudens van de groep",
    "share of the group that was first contacted so, in steps": (
        "deel van de groep dat zo voor het eerst is benaderd, in stappen"
    ),
    "what `causalsig certify` found": "wat `causalsig certify` vond",
    "why": "waarom",
    "copies of the site that were drawn": "getrokken kopieën van de gemeente",
    "what was found for this question": "wat er voor deze vraag is gevonden",
    "right intervals on simulated copies of the site, the smaller of without and with an effect; "
    "only where copies are enough to be judged, beside a released primary block": (
        "juiste intervallen op nagemaakte kopieën van de gemeente, de kleinste van zonder en met effect; "
        "alleen als er genoeg kopieën zijn, naast een vrijgegeven hoofdanalyse"
    ),
    "intervals on them that find a modest effect; as coverage": (
        "intervallen die een klein effect vinden; onder dezelfde voorwaarden"
    ),
}
_THRESHOLDS: Final = {
    "why thresholds, or some of them, are not there": "waarom drempels, of sommige, er niet zijn",
    "which of the site's rules over time": "welke van de opeenvolgende regels van de gemeente",
    "month of matching": "maand van de match",
    "households matched in it": "huishoudens met een match in die maand",
    "share handled as the rule says; none under the floor of an arm": (
        "deel dat is behandeld zoals de regel zegt; geen onder de ondergrens van een groep"
    ),
    "what the threshold is on": "waar de drempel over gaat",
    "whether an amount is the total": "of een bedrag het totaal is",
    "logarithms, or the score's own unit": "logaritmen, of de eigen eenheid",
    "the threshold, digits": "de drempel, cijfers",
    "what the rule assigns below it": "wat de regel eronder voorschrijft",
    "what the rule assigns from it on": "wat de regel vanaf de drempel voorschrijft",
    "households for whom it alone decides, each side": (
        "huishoudens voor wie alleen de drempel beslist, per kant"
    ),
    "share handled as the rule says, each side": "deel behandeld zoals de regel zegt, per kant",
    "whether crossing moves these two handlings only": "of de drempel alleen deze twee aanpakken verandert",
    "whether few episodes make it weak": "of het zwak is door weinig episodes",
    "weights by distance from the threshold": "gewichten naar afstand tot de drempel",
    "of the local polynomial: 1 a line, 2 a parabola": "graad van de veelterm: 1 een lijn, 2 een parabool",
    "whether scores at the threshold are left out": "of gevallen precies op de drempel zijn weggelaten",
    "primary outcome of the question": "hoofduitkomst van de vraag",
    "jump of the outcome at the threshold, in steps": "sprong van de uitkomst bij de drempel, in stappen",
    "worst bias a declared curvature allows, digits": (
        "grootste vertekening die de opgegeven kromming toelaat, cijfers"
    ),
    "worst bias that the declared bound allows, digits": (
        "grootste vertekening die de opgegeven grens toelaat, cijfers"
    ),
    "jump of the share so handled, in steps": "sprong van het deel dat zo is behandeld, in stappen",
    "correlation of the two jumps": "correlatie van beide sprongen",
    "whether the ratio of the jumps is not to be read": "of de verhouding van de sprongen niet te lezen is",
    "bandwidth of estimate and bias, each side, digits": (
        "bandbreedte van schatting en vertekening, per kant, cijfers"
    ),
    "households within the bandwidth, each side": "huishoudens binnen de bandbreedte, per kant",
    "episodes of the bin, which has 10 households or more, all on one side": (
        "episodes in het vak, van 10 huishoudens of meer, alle aan één kant"
    ),
    "mean distance from the threshold, in steps": "gemiddelde afstand tot de drempel, in stappen",
    "mean of the primary outcome, in steps": "gemiddelde van de hoofduitkomst, in stappen",
    "variance of it in the bin, never zero, digits": "variantie ervan in het vak, nooit nul, cijfers",
    "share handled as above the threshold, in steps": "deel behandeld als boven de drempel, in stappen",
    "correlation of share and outcome in it": "correlatie van dat deel en de uitkomst in het vak",
    "from this part of the threshold on": "vanaf dit deel van de drempel",
    "up to this part of it": "tot dit deel ervan",
    "households in between": "huishoudens ertussen",
    "another threshold, as a part of the own": "een andere drempel, als deel van de eigen",
    "months that the counts beside it are over": "maanden waarover de aantallen ernaast gaan",
    "how the effect on its band was found": "hoe het effect tussen beide drempels is gevonden",
    "effect on the households between both thresholds, each, in steps": (
        "effect op de huishoudens tussen beide drempels, per huishouden, in stappen"
    ),
    "a stronger route without an answer": "een sterkere weg die geen antwoord gaf",
    "why it has none": "waarom die geen antwoord gaf",
    "rule that held the effect back": "regel die het effect binnen hield",
    "why something of it is not there": "waarom iets ervan er niet is",
    "rule that held something of it back": "regel die iets ervan binnen hield",
}
_TABLES: Final = {
    "households with a signal in the extract": "huishoudens met een signaal in het uittreksel",
    "households with a signal in the window": "huishoudens met een signaal in de periode",
    "how the notation of amounts was settled": "hoe de schrijfwijze van bedragen is bepaald",
    "kind of creditor": "soort schuldeiser",
    "whether the median arrear is within what is plausible, below or above it; 20 households or more": (
        "of de middelste achterstand aannemelijk is, te laag of te hoog; 20 huishoudens of meer"
    ),
    "finding of reading or of a check": "bevinding bij het lezen of van een controle",
    "canonical table": "vaste tabel",
    "canonical column": "vaste kolom",
    "households its rows stand for at the least; none: it is about the file as a whole": (
        "huishoudens achter de rijen, ten minste; geen: het gaat over het hele bestand"
    ),
    "code of the column's list, yes, no or missing": "code uit de lijst van de kolom, ja, nee of leeg",
    "households with this code": "huishoudens met deze code",
    "households with a row in this month": "huishoudens met een rij in deze maand",
    "a share, all but fewer than 10 households, fewer than 10 (none included), or not in the format": (
        "een deel, op minder dan 10 huishoudens na alle, minder dan 10 (ook geen), of niet in dit formaat"
    ),
    "households the share is of": "huishoudens waarover het deel gaat",
    "rows in which it is empty": "rijen waarin het leeg is",
    "which rows refer to what": "welke rijen waarnaar verwijzen",
    "rows that find what they refer to": "rijen die vinden waarnaar ze verwijzen",
    "which share of which cases": "welk deel van welke zaken",
    "the share": "het deel",
    "rule that held cells back; empty ones count too": "regel die cellen binnen hield; lege tellen mee",
    "of which table": "van welke tabel",
    "first month that the signals cover": "eerste maand met signalen",
    "last month that the signals cover": "laatste maand met signalen",
    "last month of cases": "laatste maand met zaken",
    "signals per 1,000 inhabitants a month, or per episode": (
        "signalen per 1.000 inwoners per maand, of per episode"
    ),
    "month; none: the whole window": "maand; geen: de hele periode",
    "households behind the signals": "huishoudens achter de signalen",
    "the rate": "het aantal per 1.000 of per episode",
    "which share": "welk deel",
    "method, kind of creditor or kind of episode; none: all": (
        "aanpak, soort schuldeiser of soort episode; geen: alle"
    ),
    "rate or share that the source cannot give": "cijfer dat de bron niet kan geven",
    "group of it; none: all": "groep ervan; geen: alle",
    "finding that says why": "bevinding die zegt waarom",
}
DUTCH: Final[Mapping[str, str]] = MappingProxyType(
    _GROUNDS | _UNITS | _GRIDS | _HEADS | _PRIVATE | _QUESTIONS | _BESIDE | _THRESHOLDS | _TABLES
)
"""By the English words of the table of fields."""


def in_language(words: str, language: Language) -> str:
    """Say words of the table of fields in a language; those of a pool stay English."""
    return words if language == "en" else DUTCH.get(words, words)
