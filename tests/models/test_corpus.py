"""The seedling's corpus: its grammar, its people, and what they say to which question."""

import json
import random
import re
from dataclasses import replace

import pytest

from echoes_lib.checks.corpus import repeated_share
from echoes_lib.measures.words import words
from echoes_lib.models.seedling import SEEDLING_DIR
from echoes_lib.models.seedling.corpus import PERSONAS, compose, conversations, held_out
from echoes_lib.models.seedling.corpus.conversations import _exchange, _visit
from echoes_lib.models.seedling.corpus.grammar import SLOT, frame, sentence_frames, tidy
from echoes_lib.models.seedling.corpus.idiolect import reword
from echoes_lib.models.seedling.corpus.library import FOLDER, read_library, read_topic
from echoes_lib.models.seedling.corpus.lives import FACTS, invent, scene
from echoes_lib.models.seedling.corpus.society import HELD_OUT_START, Society, agree, society
from echoes_lib.models.seedling.corpus.style import VOICES, WHOLE, contract
from echoes_lib.reflections.sources.sample import read_lines

RUN = 9


@pytest.fixture(scope="module")
def talks():
    return list(conversations(300, seed=5))


def frames_of(topic):
    yield from (*topic.questions, *topic.openings, *topic.endings)
    for story in topic.stories:
        yield from story.sentences
        for question, answer in story.followups:
            yield from (question, *answer)


@pytest.mark.slow
def test_the_same_seed_writes_the_same_conversations(talks):
    assert talks[40:60] == list(conversations(20, seed=5, start=40))
    assert compose(5, 40) != compose(6, 40)


