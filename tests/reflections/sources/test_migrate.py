"""The tables are made and changed by migrations, on both kinds of database."""

import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from echoes_lib.errors import NoDatabase, SchemaTooNew
from echoes_lib.reflections.sources.connect import opened
from echoes_lib.reflections.sources.migrate import upgrade, writing
from echoes_lib.reflections.sources.schema import VERSION_TABLE, Base
from echoes_lib.reflections.sources.store import read_person
from tests.reflections.databases import execute
from tests.reflections.people import reflections, write


def test_the_migrations_make_the_tables_of_the_schema(any_url):
    with writing(any_url) as engine, engine.connect() as connection:
        found = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(found, Base.metadata) == []


def test_tables_that_were_made_without_migrations_are_kept_with_their_rows(any_url):
    with opened(any_url, write=True) as engine:
        Base.metadata.create_all(engine)
    execute(any_url, "insert into users values ('bob', 'Bob', 40, 'baker', 'person')")
    write(reflections([1, 2]), url=any_url)
    assert len(read_person(any_url, "ada").reflections) == 2
    with writing(any_url) as engine, engine.connect() as connection:
        rows = connection.exec_driver_sql("select user_id, name from users order by user_id")
        assert rows.all() == [("ada", "Ada"), ("bob", "Bob")]


def test_tables_of_other_programs_stay(any_url):
    execute(
        any_url,
        "create table alembic_version (version_num varchar(32))",
        "insert into alembic_version values ('theirs')",
    )
    with writing(any_url) as engine, engine.connect() as connection:
        assert VERSION_TABLE in inspect(engine).get_table_names()
        kept = connection.exec_driver_sql("select version_num from alembic_version").scalar()
        assert kept == "theirs"


def test_a_newer_schema_is_refused_and_nothing_changes(any_url):
    write(reflections([1]), url=any_url)
    execute(any_url, f"update {VERSION_TABLE} set version_num = '9999'")
    with pytest.raises(SchemaTooNew, match="newer version of Echoes of Me: update this one"):
        write(reflections([2]), url=any_url)
    assert len(read_person(any_url, "ada").reflections) == 1


def test_a_change_that_fails_leaves_nothing(any_url, monkeypatch):
    from alembic.operations import Operations

    make, made = Operations.create_table, []

    def failing(self, name, *columns, **options):
        made.append(name)
        if len(made) == 4:
            raise NoDatabase("the disk is full")
        return make(self, name, *columns, **options)

    monkeypatch.setattr(Operations, "create_table", failing)
    with pytest.raises(NoDatabase, match="full"), opened(any_url, write=True) as engine:
        upgrade(engine)
    with opened(any_url, write=True) as engine:
        assert len(made) == 4
        assert inspect(engine).get_table_names() == []


def test_several_processes_may_begin_at_once(any_url):
    code = (
        "import sys; from echoes_lib.reflections.sources.migrate import writing\n"
        "with writing(sys.argv[1]): pass"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, any_url], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [(p.communicate()[1], p.returncode) for p in running] == [("", 0)] * 4
