"""Clean answers and guard what is private in them, before anything learns from them.

    text        one form for characters, quotes, blanks; what a web page left is taken out
    protect     per kind of personal data: keep, redact or pseudonymise

Nothing here reads or writes a database, and nothing reaches the network.
"""

from echoes_lib.reflections.cleaning.keys import privacy_key
from echoes_lib.reflections.cleaning.prepare import prepare
from echoes_lib.reflections.cleaning.protect import (
    Finding,
    Protected,
    count_findings,
    protect,
    sum_up,
)
from echoes_lib.reflections.cleaning.text import clean_answers, clean_text

__all__ = [
    "Finding",
    "Protected",
    "clean_answers",
    "clean_text",
    "count_findings",
    "prepare",
    "privacy_key",
    "protect",
    "sum_up",
]