@pytest.mark.slow
def test_every_conversation_has_a_persona_and_one_to_four_turns(talks):
    turns = [len(talk) // 2 for talk in talks]
    for talk, n in zip(talks, turns, strict=True):
        roles = [message["role"] for message in talk]
        assert roles == ["system", *["user", "assistant"] * n]
        assert talk[0]["content"].startswith("You are ")
    assert set(turns) == {1, 2, 3, 4}


@pytest.mark.slow
def test_the_wished_persona_is_the_usual_one(talks):
    wished = (
        "You are {name}, sharing your authentic thoughts and experiences with warmth and wisdom."
    )
    assert wished == PERSONAS[0]
    pattern = wished.replace("{name}", r"\w+")
    assert sum(bool(re.fullmatch(pattern, talk[0]["content"])) for talk in talks) > 100


@pytest.mark.slow
def test_answers_are_tidy_and_of_the_wished_length(talks):
    answers = [m["content"] for talk in talks for m in talk if m["role"] == "assistant"]
    lengths = sorted(len(answer.split()) for answer in answers)
    assert lengths[-1] <= 220 and lengths[0] >= 8
    assert 50 <= lengths[len(lengths) // 2] <= 130
    untidy = re.compile(r"[{}|\[\]]|\ba (?!one|eu)[aeio]|  |(?<!\.)\.\.(?!\.)|,,")
    assert not any(untidy.search(answer) for answer in answers)
    assert all(answer.isascii() for answer in answers)


@pytest.mark.slow
def test_every_question_of_the_sample_has_material_and_none_is_asked_in_its_own_words():
    asked = {row["question_text"].lower() for row in read_lines("questions")}
    names = {path.name[:3] for path in (FOLDER / "questions").glob("*.txt")}
    assert names >= {f"{row['question_id']:03d}" for row in read_lines("questions")}
    ours = {
        tidy(one.read(number)).lower()
        for topic in read_library().topics
        for one in topic.questions
        for number in range(min(one.ways, 500))
    }
    assert not asked & ours


@pytest.mark.slow
def test_no_run_of_words_of_a_sample_answer_is_in_the_material():
    material = set()
    for topic in read_library().topics:
        for one in frames_of(topic):
            for number in range(min(one.ways, 16)):
                material |= runs(one.visit(0, number))
    for user in (row["user_id"] for row in read_lines("people")):
        for row in read_lines(f"answers/{user}"):
            shared = runs(row["response_text"]) & material
            assert not shared, (user, row["question_id"], len(shared))


def runs(text):
    spoken = [word.lower() for word in words(text)]
    return {tuple(spoken[at : at + RUN]) for at in range(len(spoken) - RUN + 1)}


def test_every_voice_speaks_to_every_question_and_every_slot_is_a_fact():
    for topic in read_library().topics:
        assert {story.voice for story in topic.stories} == set(VOICES), topic.title
        assert len(topic.questions) >= 10 and len(topic.stories) >= 15, topic.title
        for one in frames_of(topic):
            assert set(SLOT.findall(one.read(0))) <= FACTS, one.read(0)


@pytest.mark.slow
def test_long_sentences_seldom_repeat():
    assert repeated_share(list(conversations(10_000))) < 0.01


def test_the_measure_of_repetition_sees_repetition():
    said = "This sentence has more than eight words in it."
    talk = [{"role": "assistant", "content": f"{said} Short one. {said}"}]
    assert repeated_share([talk]) == 1.0
    assert repeated_share([[{"role": "assistant", "content": said}]]) == 0.0


def told_by(tells, number):
    """Let one and the same person tell a story, briefly or whole."""
    life = invent(0, 1, read_library().banks)
    style = replace(life.style, tells=tells, closes=0.0, splits=0.0, joins=0.0)
    rng = random.Random(number)
    return _exchange(0, number, 0, replace(life, style=style), rng, may_follow=True)


def test_the_brief_leave_a_story_early_and_are_not_asked_for_more():
    for number in range(0, 400, 20):
        brief, whole = told_by(2, number), told_by(WHOLE, number)
        assert len(brief) == 2 and len(whole) in (2, 4)
        shorter, longer = (len(talk[1]["content"].split()) for talk in (brief, whole))
        assert shorter < longer
    assert any(len(told_by(WHOLE, number)) == 4 for number in range(0, 400, 20))


@pytest.mark.slow
def test_held_out_people_are_new():
    banks = read_library().banks
    assert invent(0, 3, banks) == invent(0, 3, banks) != invent(0, HELD_OUT_START + 3, banks)
    fresh = {talk[2]["content"] for talk in held_out(50)}
    assert len(fresh) == 50
    assert not fresh & {talk[2]["content"] for talk in conversations(3000)}


def test_a_story_is_told_by_somebody_to_whom_it_could_have_happened():
    people = society(0)
    for topic in read_library().topics:
        for story in topic.stories:
            life = people.find(story.voice, story.needs, random.Random(1))
            assert story.needs <= life.traits, (topic.title, sorted(story.needs))
            assert agree(life.traits)


def test_a_life_that_nobody_has_is_made_from_the_nearest():
    banks = read_library().banks
    few = Society([invent(0, number, banks) for number in range(300)])
    needs = frozenset({"trade=vet", "widowed", "young", "childless"})
    life = few.find("plain", needs, random.Random(0))
    assert needs <= life.traits and agree(life.traits) and life.facts["trade"] == "vet"


def test_facts_hold_through_a_conversation_and_scenes_change():
    banks = read_library().banks
    life = invent(0, 1, banks)
    first, second = (scene(life, random.Random(at), banks) for at in (1, 2))
    assert first.keys() == second.keys() == FACTS
    assert all(first[name] == second[name] for name in life.facts)
    assert first != second
    assert len({first[name] for name in ("wife", "sister", "daughter", "woman", "name")}) == 5


def test_every_telling_of_a_tale_has_a_number_of_its_own():
    numbers = [_visit(epoch, turn) for epoch in range(30) for turn in range(4)]
    assert len(set(numbers)) == 120
    for ways in (6, 8, 9, 12):
        assert len({_visit(epoch, turn) % ways for epoch in range(3) for turn in (0, 1)}) == 6


def test_a_frame_reads_in_each_of_its_ways_once():
    one = frame("{a|{b|c}|} and {x|y}")
    assert one.ways == 8
    read = [one.read(number) for number in range(8)]
    assert len(set(read)) == 8 and set(read) >= {"a and x", "c and y", " and x"}
    assert len({one.visit(5, visit) for visit in range(8)}) == 8
    assert [part.ways for part in sentence_frames("One {a. B|c} two. {Three|Four} is.")] == [2, 2]


@pytest.mark.parametrize("text", ["a {b", "a b}", "a | b", "{a|b}}", "{{a|b}"])
def test_braces_that_do_not_match_are_refused(text):
    with pytest.raises(ValueError, match="braces"):
        frame(text)


def test_text_is_mended():
    assert tidy("i kept a  old dog , he stayed. we laughed.") == (
        "I kept an old dog, he stayed. We laughed."
    )
    assert contract("I am sure it is not late.", 1.0, random.Random(0)) == (
        "I'm sure it isn't late."
    )


def test_a_person_keeps_to_their_own_words():
    text = "Perhaps nobody came. Maybe somebody did, perhaps."
    said = {reword(text, person) for person in range(40)}
    assert len(said) > 4
    for person in range(40):
        found = re.findall(r"perhaps|maybe", reword(text, person).lower())
        # One favourite throughout, or none and the words as they were written.
        assert len(set(found)) == 1 or found == ["perhaps", "maybe", "perhaps"]


def test_what_a_story_presupposes_is_read_from_its_words(tmp_path):
    path = tmp_path / "001_a.txt"
    path.write_text(
        "# 1 a\n@ warm old\nMy wife [wife] sang.\n+ And then? => My son slept.\n"
        "@ dry trade=bus driver widowed\nMy wife drove.\n"
    )
    first, second = read_topic(path).stories
    assert first.needs == {"old", "wife", "son"}
    assert second.needs == {"trade=bus driver", "widowed"}


@pytest.mark.parametrize(
    "lines",
    ["# 1 a\nhello", "# 1 a\n@ loud\nText.", "# 1 a\n@ dry tall\nText.", "# 1 a\n+ no => story"],
)
def test_a_malformed_topic_is_refused_with_its_file(tmp_path, lines):
    path = tmp_path / "001_a.txt"
    path.write_text(lines)
    with pytest.raises(ValueError, match=r"001_a\.txt"):
        read_topic(path)


def test_the_record_beside_the_weights_names_the_text():
    record = json.loads((SEEDLING_DIR / "training.json").read_text())
    assert len(record["tokens_sha256"]) == 64 and record["conversations"] > 1000
