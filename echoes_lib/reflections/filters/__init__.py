"""Decide which answers are fit to learn from, and say of every other why it is not.

    record    what is written down: the figures of an answer, a drop with its reason
    measure   answers -> figures; knows no threshold
    rules     figures and thresholds -> kept answers, drops

Figures do not depend on thresholds, so a reader can move a threshold and judge again without
measuring again.
"""

from echoes_lib.reflections.filters.measure import measure_answers, miscounted
from echoes_lib.reflections.filters.record import Drop, Figures, count_reasons
from echoes_lib.reflections.filters.rules import RULES, Rule, filter_answers, judge

__all__ = [
    "RULES",
    "Drop",
    "Figures",
    "Rule",
    "count_reasons",
    "filter_answers",
    "judge",
    "measure_answers",
    "miscounted",
]
