"""The sample: complete, consistent, written whole, twice the same, and over nobody else."""

import pytest

from echoes_lib.errors import DataError, NoDatabase
from echoes_lib.reflections.sources.sample import (
    read_lines,
    sample_users,
    write_sample,
    writing_seconds,
)
from echoes_lib.reflections.sources.schema import Probe
from echoes_lib.reflections.sources.store import content_hash, list_users, read_person
from echoes_lib.workspace import workspace
from tests.reflections.people import reflections, write

FLAWS = {"too_short", "too_fast", "off_topic", "doubled"}


def test_writing_twice_changes_nothing():
    url = workspace().database_url
    first = write_sample(url)
    hashes = [content_hash(url, user) for user in list_users(url)]
    second = write_sample(url)
    assert first["new or changed rows"] > 300
    assert second == first | {"new or changed rows": 0}
    assert [content_hash(url, user) for user in list_users(url)] == hashes


def test_keeps_other_people_and_extra_answers():
    url = workspace().database_url
    write_sample(url)
    other = [r for r in read_person(url, "luke").reflections if r.question_id < 4]
    write(other, "bob", "Bob")
    write(reflections([901]), "bob", "Bob")
    before = content_hash(url, "bob")
    assert write_sample(url)["new or changed rows"] == 0
    assert content_hash(url, "bob") == before


def test_refuses_to_write_over_a_real_person_or_other_questions():
    url = write(reflections([1]), "luke", "Luke")
    before = content_hash(url, "luke")
    with pytest.raises(DataError, match=r"luke of this database are not the sample's"):
        write_sample(url)
    assert content_hash(url, "luke") == before
    url = write(reflections([1]), "bob", "Bob", f"sqlite:///{workspace().home}/other.db")
    with pytest.raises(DataError, match=r"question_id=1 .* another question"):
        write_sample(url)
    assert list_users(url) == ["bob"]


def test_five_people_answer_known_questions_once():
    questions = {line["question_id"] for line in read_lines("questions")}
    assert len(questions) == 117
    assert sample_users() == ["luke", "agnes", "dev", "marisol", "henryk"]
    for user in sample_users():
        lines = read_lines(f"answers/{user}")
        ids = [line["question_id"] for line in lines]
        assert len(ids) == len(set(ids)) >= (117 if user == "luke" else 40)
        assert set(ids) <= questions
        assert {line.get("flaw", "doubled") for line in lines} <= FLAWS
        facts = [line["fact_id"] for line in read_lines(f"biographies/{user}")]
        assert len(facts) == len(set(facts)) >= 20


def test_probes_refer_to_answers():
    answered = {line["question_id"] for line in read_lines("answers/luke")}
    for probe in read_lines("probes/luke"):
        assert probe["question_id"] in answered
        assert probe["accepted"] and len(probe["wrong"]) == 3
        assert set(probe["accepted"]).isdisjoint(probe["wrong"])


def test_writing_time_is_plausible_and_always_the_same():
    for question_id in range(50):
        seconds = writing_seconds("luke", question_id, 150, None)
        assert 17.9 <= 60 * 150 / seconds <= 34.1
        assert seconds == writing_seconds("luke", question_id, 150, None)
        assert 6 <= writing_seconds("luke", question_id, 150, "too_fast") <= 9


def test_all_or_nothing(monkeypatch):
    faulty = Probe(user_id="luke", probe_id=1)
    monkeypatch.setattr("echoes_lib.reflections.sources.sample._probes", lambda: iter([faulty]))
    url = workspace().database_url
    with pytest.raises(NoDatabase, match="NOT NULL"):
        write_sample(url)
    assert list_users(url) == []
