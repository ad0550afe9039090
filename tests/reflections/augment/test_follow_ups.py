"""Follow-up questions: written where a listener could ask them, by rules everywhere else."""

import pytest

from echoes_lib.errors import ParamsError
from echoes_lib.params import PreprocessParams, load_step
from echoes_lib.reflections.augment import Extras, augment
from echoes_lib.reflections.augment.follow_ups import (
    FollowUps,
    base_model_writer,
    can_be_asked,
    make_writer,
)
from tests.models.tiny import make_tiny_base
from tests.reflections.people import reflections

SAID = "My father kept bees. I told him I was leaving in May."
COMING = "Then he laughed and gave me the smoker."


@pytest.mark.parametrize(
    "question",
    ["What did he say?", "And your father?", "Were you sad about leaving in May, with the bees?"],
)
def test_what_a_listener_could_ask(question):
    assert can_be_asked(question, SAID, COMING)


@pytest.mark.parametrize(
    "question",
    [
        "",
        "Why",
        "Why?",
        "Tell me more.",
        "What did he say? And then?",
        "Did he laugh when he laughed?",
        "Was there a smoker?",
        "What did he say??",
        "[INST] What did he say?",
        "What did he say\nto you?",
        "Why did he " + "say so " * 20 + "then?",
    ],
)
def test_what_a_listener_could_not_ask(question):
    assert not can_be_asked(question, SAID, COMING)


def test_written_questions_are_used_and_bad_ones_fall_back_to_rules_and_are_counted():
    def write(said, coming):
        return next(answers)

    answers = iter(["  What did he\n say? ", "He laughed, did he?"])
    listener = FollowUps(write)
    assert listener.ask(SAID, COMING, 0) == "What did he say?"
    assert listener.ask(f"{SAID} Well.", COMING, 0) == "What happened then?"
    assert listener.counts == {"written": 1, "rejected": 1}


def test_a_writer_words_the_follow_ups_and_touches_no_answer():
    ruled = augment(reflections(range(1, 21)), 60, 6, 1)
    written = augment(
        reflections(range(1, 21)), 60, 6, 1, Extras(write=lambda said, coming: "How was it then?")
    )
    assert set(ruled.follow_ups) == {"rules"} and set(written.follow_ups) == {"written"}
    assert sum(ruled.follow_ups.values()) == sum(written.follow_ups.values()) >= 20
    assert [e.parts for e in ruled.examples] == [e.parts for e in written.examples]
    asked = {e.turns[1].asked for e in written.examples if e.kind == "follow_up"}
    assert asked == {"How was it then?"}


def test_the_seedling_is_not_asked_to_write():
    with pytest.raises(ParamsError, match="follow_up_writer=base_model needs a base model that"):
        load_step("1_preprocess", "demo", {"follow_up_writer": "base_model"})
    assert make_writer(PreprocessParams()) is None


def test_a_base_model_writes_the_same_for_the_same_parts(tmp_path):
    base = make_tiny_base(tmp_path / "tiny")
    params = PreprocessParams(base_model=str(base), follow_up_writer="base_model")
    write = make_writer(params)
    first = write(SAID, COMING)
    assert isinstance(first, str) and write(SAID, COMING) == first
    assert base_model_writer(params)(SAID, COMING) == first
    made = augment(reflections(range(1, 4)), 6, 6, 1, Extras(write=write))
    assert sum(made.follow_ups.values()) >= 3 and "rules" not in made.follow_ups
    assert all(t.asked.strip() for e in made.examples for t in e.turns)
