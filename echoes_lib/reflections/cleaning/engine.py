"""Presidio's analyzer, set up for diaries: no language model, no network, few false alarms.

Of Presidio's recognizers only those are used whose values say by themselves what they are: by
a checksum, or by a shape that ordinary prose does not have. Bare runs of digits (passports,
national numbers without letters) are left to `patterns`, which asks for a word beside them.

Its recognizer of emails is not: it passes over addresses whose ending is on no public list, such as
those of a mistyped or a private network, and asks the internet for the newest list.

Shape: text -> (start, end, kind) per value found.
"""

from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from echoes_lib.reflections.cleaning.patterns import OWN

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, EntityRecognizer

MIN_SCORE = 0.5  # a checksum gives 1.0, a shape that stands for itself 0.5, a bare guess less
PRESIDIO = {
    "CREDIT_CARD": "card",
    "IBAN_CODE": "bank",
    "CRYPTO": "bank",
    "IP_ADDRESS": "ip",
    "US_SSN": "id",
    "US_ITIN": "id",
    "US_MBI": "id",
    "UK_NINO": "id",
    "UK_DRIVING_LICENCE": "id",
    "IT_FISCAL_CODE": "id",
    "ES_NIF": "id",
    "ES_NIE": "id",
    "FI_PERSONAL_IDENTITY_CODE": "id",
    "IN_PAN": "id",
    "DE_SOCIAL_SECURITY": "id",
}
ENTITIES = PRESIDIO | {entity: kind for entity, (kind, _, _) in OWN.items()}


def find_values(text: str) -> list[tuple[int, int, str]]:
    """Find everything but names and telephone numbers.

    Args:
        text: an answer.

    Returns:
        (start, end, kind), in no order; spans may overlap.
    """
    results = [r for r in _engine().analyze(text, language="en") if r.score >= MIN_SCORE]
    found = [(r.start, r.end, ENTITIES[r.entity_type]) for r in results]
    return [value for value in found if value[2] != "ip" or _is_somewhere(text[slice(*value[:2])])]


def _is_somewhere(address: str) -> bool:
    """Tell a public IP address from a private one, and from the number of a paragraph."""
    try:
        place = ip_address(address.split("/")[0])
    except ValueError:
        return False
    return place.is_global and (place.version == 6 or max(place.packed) > 9)


@cache
def _engine() -> "AnalyzerEngine":
    """Build the analyzer once; the import takes a second or two beyond torch's own."""
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    registry = RecognizerRegistry([*_predefined(), *_own()], supported_languages=["en"])
    no_model = NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}])
    return AnalyzerEngine(registry, no_model, supported_languages=["en"])


def _predefined() -> list["EntityRecognizer"]:
    from presidio_analyzer import Pattern
    from presidio_analyzer import predefined_recognizers as ready

    plain = (
        ready.IbanRecognizer, ready.CryptoRecognizer,
        ready.IpRecognizer, ready.UsSsnRecognizer, ready.UsItinRecognizer, ready.UsMbiRecognizer,
        ready.UkNinoRecognizer, ready.UkDrivingLicenceRecognizer, ready.ItFiscalCodeRecognizer,
        ready.EsNifRecognizer, ready.EsNieRecognizer, ready.FiPersonalIdentityCodeRecognizer,
        ready.DeSocialSecurityRecognizer,
    )  # fmt: skip
    # American Express and Diners group their digits in ways that Presidio's own shape lacks.
    card = Pattern("card", r"\b[3-6]\d{3}(?:[- ]?\d{2,6}){2,4}\b", MIN_SCORE)
    cards = ready.CreditCardRecognizer(patterns=[card])
    # Of an Indian PAN only the strict shape: the loose one takes time that grows with the square.
    pan = ready.InPanRecognizer(patterns=ready.InPanRecognizer.PATTERNS[:1])
    return [
        cards,
        pan,
        *(recognizer(supported_language="en") for recognizer in plain),
    ]


def _own() -> list["EntityRecognizer"]:
    import regex
    from presidio_analyzer import Pattern, PatternRecognizer

    flags = {True: regex.MULTILINE | regex.IGNORECASE, False: regex.MULTILINE}
    return [
        PatternRecognizer(
            entity,
            patterns=[Pattern(f"{entity} {i}", one, MIN_SCORE) for i, one in enumerate(patterns)],
            global_regex_flags=flags[is_free],
        )
        for entity, (_, patterns, is_free) in OWN.items()
    ]
