"""Consent in somebody else's database: the person is looked for under the names in force."""

import pytest
from click.testing import CliRunner

from echoes_lib.cli import main
from echoes_lib.errors import MissingColumn, NoConsent, NoSuchUser
from echoes_lib.params import Source
from echoes_lib.reflections.sources.consent import grant, list_consents, require, withdraw
from tests.reflections.diary import make_diary, make_profile


def test_a_person_of_somebody_elses_tables_allows_and_takes_back(any_url):
    source = make_diary(any_url)
    made = grant(any_url, "7", "training", "Ada", source=source)
    assert require(any_url, "7", "training") == made
    assert [c.purpose for c in withdraw(any_url, "7")] == ["training"]
    with pytest.raises(NoConsent, match="was withdrawn on"):
        require(any_url, "7", "training")


@pytest.mark.parametrize("user_id", ["8", "07", "Ada"])
def test_who_is_not_in_the_mapped_tables_cannot_allow_anything(any_url, user_id):
    source = make_diary(any_url)
    with pytest.raises(NoSuchUser, match="which holds 7, 70: choose one"):
        grant(any_url, user_id, "training", "Ada", source=source)
    assert list_consents(any_url, user_id) == []


def test_tables_that_are_not_there_are_named_with_the_way_out(any_url):
    make_diary(any_url)
    with pytest.raises(MissingColumn, match=r"no table user_responses .*source\.resp.* --profile"):
        grant(any_url, "7", "training", "Ada")
    with pytest.raises(MissingColumn, match="no table replies"):
        grant(any_url, "7", "training", "Ada", source=Source(responses="replies"))
    assert list_consents(any_url, "7") == []


def test_the_command_takes_database_and_names_from_the_profile(any_url, tmp_path, monkeypatch):
    make_profile(tmp_path / "project", any_url, make_diary(any_url))
    make_profile(tmp_path / "project", any_url, Source(), "demo")
    monkeypatch.setenv("ECHOES_PROJECT", str(tmp_path / "project"))

    def run(*arguments):
        return CliRunner().invoke(main, ["consent", *arguments])

    done = run("--user=7", "--by=Ada", "--profile=diary")
    assert done.exit_code == 0 and "recorded: 7, training" in done.output
    assert "granted by Ada" in run("--user=7", "--profile=diary").output
    wrong = run("--user=8", "--by=Bob", "--profile=diary")
    assert wrong.exit_code == 1 and "holds 7, 70" in wrong.stderr
    unmapped = run("--user=7", "--by=Ada")
    assert unmapped.exit_code == 1 and "no table user_responses" in unmapped.stderr
    gone = run("--user=7", "--withdraw", "--profile=diary")
    assert "echoes forget --user 7 --profile diary --dry-run" in gone.output
    assert "'huge' is not one of demo, diary" in run("--user=7", "--profile=huge").stderr


def test_the_advice_names_the_profile_that_was_run(any_url):
    make_diary(any_url)
    with pytest.raises(NoConsent, match='--user 7 --purpose training --by "7" --profile diary`'):
        require(any_url, "7", "training", "diary")
