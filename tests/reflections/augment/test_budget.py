"""More examples, the same words: spans only, no leak, the cap holds, the seed decides."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from echoes_lib.measures.words import sentence_spans, sentences
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.augment import Extras, augment, is_own, originals, sentences_used
from echoes_lib.reflections.augment.parts import usable
from echoes_lib.reflections.augment.themes import find_themes
from echoes_lib.reflections.dataset import make_examples
from echoes_lib.reflections.split import split_reflections
from tests.reflections.people import reflections
from tests.reflections.repeaters import bag_of_words, repeaters

SEEDS = st.integers(0, 2**32 - 1)


def build(n, **values):
    params = PreprocessParams(**values)
    splits = split_reflections(reflections(range(1, n + 1)), params)
    return splits, make_examples(splits, "Ada", params, lambda talk: 1, bag_of_words)


@given(SEEDS)
@settings(deadline=None, max_examples=12)
def test_no_sentence_of_a_held_out_answer_is_in_any_training_example(seed):
    splits, examples = build(80, seed=seed)
    said = "\n".join(turn.said for e in examples.training for turn in e.turns)
    for reflection in splits.test + splits.validation:
        for sentence in sentences(reflection.text):
            assert sentence not in said


@given(SEEDS)
@settings(deadline=None, max_examples=12)
def test_each_stage_uses_only_its_own_questions(seed):
    splits, examples = build(80, seed=seed)
    for stage in ("stage1", "stage2"):
        used = {i for e in examples.files[f"train_{stage}"] for i in e.question_ids}
        assert used == set(splits.ids()[stage])


@given(SEEDS, st.integers(1, 8), st.integers(30, 400))
@settings(deadline=None, max_examples=40)
def test_words_are_the_persons_own_the_cap_holds_and_ids_are_unique(seed, cap, target):
    answers = reflections(range(1, 31))
    texts = {r.question_id: r.text for r in answers}
    made = augment(answers, target, cap, seed)
    uses = Counter()
    for example in made.examples:
        assert all(is_own(turn, texts) for turn in example.turns)
        for part in example.parts:
            edges = sentence_spans(texts[part.question_id])
            assert part.start in {a for a, _ in edges} and part.end in {b for _, b in edges}
            uses.update(sentences(part.said))
    assert max(uses.values()) <= cap
    assert len({e.example_id for e in made.examples}) == len(made.examples)
    assert len(made.examples) + made.missing == target
    assert made.missing == 0 or made.refused_by_cap > 0


def test_target_is_met_where_the_cap_allows_it_with_all_kinds():
    _, examples = build(117, target_examples=450)
    kinds = Counter(e.kind for e in examples.training)
    assert len(examples.training) == 450
    assert set(kinds) >= {"original", "rephrased", "follow_up", "continued"}
    assert examples.shortfall["missing"] == 0


def test_a_shortfall_is_counted_with_its_cause():
    _, examples = build(60, target_examples=450, max_uses_per_sentence=3)
    assert len(examples.training) <= 3 * 48
    assert examples.shortfall["missing"] == 450 - len(examples.training)
    assert examples.shortfall["refused_by_max_uses_per_sentence"] > 0


def test_a_small_target_still_holds_every_answer_once():
    splits, examples = build(60, target_examples=1)
    assert len(examples.training) == len(splits.stage1) + len(splits.stage2)


def test_same_seed_same_examples_other_seed_other_pairs():
    answers = reflections(range(1, 31))
    assert augment(answers, 150, 6, 1) == augment(answers, 150, 6, 1)
    assert augment(answers, 150, 6, 1) != augment(answers, 150, 6, 2)


def test_held_out_files_hold_originals_of_one_turn():
    splits, examples = build(80)
    for name in ("test", "validation"):
        assert examples.files[name] == originals(getattr(splits, name))
        assert all(len(e.turns) == 1 and e.kind == "original" for e in examples.files[name])


@given(SEEDS, st.integers(2, 8))
@settings(deadline=None, max_examples=10)
def test_with_themes_and_hidden_sentences_the_cap_still_holds(seed, cap):
    answers = repeaters(seed, 40)
    spans = {r.question_id: sentence_spans(r.text) for r in answers}
    hidden = {i: frozenset({edges[2][0]}) for i, edges in spans.items() if i % 3 == 0}
    themes = find_themes([usable(r, hidden.get(r.question_id, ())) for r in answers], bag_of_words)
    made = augment(answers, 200, cap, seed, Extras(hidden, themes, 0.2)).examples
    uses = Counter(pair for e in made for pair in sentences_used(e, spans))
    assert max(uses.values()) <= cap
    assert not {(i, start) for i, starts in hidden.items() for start in starts} & set(uses)
    assert sum(e.kind == "theme" for e in made) <= 0.2 * 200
    assert all(len(e.question_ids) > 1 for e in made if e.kind == "theme")


def test_continued_talks_of_three_turns_ask_between_the_parts_of_the_first_answer():
    made = augment(reflections(range(1, 31)), 200, 6, 1).examples
    three = [e for e in made if e.kind == "continued" and len(e.turns) == 3]
    assert three
    for example in three:
        first, second, third = ([p.question_id for p in turn.parts] for turn in example.turns)
        assert first == second != third
