import pytest
import sacrebleu

from echoes_lib.evaluation.overlap import count_overlap

ANSWERS = [
    "I learned to sweep from the door to the wall.",
    "There is a bench by the canal, green, with one slat gone.",
    "Money was a word for the kitchen.",
]
REPLIES = [
    "I learned to paint from the door to the window.",
    "There was a green bench by the canal.",
    "Rain on a tin roof, mostly.",
]


def values(replies, answers):
    return {c.metric: c.value() for c in count_overlap(replies, answers)}


def test_identical_texts_are_perfect():
    found = values(ANSWERS, ANSWERS)
    assert found == pytest.approx({"bleu": 100, "chrf": 100, "rouge1": 1, "rouge2": 1, "rougeL": 1})


def test_nothing_in_common_is_nothing():
    found = values(["zzz qqq xxx jjj"] * 3, ["Where the bench was."] * 3)
    assert found["rouge1"] == found["rougeL"] == 0
    assert found["bleu"] == pytest.approx(0, abs=1e-6)


def test_an_empty_reply_scores_nothing_and_breaks_nothing():
    found = count_overlap(["", "Rain."], ["A bench by the canal.", "Rain."])
    assert all(c.each()[0] == 0 for c in found)


def test_corpus_scores_are_sacrebleus_own():
    found = values(REPLIES, ANSWERS)
    assert found["bleu"] == pytest.approx(sacrebleu.corpus_bleu(REPLIES, [ANSWERS]).score)
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(REPLIES, [ANSWERS]).score)


def test_each_question_alone_is_the_sentence_score():
    bleu, chrf, *_ = count_overlap(REPLIES, ANSWERS)
    for i, (reply, answer) in enumerate(zip(REPLIES, ANSWERS, strict=True)):
        assert bleu.each()[i] == pytest.approx(sacrebleu.sentence_bleu(reply, [answer]).score)
        assert chrf.each()[i] == pytest.approx(sacrebleu.sentence_chrf(reply, [answer]).score)


def test_rouge_by_hand():
    # 3 of 4 words shared, in order: precision 3/4, recall 3/5, F = 2/3; bigrams 2 of 3 and 2 of 4.
    found = values(["the green bench stood"], ["the green bench was gone"])
    assert found["rouge1"] == pytest.approx(2 / 3)
    assert found["rougeL"] == pytest.approx(2 / 3)
    assert found["rouge2"] == pytest.approx(2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))


def test_word_forms_count_as_different():
    assert values(["sweeping"], ["sweep"])["rouge1"] == 0


def test_order_of_questions_does_not_matter():
    there, back = values(REPLIES, ANSWERS), values(REPLIES[::-1], ANSWERS[::-1])
    assert there == pytest.approx(back)
