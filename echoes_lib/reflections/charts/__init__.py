"""The pictures of notebook 1; they show figures and question ids, never a text.

    scores    what each filter measured, an answer a mark, with its threshold
    answers   how long, how glad or bitter, how specific the answers are
    flow      from answers through drops and splits to examples, and what was dropped and why

Nothing is saved here.
"""

from echoes_lib.reflections.charts.answers import plot_lengths, plot_splits, plot_tone
from echoes_lib.reflections.charts.flow import plot_drops, plot_flow
from echoes_lib.reflections.charts.scores import plot_filters

__all__ = ["plot_drops", "plot_filters", "plot_flow", "plot_lengths", "plot_splits", "plot_tone"]
