"""Word the user's side of a conversation: a question asked otherwise, a follow-up, a bridge.

Only the asking side is written here, never an answer. Rules turn a question into a few others
that mean the same; where no rule fits, frames that leave it whole are used. Made for English.

Shape: question, category -> other wordings; the next part of an answer -> what a listener
says before it.
"""

import re
from collections.abc import Iterator
from itertools import zip_longest

_THEMES = {
    "career": "your working life",
    "work_habits": "the way you work",
    "family": "your family",
    "childhood": "your childhood",
    "friendship": "friendship",
    "love": "love",
    "loss": "loss",
    "fear": "fear and courage",
    "money": "money",
    "faith": "what you believe",
    "places": "places",
    "small_joys": "small joys",
    "looking_back": "looking back",
}
_TELL = (
    "Could you tell me about {x}?",
    "I'd like to hear about {x}.",
    "Would you talk a little about {x}?",
    "What can you tell me about {x}?",
    "I'd love to know about {x}.",
)
_DESCRIBE = (
    "Could you describe {x}?",
    "I'd like you to describe {x}.",
    "Tell me about {x}.",
    "How would you describe {x}?",
    "Help me picture {x}.",
)
_INDIRECT = ("Tell me {x}.", "Could you tell me {x}?", "I'd like to know {x}.", "I wonder {x}.")
_FRAMES = (
    "May I ask you something? {q}",
    "I've been wondering: {lower}",
    "Something I'd like to know: {lower}",
    "If you don't mind my asking, {lower}",
    "Here's a question for you. {q}",
)
_BRIDGES = ("Thank you. {q}", "One more thing. {q}", "And {lower}", "Let me ask you this. {q}")
_PAST = {
    "believe": "believed", "break": "broke", "come": "came", "do": "did", "end": "ended",
    "get": "got", "go": "went", "ignore": "ignored", "meet": "met", "smell": "smelled",
    "teach": "taught", "tell": "told", "think": "thought", "want": "wanted",
}  # fmt: skip
_WH = r"(?P<wh>(?:What|How|When|Where|Whom?|Which|Why)(?: (?!do |did |would |have |are )[\w']+)*?)"
_PRESENT = re.compile(rf"^{_WH} do you (?P<rest>[^,]+)\?$")
_MODAL = re.compile(rf"^{_WH} (?P<verb>would|have|are) you (?P<rest>[^,]+)\?$")
_PAST_TENSE = re.compile(
    rf"^{_WH} did (?P<who>you|your \w+|a friend) (?P<verb>\w+)(?P<rest>[^,?]*)\?$"
)
_SUBJECT = re.compile(r"^(?P<x>(?:What|Which \w+) (?:makes|gets) [^,]+)\?$")
_NOUN = re.compile(r"^What (?:is|was) (?P<x>(?:the|your) [^,]+)\?$")

# What the next sentence begins with -> what somebody listening would have said before it.
_CUES = (
    (r"(?:Then|After|Later|Afterwards|Soon|By the time|The next|One)\b", "What happened then?"),
    (r"(?:But|Yet|Still|Though|Although|Only|Except)\b", "But?"),
    (r"(?:So|That's why|That is why)\b", "And so?"),
    (r"(?:Because|I think|I suppose|Perhaps|Maybe|I believe)\b", "Why do you think that is?"),
    (r"(?:Now|Nowadays|Today|These days|Since)\b", "And now?"),
    (r"(?:He|She|They)\b", "Tell me more about that."),
)
_LISTENING = ("Go on.", "Tell me more.", "What else?", "Go on, I'm listening.", "And?")


def rephrasings(question: str, category: str = "") -> list[str]:
    """Return other wordings of a question, free ones and framed ones by turns.

    Args:
        question: as asked in the questionnaire.
        category: its theme; an unknown one adds nothing.

    Returns:
        Wordings without repetition, none equal to the question; at least five for a question
        that ends with a question mark or begins with "Tell me about" or "Describe".

    >>> rephrasings("What did your mother teach you without meaning to?")[0]
    'Tell me what your mother taught you without meaning to.'
    """
    question = " ".join(question.split())
    pairs = zip_longest(_freely(question), _framed(question, category))
    worded = dict.fromkeys(wording for pair in pairs for wording in pair if wording)
    return [wording for wording in worded if wording != question]


def cue(next_part: str) -> str | None:
    """Return what a listener asks before a turn of thought, or None if there is no turn."""
    return next((asked for start, asked in _CUES if re.match(start, next_part)), None)


def follow_up(next_part: str, choice: int) -> str:
    """Return what a listener says before the next part of an answer.

    Args:
        next_part: the person's words that come next.
        choice: any number; picks among the neutral ones where nothing is cued.
    """
    return cue(next_part) or _LISTENING[choice % len(_LISTENING)]


def bridge(question: str, choice: int) -> str:
    """Return a question as it is asked later in a conversation.

    Args:
        question: as asked in the questionnaire.
        choice: any number; picks among the wordings.
    """
    return _BRIDGES[choice % len(_BRIDGES)].format(q=question, lower=_lowered(question))


def _freely(question: str) -> Iterator[str]:
    invited = re.match(r"^(Tell me about|Describe) (.+?)\.?$", question)
    if invited:
        forms = _TELL if invited[1] == "Tell me about" else _DESCRIBE
        yield from (form.format(x=invited[2]) for form in forms)
        return
    noun = _NOUN.match(question)
    if noun:
        yield f"Tell me about {noun['x']}."
        yield from (form.format(x=noun["x"]) for form in _TELL[:3])
    clause = _clause(question)
    if clause:
        yield from (form.format(x=clause) for form in _INDIRECT)


def _clause(question: str) -> str | None:
    """Return a question as a clause with its verb behind the subject, where a rule is sure."""
    if m := _PRESENT.match(question):
        return f"{_first_lower(m['wh'])} you {m['rest']}"
    if m := _MODAL.match(question):
        return f"{_first_lower(m['wh'])} you {m['verb']} {m['rest']}"
    if (m := _PAST_TENSE.match(question)) and m["verb"] in _PAST:
        return f"{_first_lower(m['wh'])} {m['who']} {_PAST[m['verb']]}{m['rest']}"
    if m := _SUBJECT.match(question):
        return _first_lower(m["x"])
    return None


def _framed(question: str, category: str) -> Iterator[str]:
    theme = _THEMES.get(category)
    if theme:
        yield f"Let's talk about {theme}. {question}"
    if question.endswith("?"):
        yield from (form.format(q=question, lower=_lowered(question)) for form in _FRAMES)
    if theme:
        yield f"A question about {theme}: {_lowered(question)}"


def _lowered(question: str) -> str:
    return question if re.match(r"I\b", question) else _first_lower(question)


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:]
