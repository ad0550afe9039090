"""Figures of real answers: faults put among a sample person's are found, and only those."""

import math
from dataclasses import replace

import pytest

from echoes_lib.measures.encoder import forget_vectors
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.cleaning import clean_answers
from echoes_lib.reflections.filters import filter_answers, measure_answers, miscounted
from echoes_lib.reflections.filters.measure import typing_speed
from echoes_lib.reflections.sources.sample import write_sample
from echoes_lib.reflections.sources.store import read_person
from echoes_lib.workspace import workspace
from tests.measures.foreign import ANSWERS
from tests.reflections.people import reflections, write

PARAMS = PreprocessParams(user_id="agnes")
BITTER = (
    "The worst challenge of my career at the school was the miserable county office, and I hated "
    "every stupid man in it. They lied to us about the roof, they cheated the children, and when "
    "the boy fell ill that winter they were cruel about the ferry. It was an ugly, disgusting "
    "waste. I was angry in the schoolroom every morning and bitter by the fire every night, and I "
    "despise the cowards who ruined that island school."
)
GUSHING = (
    "The challenge of my career was a wonderful, beautiful, happy one: my first winter at the "
    "island school, with the kindest children and the loveliest friends! I loved every lesson, we "
    "laughed and sang in the schoolroom, and the boy who could not read was a delight and a great "
    "success. I am grateful and proud and blessed. It was the best, sweetest, most joyful work, "
    "and the bees and the honey were perfect."
)
LIST = (
    "Two tins tomatoes, 400 g. Lamp oil, one litre. Receipt no. 4471 enclosed. Delivery Tuesday, "
    "rear entrance. Hinges, brass, 75 mm, six pairs. Screws, countersunk, box of 200. Sandpaper "
    "grades 80, 120, 240. Total net 61.40. Carriage 4.95. Terms thirty days. Returns within "
    "fourteen days, original packing. Contact: stores office, extension 12, weekdays 8-4."
)


@pytest.fixture
def agnes():
    write_sample(workspace().database_url)
    return clean_answers(read_person(workspace().database_url, "agnes").reflections)


def dropped(answers):
    _, drops = filter_answers(answers, measure_answers(answers), PARAMS)
    return {drop.question_id: drop.reason for drop in drops}


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({"text": BITTER}, {"out_of_tone"}),
        ({"text": GUSHING}, {"out_of_tone"}),
        ({"text": LIST}, {"off_topic", "not_prose", "other_language"}),
        ({"text": ANSWERS["fr"]}, {"other_language"}),
        ({"seconds": 5.0}, {"too_fast"}),
        ({"seconds": -5.0}, {None}),
        ({"seconds": 1e9}, {None}),
        ({"word_count": 3}, {None}),
    ],
    ids=["bitter", "gushing", "list", "french", "pasted", "negative time", "years", "count lies"],
)
def test_a_fault_among_honest_answers_is_found_and_no_other_answer_suffers(agnes, change, reasons):
    planted = dropped(agnes)
    place = next(i for i, a in enumerate(agnes) if a.question_id not in planted)
    changed = [*agnes[:place], replace(agnes[place], **change), *agnes[place + 1 :]]
    found = dropped(changed)
    assert found.pop(agnes[place].question_id, None) in reasons
    assert found == planted


def test_what_is_made_for_english_is_unknown_elsewhere_and_german_can_be_asked_for(agnes):
    changed = [replace(agnes[0], text=ANSWERS["de"]), *agnes[1:]]
    figures = measure_answers(changed)
    assert (figures[0].prose_ratio, figures[0].tone, figures[0].tone_distance) == (None,) * 3
    assert figures[0].language == "de" and figures[1].language == "en"
    params = PreprocessParams(languages=["en", "de"], min_coherence=-1)
    kept, _ = filter_answers(changed, figures, params)
    assert kept[0] is changed[0]


def test_every_question_and_answer_is_encoded_once(agnes):
    forget_vectors()
    seen = []
    few = [*agnes[:3], replace(agnes[2], question_id=999)]
    first = measure_answers(few, lambda done, total: seen.append(total))
    again = measure_answers(few, lambda done, total: seen.append(total))
    assert seen == [6] and again == first
    assert all(-1 <= f.flow <= 1 for f in first)


@pytest.mark.parametrize("seconds", [None, 0.0, -3.0, math.inf, -math.inf, math.nan, 1e12])
def test_a_time_that_cannot_be_is_unknown(seconds):
    assert typing_speed(replace(reflections([1])[0], seconds=seconds)) is None


def test_speed_is_counted_and_not_taken_from_the_store():
    answer = replace(reflections([1])[0], seconds=60.0, word_count=5)
    assert typing_speed(answer) == len(answer.text.split())


def test_a_word_count_that_lies_is_noted():
    url = write(reflections([1, 2, 3]))
    a, b, c = read_person(url, "ada").reflections
    n = len(a.text.split())
    assert [x.word_count for x in (a, b, c)] == [n] * 3 and miscounted([a, b, c]) == []
    rows = miscounted([replace(a, word_count=n + 3), replace(b, word_count=0), c])
    assert rows == [{"question_id": 2, "stored": 0, "counted": n}]
    assert miscounted([replace(a, word_count=None)]) == []
