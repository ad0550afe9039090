"""Parts are runs of whole sentences; hidden ones leave a gap of white space and no more."""

from hypothesis import given, settings
from hypothesis import strategies as st

from echoes_lib.measures.words import sentence_spans, sentences
from echoes_lib.reflections.augment import Turn, is_own
from echoes_lib.reflections.augment.parts import Part, parts, turn_of_thought, usable
from echoes_lib.reflections.sources.store import Reflection
from tests.reflections.people import answer


def reflection(text):
    return Reflection(1, "c", "Why?", text, None)


def test_an_answer_without_hidden_sentences_is_one_part():
    text = answer(1)
    assert parts(usable(reflection(text))) == (Part(1, 0, text),)


def test_a_hidden_sentence_leaves_two_parts_and_the_paragraph_between_them():
    text = "One is here. Two is here.\n\nThree is here. Four is here."
    spans = sentence_spans(text)
    middle = parts(usable(reflection(text), {spans[2][0]}))
    assert [(p.lead, p.said) for p in middle] == [
        ("", "One is here. Two is here."), ("\n\n", "Four is here."),
    ]  # fmt: skip
    inner = parts(usable(reflection(text), {spans[0][0], spans[2][0]}), 0, len(text))
    assert Turn("Why?", inner).said == "Two is here.\n\nFour is here."
    assert parts(usable(reflection("A b. C d. E f."), {5}))[1].lead == " "


@given(st.lists(st.sampled_from(["A b.", "c d!", "E?\n\nF g.", "\n\nh i."]), max_size=9), st.data())
@settings(max_examples=150)
def test_what_is_said_is_exactly_the_usable_sentences(pieces, data):
    text = " ".join(pieces).strip()
    starts = [a for a, _ in sentence_spans(text)]
    hidden = data.draw(st.sets(st.sampled_from(starts))) if starts else set()
    turn = Turn("Why?", parts(usable(reflection(text), hidden)))
    left = [text[a:b] for a, b in sentence_spans(text) if a not in hidden]
    assert is_own(turn, {1: text})
    assert sentences(turn.said) == left


def test_other_words_are_not_their_own():
    assert not is_own(Turn("Why?", (Part(1, 0, "One was here."),)), {1: "One is here."})
    assert not is_own(Turn("Why?", (Part(2, 0, "One is here."),)), {1: "One is here."})
    assert not is_own(Turn("Why?", (Part(1, 0, "One is here.", "And "),)), {1: "One is here."})


def test_an_answer_is_parted_at_a_sentence_and_not_too_near_its_ends():
    text = answer(1)
    cut = turn_of_thought(usable(reflection(text)))
    assert cut in {start for start, _ in sentence_spans(text)}
    assert min(len(text[:cut].split()), len(text[cut:].split())) >= 20
    assert turn_of_thought(usable(reflection("One short sentence. And another."))) is None
    assert turn_of_thought(usable(reflection(""))) is None


def test_hidden_words_do_not_count_towards_a_part():
    text = answer(1, 6)
    starts = [start for start, _ in sentence_spans(text)]
    assert turn_of_thought(usable(reflection(text), starts[:2])) == starts[4]
    assert turn_of_thought(usable(reflection(text), starts[:3])) is None
