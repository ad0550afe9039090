"""The text that the seedling is trained on, written here and nowhere else.

    questions/           what people say to each reflection question, plain text, easy to extend
    lives.txt            names, towns, trades
    library.py           reads them
    grammar.py           reads a frame in one of its many ways
    style.py             voices and habits of speech
    lives.py, society.py the invented people
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
