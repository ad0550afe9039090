"""Measure what ships with the package against the figures it promises.

    seedling.py     all figures of the seedling with their limits, as one report
    corpus.py       writes the seedling's training text again, with its counts
    replies.py      do its replies end, stay on the question, and spell?
    yardsticks.py   does it expect people's words better than simpler models?
    kneser_ney.py   the strongest of those
    pull.py         do adapters pull it towards one person and away from others?

What it does not do: judge an echo (`evaluation`, `registry`).

Shape: nothing -> a report (dict) that says what was measured, what was promised, and whether
it holds.
"""
