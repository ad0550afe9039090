"""The text that the seedling is trained on, written here and nowhere else.

    words.txt, themes/   phrase banks and topics, plain text, easy to extend
    library.py           reads them
    grammar.py           expands a frame
    style.py, people.py  voices and the invented people who have them
    conversations.py     puts a conversation together

What it does not do: hold or read any real person's words, nor the sample people
of the reflections room; those are a test set for this model.

Shape: count + seed -> conversations in the messages format.
"""

from echoes_lib.models.seedling.corpus.conversations import (
    PERSONAS,
    compose,
    conversations,
    held_out,
)

__all__ = ["PERSONAS", "compose", "conversations", "held_out"]
