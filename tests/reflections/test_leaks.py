"""No sentence of a held-out answer reaches a training example, in any kind and for any seed."""

from collections import Counter

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from echoes_lib.errors import TooFewAnswers
from echoes_lib.measures.words import sentence_spans, sentences, words
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.augment import is_own
from echoes_lib.reflections.dataset import make_examples
from echoes_lib.reflections.folds import folds
from echoes_lib.reflections.leaks import find_leaks
from echoes_lib.reflections.sources.store import Reflection
from echoes_lib.reflections.split import split_reflections
from tests.reflections.repeaters import SAYINGS, bag_of_words, repeaters

SEEDS = st.integers(0, 2**32 - 1)
KINDS = {"original", "rephrased", "follow_up", "continued", "theme"}


def bare(text):
    return " ".join(words(text.lower()))


def leaked(splits, examples):
    """Look for held-out sentences in all three ways, by plain search."""
    said = [turn.said for e in examples.training for turn in e.turns]
    everything, run = "\n".join(said), " | ".join(f" {bare(text)} " for text in said)
    learnt = {bare(line) for text in said for line in sentences(text)}
    held_out = {s for r in splits.test + splits.validation for s in sentences(r.text) if bare(s)}
    return {
        s
        for s in held_out
        if s in everything or bare(s) in learnt or (len(words(s)) >= 5 and f" {bare(s)} " in run)
    }


def made_from(splits, params):
    return make_examples(splits, "Ada", params, lambda talk: 1, bag_of_words)


@given(SEEDS, SEEDS)
@settings(deadline=None, max_examples=10)
def test_no_held_out_sentence_is_learnt(person, seed):
    answers = repeaters(person, 60)
    params = PreprocessParams(seed=seed, target_examples=240)
    try:
        splits = split_reflections(answers, params)
    except TooFewAnswers:
        assume(False)
    examples = made_from(splits, params)
    assert not leaked(splits, examples)
    texts = {r.question_id: r.text for r in answers}
    assert all(is_own(turn, texts) for e in examples.training for turn in e.turns)
    event(f"hidden sentences: {min(9, sum(map(len, splits.hidden.values())))}")


def test_such_people_do_repeat_themselves_and_make_examples_of_every_kind():
    params = PreprocessParams(target_examples=240)
    splits = split_reflections(repeaters(1, 60), params)
    examples = made_from(splits, params)
    assert {e.kind for e in examples.training} == KINDS
    assert {len(e.turns) for e in examples.training if e.kind == "continued"} == {2, 3}
    assert splits.hidden and splits.cuts
    whole = splits.__class__(splits.test, splits.validation, splits.stage1, splits.stage2)
    assert leaked(whole, made_from(whole, params)), "without hiding, sentences do leak"


@given(SEEDS)
@settings(deadline=None, max_examples=5)
def test_no_fold_leaks(seed):
    params = PreprocessParams(seed=seed, target_examples=150)
    for splits in folds(repeaters(seed, 60), 4, params):
        assert not leaked(splits, made_from(splits, params))


def reflection(question_id, text):
    return Reflection(question_id, "c", "Why?", text, None)


FILLER = "We had the boat out of the water by noon and nobody said a word about the paint."
HELD_OUT = [reflection(1, "Here is the thing. It's late. You go on and on about it. Dark.")]


@pytest.mark.parametrize(
    ("line", "is_hidden"),
    [
        ("Here is the thing.", True),
        ("HERE is the thing!", True),
        ("But here is  the thing.", True),
        ("Here is the thing about boats.", False),
        ("It’s late.", True),
        ("I said it's late.", True),
        ("It was getting dark.", True),
        ("Spark.", False),
        ("They say you go on and on about it, Ada.", True),
        ("You go on about it.", False),
    ],
)
def test_what_counts_as_the_same_sentence(line, is_hidden):
    text = f"{FILLER} {line} {FILLER}"
    leaks = find_leaks([reflection(2, text)], HELD_OUT)
    assert not leaks.drops
    starts = leaks.hidden.get(2, frozenset())
    hidden = [text[a:b] for a, b in sentence_spans(text) if a in starts]
    assert hidden == ([line] if is_hidden else [])
    assert [cut.value for cut in leaks.cuts] == ([1] if is_hidden else [])


def test_an_answer_of_which_too_little_is_left_is_dropped_with_the_count():
    text = f"{FILLER} And so on. A few words more are here."
    leaks = find_leaks([reflection(2, text)], [reflection(1, FILLER)])
    assert not leaks.hidden and not leaks.cuts
    drop = leaks.drops[0]
    assert (drop.question_id, drop.reason, drop.value) == (2, "held_out_sentence", 9)
    assert drop.threshold == 20


@given(st.lists(st.text("ab .!?\n’'", max_size=40), max_size=6), st.text("ab .!?\n'", max_size=60))
@settings(max_examples=200)
def test_any_text_can_be_searched(held_out, text):
    leaks = find_leaks(
        [reflection(0, text)], [reflection(i + 1, t) for i, t in enumerate(held_out)]
    )
    assert len(leaks.drops) + len(leaks.hidden) <= 1


def test_sayings_are_counted_once_per_answer():
    answers = repeaters(3, 60)
    splits = split_reflections(answers, PreprocessParams())
    assert Counter(c.question_id for c in splits.cuts) == Counter(splits.hidden.keys())
    texts = {r.question_id: r.text for r in answers}
    cut = " ".join(texts[i][a : a + 40] for i, starts in splits.hidden.items() for a in starts)
    assert any(saying.rstrip(".!").lower() in cut.lower() for saying in SAYINGS)
