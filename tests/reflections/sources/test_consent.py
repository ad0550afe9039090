"""Consent: recorded, shown, withdrawn and required, in the sample and in somebody's own tables."""

import sqlite3
from datetime import date, timedelta

import pytest
from click.testing import CliRunner
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from echoes_lib.cli import main
from echoes_lib.errors import DataError, MissingColumn, NoConsent, NoDatabase, NoSuchUser
from echoes_lib.reflections.sources.consent import (
    PURPOSES,
    Consent,
    grant,
    list_consents,
    require,
    withdraw,
)
from echoes_lib.reflections.sources.sample import GRANTED_ON, write_sample
from echoes_lib.workspace import workspace

TODAY = date.today().isoformat()


@pytest.fixture
def sample():
    write_sample(workspace().database_url)
    return workspace().database_url


@pytest.fixture
def own(tmp_path):
    """Give a database with no more than the two tables that are needed."""
    return make_own(tmp_path / "own.db")


def make_own(path):
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "create table questions (question_id integer, category text, question_text text);"
            "create table user_responses (user_id text, question_id integer, response_text text,"
            " response_time_seconds real);"
            "insert into questions values (1, 'x', 'Why?');"
            "insert into user_responses values ('ada', 1, 'Because.', 3.0);"
        )
    connection.close()
    return f"sqlite:///{path}"


def test_the_sample_agreed_to_training_and_to_nothing_else(sample):
    consent = require(sample, "luke", "training")
    assert (consent.granted_by, consent.granted_on) == ("Luke", GRANTED_ON)
    assert set(consent.as_manifest()) == {"user_id", "purpose", "granted_by", "granted_on"}
    with pytest.raises(NoConsent, match="no consent of user luke to memory"):
        require(sample, "luke", "memory")


def test_a_database_of_ones_own_gets_the_table_with_the_first_consent(own):
    assert list_consents(own, "ada") == []
    with pytest.raises(NoConsent, match='echoes consent --user ada --purpose training --by "Ada"`'):
        require(own, "ada", "training")
    made = grant(own, "ada", "training", " Ada ", note="paper, drawer 3")
    assert made == Consent("ada", "training", "Ada", TODAY, "paper, drawer 3")
    assert require(own, "ada", "training") == made
    assert list_consents(own, "bob") == []


def test_withdrawn_is_refused_and_granted_anew(own):
    for purpose in PURPOSES:
        grant(own, "ada", purpose, "Ada", "2026-01-02")
    assert [c.purpose for c in withdraw(own, "ada", "memory")] == ["memory"]
    assert require(own, "ada", "training").granted_on == "2026-01-02"
    assert [c.withdrawn_on for c in withdraw(own, "ada")] == [TODAY, TODAY]
    assert withdraw(own, "ada") == []
    with pytest.raises(NoConsent, match=f"withdrawn on {TODAY}: if the person agrees"):
        require(own, "ada", "training")
    grant(own, "ada", "training", "Ada")
    assert require(own, "ada", "training").withdrawn_on is None


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"purpose": "selling"}, DataError, "'selling' is not one of training"),
        ({"granted_by": "  "}, DataError, "granted_by is empty"),
        ({"granted_on": "29.11.2026"}, DataError, "'29.11.2026' is not an ISO date"),
        ({"granted_on": "2026-02-30"}, DataError, "not an ISO date"),
        ({"granted_on": "20260102"}, DataError, "not an ISO date"),
        ({"granted_on": "9999-01-01"}, DataError, f"after today, {TODAY}"),
        ({"user_id": "adda"}, NoSuchUser, "holds ada"),
    ],
)
def test_mistakes_are_named_and_nothing_is_recorded(own, change, error, message):
    right = {"user_id": "ada", "purpose": "training", "granted_by": "Ada"}
    with pytest.raises(error, match=message):
        grant(own, **(right | change))
    assert list_consents(own, "ada") == []


@settings(max_examples=30, deadline=None)
@given(
    st.dates(max_value=date.today()),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
)
def test_any_past_day_and_any_name_come_back_as_they_were(tmp_path_factory, day, name):
    assume(name.strip())
    url = make_own(tmp_path_factory.mktemp("own") / "own.db")
    grant(url, "ada", "memory", name, day.isoformat())
    found = require(url, "ada", "memory")
    assert (found.granted_on, found.granted_by) == (day.isoformat(), name.strip())


def test_a_date_that_is_still_to_come_or_none_is_no_consent(own):
    grant(own, "ada", "training", "Ada")
    for stored, error in (
        ((date.today() + timedelta(1)).isoformat(), NoConsent),
        ("soon", DataError),
    ):
        with sqlite3.connect(own.removeprefix("sqlite:///")) as connection:
            connection.execute("update consents set granted_on = ?", [stored])
        connection.close()
        with pytest.raises(error, match=stored):
            require(own, "ada", "training")


def test_an_older_table_is_read_and_given_what_it_lacks(own):
    with sqlite3.connect(own.removeprefix("sqlite:///")) as connection:
        connection.execute(
            "create table consents (user_id text, purpose text, granted_by text, granted_on date)"
        )
    connection.close()
    grant(own, "ada", "training", "Ada", "2026-03-04")
    assert require(own, "ada", "training").granted_on == "2026-03-04"
    assert [c.purpose for c in withdraw(own, "ada")] == ["training"]
    with pytest.raises(NoConsent, match="was withdrawn on"):
        require(own, "ada", "training")


def test_a_table_of_another_kind_is_named(own):
    with sqlite3.connect(own.removeprefix("sqlite:///")) as connection:
        connection.execute("create table consents (user_id text, what text)")
    connection.close()
    with pytest.raises(MissingColumn, match="purpose, granted_by, granted_on"):
        require(own, "ada", "training")


def test_without_a_database_there_is_none_to_ask():
    with pytest.raises(NoDatabase):
        require("sqlite:////nowhere/at/all.db", "ada", "training")


def run(*arguments):
    return CliRunner().invoke(main, ["consent", *arguments])


def test_the_command_records_shows_and_withdraws(own):
    base = ["--user", "ada", "--database-url", own]
    assert "nothing is recorded of ada" in run(*base).output
    done = run(*base, "--by", "Ada", "--note", "by letter")
    assert done.exit_code == 0 and "training" in done.output and "Ada" in done.output
    shown = run(*base)
    assert "training" in shown.output and TODAY in shown.output and "by letter" in shown.output
    gone = run(*base, "--withdraw")
    assert gone.exit_code == 0 and "echoes forget --user ada" in gone.output
    assert "withdrawn" in run(*base).output
    assert "nothing to withdraw" in run(*base, "--withdraw").output


def test_the_command_refuses_what_makes_no_sense(own):
    base = ["--user", "ada", "--database-url", own]
    assert run(*base, "--by", "Ada", "--withdraw").exit_code == 2
    assert run(*base, "--purpose", "selling", "--by", "Ada").exit_code == 2
    wrong = run("--user", "bob", "--database-url", own, "--by", "Bob")
    assert wrong.exit_code == 1 and "bob" in wrong.stderr


def test_the_command_knows_every_purpose():
    shown = run("--help").output
    assert all(purpose in shown for purpose in PURPOSES)
    (option,) = [o for o in main.commands["consent"].params if o.name == "purpose"]
    assert list(option.type.choices) == list(PURPOSES)
