"""More examples of the same answers, without a word in them that is not the person's.

    parts       an answer cut into spans of whole sentences
    examples    what an example is, and the proof of whose words it holds
    ask         the asking side, by rules
    follow_ups  what a listener asks between two parts, by rules or by the base model
    nouns       the themes that can be asked about
    passages    the passages that can stand alone
    themes      clusters of passages, each with its theme
    kinds       candidates: originals, other wordings, answers in turns, pairs of answers
    gather      candidates: passages of one theme
    budget      which candidates are taken

Shape: reflections of one split -> examples.
"""

from echoes_lib.reflections.augment.budget import Augmented, Extras, augment
from echoes_lib.reflections.augment.examples import Example, Turn, is_own, sentences_used
from echoes_lib.reflections.augment.kinds import originals
from echoes_lib.reflections.augment.parts import Part

__all__ = [
    "Augmented",
    "Example",
    "Extras",
    "Part",
    "Turn",
    "augment",
    "is_own",
    "originals",
    "sentences_used",
]
