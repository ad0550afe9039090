"""Planted values are found, harmless ones left alone: no worse than the figures measured here."""

import pytest

from echoes_lib.reflections.cleaning.detect import KINDS, find_private
from tests.reflections.cleaning.sentences import find, read, score

VALUE_KINDS = tuple(kind for kind in KINDS if kind != "name")


@pytest.fixture(scope="module")
def scores():
    return score(find(read("planted") + read("harmless") + read("unseen")), VALUE_KINDS)


def test_the_sentences_are_many():
    assert sum(len(s.planted) for s in read("planted")) >= 80
    assert len(read("harmless")) >= 80 and not any(s.planted for s in read("harmless"))


@pytest.mark.parametrize("kind", VALUE_KINDS)
def test_recall_and_precision_of_each_kind(scores, kind):
    assert scores[kind]["recall"] == 1.0
    assert scores[kind]["precision"] >= (0.95 if kind == "address" else 1.0)


def test_names_of_people_are_found_and_towns_months_and_kin_are_not():
    made = score(find(read("named"), together=True), ("name",))["name"]
    assert made["recall"] >= 0.9
    assert made["precision"] >= 0.95


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("St. Florence, in April, near Georgia", []),
        ("Will you? May I? Rose petals fell.", []),
        ("My friend Will came. Will you?", ["Will"]),
        ("I told Mark and Grace about it.", ["Mark", "Grace"]),
        ("Ludwig van Beethoven, Maria del Carmen", ["Ludwig van Beethoven", "Maria del Carmen"]),
        ("Mr. Zbrzny-Ott's car; Zbrzny-Ott drove.", ["Zbrzny-Ott", "Zbrzny-Ott"]),
        ("Mum, Dad and Grandma sang on Sunday. I'd sung.", []),
    ],
)
def test_names(text, found):
    spans = [s for s in find_private([text])[0] if s.kind == "name"]
    assert [text[s.start : s.end] for s in spans] == found


def test_a_name_plain_in_one_text_is_known_in_the_others():
    texts = ["I met Ewa Zbrzny there.", "Zbrzny laughed."]
    assert [text[s.start : s.end] for s in find_private(texts)[1] for text in texts[1:]] == [
        "Zbrzny"
    ]


def test_the_sample_people_hold_nothing_but_names():
    from echoes_lib.reflections.sources.sample import read_lines

    for user in ("luke", "agnes", "dev", "henryk", "marisol"):
        texts = [line["response_text"] for line in read_lines(f"answers/{user}")]
        kinds = {span.kind for spans in find_private(texts) for span in spans}
        assert kinds == {"name"}
