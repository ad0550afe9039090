"""The questionnaire: which questions, in which order, what is kept between two sittings."""

import stat

import pytest

from echoes_lib.errors import BadSource, DataError
from echoes_lib.reflections.intake.asking import PAUSE_S, Stopwatch, questionnaire
from echoes_lib.reflections.intake.drafts import Drafts, draft_files, drafts_dir
from echoes_lib.reflections.sources.questions import shipped_questions
from echoes_lib.reflections.sources.sample import write_sample
from echoes_lib.reflections.sources.store import list_users, read_person
from echoes_lib.workspace import workspace
from tests.reflections.people import reflections, write


def open_form(user_id="bea", **options):
    return questionnaire(workspace().database_url, user_id, **options)


def test_the_stopwatch_leaves_absences_out():
    times = iter([0.0, 10.0, 10.0 + 2 * PAUSE_S, 15.0 + 2 * PAUSE_S])
    watch = Stopwatch(lambda: next(times))
    assert [watch.touch() for _ in range(3)] == [10.0, 10.0 + PAUSE_S, 15.0 + PAUSE_S]


def test_what_is_answered_is_not_asked_again():
    with open_form(name="Bea B.") as form:
        assert [q.question_id for q in form.waiting()] == list(range(1, 118))
        form.save(1, "One answer.", 12.34)
        form.save(3, "Another.", None)
    with open_form() as form:
        assert [q.question_id for q in form.waiting()][:3] == [2, 4, 5]
        assert form.before(4).question_id == 3
        assert form.before(3).question_id == 1
        assert form.before(1) is None
        assert form.position(117) == 117
    found = read_person(workspace().database_url, "bea")
    assert found.name == "Bea B."
    assert [(r.text, r.seconds) for r in found.reflections] == [
        ("One answer.", 12.3),
        ("Another.", None),
    ]


def test_a_theme():
    with open_form(category="looking_back") as form:
        assert [q.question_id for q in form.waiting()] == list(range(109, 118))
        assert form.position(109) == 1
    with (
        pytest.raises(DataError, match="--category 'x' is not one of career, "),
        open_form(category="x"),
    ):
        pass


def test_other_questions_of_the_same_numbers_keep_them():
    """Shipped questions get new numbers where theirs are taken, and the same ones next time."""
    write(reflections([1, 2, 400]))
    for _ in range(2):
        with open_form() as form:
            ids = [q.question_id for q in form.questions]
            assert ids == [401, 402, *range(3, 118)]
            assert form.questions[0].text == shipped_questions()[0].text
    with open_form() as form:
        form.save(401, "Mine.", 9.0)
    (found,) = read_person(workspace().database_url, "bea").reflections
    assert (found.question, found.text) == (shipped_questions()[0].text, "Mine.")
    assert read_person(workspace().database_url, "ada").reflections[0].question_id == 1


def test_nobody_is_written_before_the_first_answer():
    with open_form():
        pass
    assert list_users(workspace().database_url) == []


def test_drafts_are_asked_again_and_lie_where_only_their_owner_looks():
    with open_form() as form:
        form.save(1, "Saved.", 5.0)
        assert form.keep_draft(1, "Saved, and better.", 8.0)
        assert form.keep_draft(2, "Half", None)
        assert form.keep_draft(12, "Other half", 1.0)
    assert stat.S_IMODE(drafts_dir("bea").stat().st_mode) == 0o700
    assert len(draft_files("bea")) == 3
    assert len(draft_files("bea", 2)) == 1
    assert draft_files("nobody") == []
    with open_form() as form:
        assert [q.question_id for q in form.waiting()][:2] == [1, 2]
        assert (form.draft(1).text, form.draft(2).seconds) == ("Saved, and better.", None)
        assert not form.keep_draft(1, "Saved.", 9.0)  # taken back
        assert not form.keep_draft(2, " ", 9.0)
        form.save(12, "Whole.", 2.0)
    assert draft_files("bea") == []


def test_a_draft_that_is_saved_already_is_none():
    """As a kill between the two leaves it."""
    with open_form() as form:
        form.keep_draft(1, "Words.", 5.0)
        kept = draft_files("bea")[0].read_bytes()
        form.save(1, "Words.", 5.0)
        (drafts_dir("bea") / f"{form.drafts.prefix}-1.json").write_bytes(kept)
        assert form.draft(1) is None
        assert form.waiting()[0].question_id == 2


def test_drafts_of_two_databases_stay_apart_and_a_broken_one_is_none():
    one, other = Drafts("sqlite:///one.db", "bea"), Drafts("sqlite:///other.db", "bea")
    with open_form() as form:
        form.keep_draft(1, "Words.", 5.0)
    assert one.read(1) is other.read(1) is None
    draft_files("bea")[0].write_text("{")
    with open_form() as form:
        assert form.draft(1) is None


def test_remains_of_an_interrupted_write_are_listed():
    with open_form() as form:
        form.keep_draft(17, "Words.", 5.0)
        left = drafts_dir("bea") / f".{form.drafts.prefix}-17.json.123.part"
        left.write_text("Wor")
    assert left in draft_files("bea", 17)
    assert left not in draft_files("bea", 7)


@pytest.mark.parametrize("text", ["a\0b", "a\ud800", "x" * 200_001])
def test_what_cannot_be_stored_leaves_the_answer_before(text):
    with open_form() as form:
        form.save(1, "Before.", 5.0)
        with pytest.raises(DataError, match="kept as a draft"):
            form.save(1, text, 5.0)
    assert read_person(workspace().database_url, "bea").reflections[0].text == "Before."


def test_one_at_a_time_and_one_spelling():
    with open_form() as form:
        form.save(1, "Words.", 5.0)
        with pytest.raises(DataError, match="reflect --user bea` is open"), open_form():
            pass
    with (
        pytest.raises(DataError, match="--user BEA differs only in case from bea"),
        open_form("BEA"),
    ):
        pass
    with pytest.raises(BadSource, match="--user"), open_form("../bea"):
        pass


def test_the_sample_is_known_to_be_invented():
    write_sample(workspace().database_url)
    with open_form("luke") as form:
        assert (form.is_sample, form.has_consent, form.waiting()) == (True, True, [])
    with open_form() as form:
        assert (form.is_sample, form.has_consent) == (False, False)
