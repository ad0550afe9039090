"""A database of somebody else's: other names, ids of people that are numbers, a schema.

Person 7 is called Ada and person 70 Bob; both have answered five questions. Letters of theirs
point to people, so that no person can be deleted from there.
"""

import yaml

from echoes_lib.params import Source
from echoes_lib.workspace import workspace
from tests.reflections.databases import execute
from tests.reflections.people import answer

IDS = range(1, 6)
COLUMNS = {
    "user_id": "writer",
    "question_id": "asked_nr",
    "response_text": "Body",
    "response_time_seconds": "took",
    "users.user_id": "nr",
    "users.name": "full_name",
    "questions.question_id": "nr",
    "question_text": "words",
    "category": "theme",
}


def asked(number):
    return " ".join(f"ask{number}y{k}" for k in range(12)) + "?"


def said(user_id, number):
    return answer(1000 * int(user_id) + number)


def make_diary(url):
    """Write the database; returns the names of its tables, in a schema where there are any."""
    schema = "diary" if url.startswith("postgresql") else ""
    answers = f'{schema}."Answers"' if schema else '"Answers"'
    execute(
        url,
        *(["create schema diary"] if schema else []),
        "create table people (nr integer primary key, full_name varchar(20))",
        "create table letters (about integer references people (nr))",
        "create table asked (nr integer, theme varchar(20), words text)",
        f'create table {answers} (writer integer references people (nr), asked_nr numeric, "Body"'
        " text, took real)",
        "insert into people values (7, 'Ada'), (70, 'Bob')",
        "insert into letters values (7), (70)",
        *(f"insert into asked values ({i}, 'home', '{asked(i)}')" for i in IDS),
        *(
            f"insert into {answers} values ({user}, {i}, '{said(user, i)}', 30)"
            for user in (7, 70)
            for i in IDS
        ),
    )
    place = f"{schema}.Answers" if schema else "Answers"
    return Source(responses=place, questions="asked", users="people", columns=COLUMNS)


def make_profile(folder, url, source, name="diary"):
    """Write a profile that names the database and its tables."""
    place = folder / "params" / name
    place.mkdir(parents=True)
    (place / "common.yaml").write_text(yaml.safe_dump({"database_url": url}))
    (place / "1_preprocess.yaml").write_text(yaml.safe_dump({"source": source.model_dump()}))


def stray(name, text):
    """Leave a text under runs/ where nothing points to it."""
    path = workspace().runs / "odd" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
