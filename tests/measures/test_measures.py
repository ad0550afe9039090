"""Measures: spans cut without loss, counts are exact, and the encoder knows near from far."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoes_lib.measures.encoder import coherence, encode, flow, forget_vectors, place
from echoes_lib.measures.prose import prose_ratio
from echoes_lib.measures.similarity import shared_wording
from echoes_lib.measures.specificity import Specificity, specificity
from echoes_lib.measures.words import sentence_spans, sentences, words

PROSE = st.text(st.sampled_from(list("ab AB1.!?\"'\n\n,M")), max_size=80)


@given(PROSE | st.text())
def test_sentence_spans_lose_nothing_but_white_space(text):
    spans = sentence_spans(text)
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    assert all(a < b for a, b in spans)
    assert all(b <= c for (_, b), (c, _) in zip(spans, spans[1:], strict=False))
    assert all(text[a:b] == text[a:b].strip() for a, b in spans)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I met Mrs. Lund. She laughed!", ["I met Mrs. Lund.", "She laughed!"]),
        ('"Why?" he said. "Because."', ['"Why?" he said.', '"Because."']),
        ("At 5 p.m. we ate. J. R. Pell came.", ["At 5 p.m. we ate.", "J. R. Pell came."]),
        ("No stop\n\nNew paragraph", ["No stop", "New paragraph"]),
        ("Well… Maybe. 1994 was good.", ["Well…", "Maybe.", "1994 was good."]),
        ("", []),
    ],
)
def test_sentences(text, expected):
    assert sentences(text) == expected


def test_words():
    assert words("It's twenty-two, isn’t it? £5!") == ["It's", "twenty-two", "isn’t", "it", "5"]


def test_specificity_counts_each_kind_once():
    found = specificity('In May 1994 I met Emil. "Ride it," he said. He had twenty-two cats.')
    assert found == Specificity(names=1, numbers=1, dates=2, quotes=1, n_words=14)
    assert found.per_100_words == pytest.approx(100 * 5 / 14)
    assert specificity("").per_100_words == 0
    assert specificity("I think I'd say it matters. One does what one can.").per_100_words == 0


def test_prose_is_told_from_a_list():
    assert prose_ratio("I was there when he came, and it was good to see him again.") > 0.5
    assert prose_ratio("Qty 2 x carton, 600 mm. Qty 1 tube, grey. Total 11.4 kg.") < 0.2
    assert prose_ratio("") == 0


def test_shared_wording_is_symmetric_and_in_range():
    texts = ["the cat sat on the mat", "the cat sat on the mat", "a dog ran off", "", "…"]
    alike = shared_wording(texts)
    assert np.allclose(alike, alike.T) and alike.min() >= 0 and alike.max() <= 1
    assert alike[0, 1] == pytest.approx(1) and alike[0, 2] == 0 and not alike[3:].any()
    assert shared_wording(["", "!"]).shape == (2, 2)


def test_encoder_is_offline_normalised_and_in_order():
    forget_vectors()
    texts = ["My dog barks at the postman.", "Interest rates rose.", "The puppy growls at mail."]
    seen = []
    vectors = encode(texts, lambda done, total: seen.append((done, total)))
    assert vectors.shape == (3, 384) and seen == [(3, 3)]
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[1] + 0.2
    assert np.allclose(encode(texts[:1]), vectors[:1], atol=1e-5)


def test_coherence_is_the_mean_of_two_cosines():
    questions = np.eye(3)[[0, 0]]
    answers = np.eye(3)[[0, 1]]
    assert coherence(questions, answers) == pytest.approx([0.5, 0.0])
    assert coherence(questions[:1], answers[:1]) == pytest.approx([1.0])


def test_a_text_is_encoded_once():
    forget_vectors()
    seen = []
    texts = ["A hen.", "A hen.", "A lift.", "A hen."]
    first = encode(texts, lambda done, total: seen.append(total))
    again = encode(["A lift.", "A hen."], lambda done, total: seen.append(total))
    assert seen == [2]
    assert np.array_equal(first[[0, 0]], first[[1, 3]])
    assert np.array_equal(again, first[[2, 0]])
    assert encode([]).shape == (0, 384)


def test_sentences_are_placed_by_the_reading_of_their_text():
    text = "My dog barks at the postman.\n\nThe puppy growls at mail. Interest rates rose again."
    whole, dog, none = place([text, "My dog barks at the postman.", ""])
    assert whole.sentences.shape == (3, 384) and none.sentences.shape == (0, 384)
    assert np.allclose(np.linalg.norm(whole.sentences, axis=1), 1, atol=1e-5)
    near, far = whole.sentences[0] @ whole.sentences[1], whole.sentences[0] @ whole.sentences[2]
    assert near > far
    assert dog.sentences[0] @ dog.text > 0.9
    assert not np.allclose(dog.sentences[0], whole.sentences[0], atol=0.01)


def test_what_lies_beyond_the_256th_token_is_left_out():
    long = place([" ".join(f"Line {i} is about a hen." for i in range(100))])[0]
    assert 20 < len(long.sentences) < 40


def test_flow_is_the_mean_of_neighbours():
    x, y = np.eye(2)
    assert flow(np.array([x, x, y])) == pytest.approx(0.5)
    assert flow(np.array([x, y, x, y])) == pytest.approx(0.0)
    assert flow(np.array([x, x])) is None and flow(np.zeros((0, 2))) is None
