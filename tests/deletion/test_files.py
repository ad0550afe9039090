"""Which folders are a person's, which datasets held an answer, whose a notebook is."""

import json

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoes_lib.deletion.files import (
    chain_dirs,
    find_chains,
    find_loose,
    held_answer,
    notebook_user,
    read_questions,
    size_of,
)
from echoes_lib.deletion.rows import Wish
from echoes_lib.workspace import workspace, write_text


def manifest(profile, user_id, digest, *ids):
    folder = workspace().chain_dir(profile, user_id)
    content = {"dataset_hash": digest, "splits": {"stage1": list(ids[:-1]), "test": [ids[-1]]}}
    return write_text(folder / "1_preprocess/dataset/manifest.json", json.dumps(content))


@given(st.text(max_size=8))
def test_no_id_leads_out_of_the_persons_own_folders(user_id):
    for path in chain_dirs(user_id):
        assert path.name == user_id and path.parent.parent == workspace().runs


@pytest.mark.parametrize("user_id", ["", ".", "..", "...", "../agnes", "a/b", "*", "a?", "[a]"])
def test_an_id_that_is_no_folders_name_has_none(user_id):
    manifest("demo", "agnes", "h", 1, 2)
    manifest("demo", "a", "h", 1, 2)
    assert chain_dirs(user_id) == []


def test_a_dataset_counts_when_it_held_the_answer_or_nobody_knows():
    known = {"with": {1, 17}, "without": {1, 2}}
    one, whole = Wish("luke", 17, "sqlite://"), Wish("luke", None, "sqlite://")
    assert held_answer(one, known, "with") and not held_answer(one, known, "without")
    assert held_answer(one, known, "lost") and held_answer(one, known, None)
    assert held_answer(one, known, "without", "with") and held_answer(one, known)
    assert held_answer(whole, known, "without")


def test_questions_of_a_dataset_are_read_from_any_shape_of_splits(tmp_path):
    nested = {"dataset_hash": "h", "splits": {"test": [1], "folds": [[2, 3], {"x": [4]}]}}
    path = write_text(tmp_path / "a.json", json.dumps(nested))
    broken = write_text(tmp_path / "b.json", "{")
    assert read_questions(iter([path, broken, tmp_path / "none.json"])) == {"h": {1, 2, 3, 4}}


def test_a_chain_goes_when_any_part_of_it_was_made_with_the_answer():
    wish = Wish("luke", 17, "sqlite://")
    new, old = {"new": {1, 2}}, {"new": {1, 2}, "old": {1, 17}}
    manifest("demo", "luke", "new", 1, 2)
    manifest("demo", "agnes", "hers", 17, 18)
    assert find_chains(wish, new) == []
    folder = workspace().chain_dir("demo", "luke")
    write_text(folder / "3_train/adapter/echo.json", '{"dataset_hash": "old"}')
    write_text(folder / ".lock", "")
    places = find_chains(wish, old)
    assert [p.path.name for p in places] == ["1_preprocess", "3_train"]
    assert [p.kind for p in places] == ["dataset", "adapter"]
    assert sum(p.n_bytes for p in places) == size_of(folder)
    assert [p.path for p in find_chains(Wish("luke", None, ""), {})] == [p.path for p in places]


def test_a_notebook_is_the_persons_that_it_ran_with(tmp_path):
    cells = [
        nbformat.v4.new_code_cell('user_id = "luke"', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell('print("user_id = agnes")'),
    ]
    book = nbformat.v4.new_notebook(cells=cells)
    path = write_text(workspace().runs / "out.ipynb", nbformat.writes(book))
    assert notebook_user(path) == "luke"
    given = nbformat.v4.new_code_cell(
        "# Parameters\nuser_id = 'agnes'", metadata={"tags": ["injected-parameters"]}
    )
    book.cells.insert(1, given)
    write_text(path, nbformat.writes(book))
    assert notebook_user(path) == "agnes"
    assert [p.path for p in find_loose(Wish("agnes", 1, ""))] == [path]
    assert find_loose(Wish("luke", 1, "")) == []
    assert notebook_user(write_text(tmp_path / "broken.ipynb", "[]")) is None
