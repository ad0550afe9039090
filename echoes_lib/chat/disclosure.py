"""Say that an echo is an AI whenever somebody sincerely asks.

A rule, not the model: a model trained to speak as a person would answer as that person. It
looks only at the last message and errs on the side of telling. It knows English questions; it
does not judge play ("pretend that you are a robot" is no question about what one talks to).

Shape: the last user message -> whether it asks; the person's name -> the notice.
"""

import re

_ADVERBS = r"(?:(?:not|also|even|just|only|really|actually|truly|in fact|by any chance) )*"
_AI = (
    r"(?:(?:an?|the|some|some kind of|some sort of|just|really|actually) )*"
    r"(?:ai|a\.i\.|artificial(?: intelligence)?|(?:chat ?)?bot|robot|machine|computer(?: program)?|"
    r"program|language model|llm|algorithm|simulation|(?:chat ?)?gpt|echo)"
)
_PERSON = (
    r"(?:(?:an?|the|just|really|actually|real|actual|living|genuine|true|live) )*"
    r"(?:human(?: being)?|person|people|man|woman|somebody|someone)"
)
_END = r"(?=\s*(?:$|[?!.,;:)\"']|(?:or|and|right|here|now|behind)\b))"
_YOU = r"(?:(?:are|r) (?:you|u)|you are|you're|is this|is that|is it|this is)"
_SPEAKING = r"(?:talking|speaking|chatting|writing) (?:to|with)"

_ASKS = re.compile(
    "|".join(
        rf"\b{pattern}"
        for pattern in (
            rf"{_YOU} {_ADVERBS}(?:{_AI}|{_PERSON}|real|alive|sentient|conscious){_END}",
            rf"{_SPEAKING} {_ADVERBS}(?:{_AI}|{_PERSON}){_END}",
            rf"is there {_ADVERBS}{_PERSON} (?:behind|reading|there|here|on the other)",
            rf"what are you\W+{_AI}{_END}",
            rf"(?:human|person|you)\W+or {_AI}{_END}",
            rf"{_AI} or {_PERSON}{_END}",
        )
    )
)
_SAYS_ASKING = re.compile(
    r"\?|^(?:are|is|am|tell me|so|be honest|do|i want to know|please)\b|\bor\b"
)
_PLAY = re.compile(r"\b(?:pretend|imagine|suppose|if you were|would you rather|role-?play)\b")


def asks_if_ai(text: str, name: str = "") -> bool:
    """Tell whether a message sincerely asks if it talks to a person or to a machine.

    Args:
        text: the message.
        name: whose echo answers; "are you really Luke?" asks it too.

    Returns:
        True for "Are you a real person?", "am I talking to a bot?", "is this really Luke?";
        False for "What do you think of AI?" or "Pretend you are a robot."
    """
    first = name.lower().split()[0] if name.split() else ""
    said = " ".join(text.lower().replace("’", "'").split())
    if _PLAY.search(said) or not _SAYS_ASKING.search(said):
        return False
    # "you, Luke, or a machine" asks what "you or a machine" asks.
    unnamed = re.sub(rf",? ?\b{re.escape(first)}\b,?", "", said) if first else said
    if _ASKS.search(said) or _ASKS.search(unnamed):
        return True
    real = (
        r"(?:(?:really|actually|truly|the real|the actual)(?: (?:talking|speaking) (?:to|with))? )+"
    )
    asked = rf"\b(?:{_YOU}|am i|{_SPEAKING}) {real}{re.escape(first)}\b"
    return bool(first and re.search(asked, said))


def notice(name: str) -> str:
    """Say what the reader is talking to."""
    return (
        f"I am an AI echo of {name}: a program trained on what {name} wrote. "
        f"I am not {name}, and {name} does not read or answer here."
    )
